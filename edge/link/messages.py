"""What travels on a local socket: one JSON text frame is one of these.

Client to server: `Call`. Server to client: `Reply` or `Push`, told apart by `kind`.
A call does not say where it comes from: the socket does (`Request.origin` is set by the server).
"""

import enum
from typing import TypeVar

import msgspec

from edge.controller.request import Origin, Request
from edge.controller.struct import Tagged, Value

T = TypeVar("T")

MAX_CALL_BYTES = 64 * 1024
"""A longer frame from a client ends its connection (WebSocket close code 1009)."""
MAX_FRAME_BYTES = 4 * 1024 * 1024
"""A longer frame from the server is refused by the client."""

NOTHING = msgspec.Raw(b"null")

SNAPSHOT = "snapshot"
"""Push topic: `edge.controller.snapshot.Snapshot`."""
JOURNAL_GROWN = "journal.grown"
"""Push topic: `dict[str, int]`, the last committed seq of each stream."""


class Call(Value):
    """A request as a client writes it. `id` is echoed in the reply."""

    id: str
    action: str
    role: str = ""
    args: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict)
    expires_utc: str | None = None

    def arrived(self, origin: Origin) -> Request:
        """The request that this call is, when it comes in through the socket of `origin`."""
        return Request(id=self.id, origin=origin, action=self.action, role=self.role,
                       args=self.args, expires_utc=self.expires_utc)


class Status(enum.StrEnum):
    """How a call ended."""

    ACCEPTED = "accepted"  # it will be done; no result to wait for
    REFUSED = "refused"  # a rule said no; `reason` says which
    RESULT = "result"  # done; `result` holds what came out
    ERROR = "error"  # it could not be done or understood; `reason` says why


class Reply(Tagged):
    """The one answer to a call. `request_id` is empty when the call could not be read."""

    request_id: str
    status: Status
    reason: str = ""
    result: msgspec.Raw = NOTHING


class Push(Tagged):
    """A state that changed. Only the latest of each topic is kept for a client that is slow."""

    topic: str
    data: msgspec.Raw


Downward = Reply | Push


def accepted(request: Request) -> Reply:
    """Say yes; the rest follows by itself."""
    return Reply(request_id=request.id, status=Status.ACCEPTED)


def refused(request: Request, reason: str) -> Reply:
    """Say no, and why, in words that a technician understands."""
    return Reply(request_id=request.id, status=Status.REFUSED, reason=reason)


def failed(request: Request, reason: str) -> Reply:
    """Say that it could not be done, and why."""
    return Reply(request_id=request.id, status=Status.ERROR, reason=reason)


def resulted(request: Request, result: object) -> Reply:
    """Answer with `result`, anything that msgspec writes as JSON (`msgspec.Raw`: as it is)."""
    return Reply(request_id=request.id, status=Status.RESULT,
                 result=msgspec.Raw(msgspec.json.encode(result)))


def arguments(request: Request, type_: type[T]) -> T:
    """The arguments of a request as `type_`; `msgspec.ValidationError` says what does not fit.

    The server turns that exception into an error reply, so a handler need not catch it.
    """
    return msgspec.json.decode(msgspec.json.encode(request.args), type=type_)
