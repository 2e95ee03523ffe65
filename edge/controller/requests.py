"""What may be asked of the core, and its refusals. Taking power away is refused to nobody."""

from collections.abc import Callable

import msgspec

from edge.controller import fault_register
from edge.controller.catalogue import CATALOGUE
from edge.controller.effects import AcknowledgeBoard
from edge.controller.faults import Until
from edge.controller.phase import LIVE
from edge.controller.request import Request
from edge.controller.session import StopReason
from edge.controller.state import Outlet, Stop
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


def _text(args: dict[str, msgspec.Raw], name: str) -> str | None:
    try:
        return msgspec.json.decode(args[name], type=str)
    except (KeyError, msgspec.DecodeError, UnicodeError):
        return None


def _find(turn: Turn, args: dict[str, msgspec.Raw]) -> Outlet | str:
    evse_id = _text(args, "evse_id")
    if evse_id is None or evse_id not in turn.outlets:
        return f"evse_id: got {evse_id!r}, expected one of {', '.join(turn.outlets)}"
    return turn.outlets[evse_id]


def _session_stop(turn: Turn, args: dict[str, msgspec.Raw]) -> str | None:
    """Stop in order. Anybody at the post may take power away."""
    outlet = _find(turn, args)
    if isinstance(outlet, str):
        return outlet
    if outlet.phase not in LIVE:
        return f"evse {outlet.evse_id}: no session to stop"
    stop = outlet.stop or Stop(reason=StopReason.LOCAL, trigger="StopAuthorized")
    turn.set(outlet.evse_id, stop=stop)
    return None


def _fault_clear(turn: Turn, args: dict[str, msgspec.Raw]) -> str | None:
    """A technician looked. The fault ends only if its cause does."""
    code, where = _text(args, "code"), _text(args, "where")
    fault = turn.faults.get(f"{code}@{where}")
    if fault is None:
        return f"no fault {code} stands at {where}"
    if fault.evse_id is not None and CATALOGUE[fault.code].until is Until.TECHNICIAN:
        board = turn.outlets[fault.evse_id].board
        if board is not None:
            turn.emit(AcknowledgeBoard(evse_id=fault.evse_id, fault_seq=board.fault_seq))
        fault_register.acknowledge(turn, fault)
    else:
        fault_register.clear(turn, fault)  # and raised again in this step if its cause still stands
    return None


_REQUESTS: dict[str, Callable[[Turn, dict[str, msgspec.Raw]], str | None]] = {
    "session.stop": _session_stop,
    "fault.clear": _fault_clear,
}
