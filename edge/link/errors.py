"""What a client of a local socket may meet."""


class LinkError(Exception):
    """The call could not be done: the server said so, or its answer makes no sense."""


class LinkRefused(LinkError):
    """A rule of the controller or of its socket said no. The message is the reason."""


class LinkLost(LinkError, ConnectionError):
    """There is no connection (any more). Whether a call in flight was done is unknown."""


class LinkTimeout(LinkError, TimeoutError):
    """No reply in time. Whether the call was done is unknown."""
