"""What may be asked of the core, and its refusals. Taking power away is refused to nobody."""



from edge.controller.request import Request
from edge.controller.turn import Turn


def answer(turn: Turn, request: Request) -> str | None:
    """Carry a request out; returns why not, or None."""
    if request.expires_utc is not None and turn.at.utc is not None and (
            turn.at.utc >= request.expires_utc):
        return f"request {request.id} expired at {request.expires_utc}"
    handler = _REQUESTS.get(request.action)
    if handler is None:
        return f"action: got {request.action!r}, expected one of {', '.join(_REQUESTS)}"
    return handler(turn, request.args)


_REQUESTS: dict[str, Callable[[Turn, dict[str, msgspec.Raw]], str | None]] = {
    "session.stop": _session_stop,
    "fault.clear": _fault_clear,
}
