"""A recording in words: what a technician would tell of it. Quiet polls say nothing."""

from collections.abc import Iterator

from edge.controller.catalogue import CATALOGUE
from edge.controller.effects import (
    AnswerRequest,
    AskCloud,
    ClearFault,
    CloseContactor,
    Effect,
    LowerCurrent,
    NoteRefusal,
    OfferCurrent,
    OpenContactor,
    PriceSession,
    RaiseFault,
    WakeCar,
    WithdrawOffer,
)
from edge.controller.events import (
    CardPresented,
    CloudSeen,
    GrantFailed,
    Header,
    JournalHurt,
    JournalStalled,
    JournalWell,
    ReaderBack,
    ReaderLost,
    RequestReceived,
    SessionPriced,
    SessionSetAside,
    Stamped,
    Started,
)
from edge.controller.faults import Fault
from edge.controller.pilot import PilotState
from edge.controller.session import Session
from edge.controller.state import Outlet, Site
from edge.controller.struct import Value
from edge.recorder.codec import Outcome

_PILOTS = {
    PilotState.A: "no car at the plug",
    PilotState.B: "car plugged in",
    PilotState.C: "car asks for power",
    PilotState.D: "car asks for power, and for ventilation",
    PilotState.E: "pilot shorted, or the board without supply",
    PilotState.F: "board says \"not available\"",
    PilotState.UNKNOWN: "pilot at no known level",
}


class Line(Value):
    """`evse_id` None: of the whole site. `boot` and `mono_ns` when, whatever the clock says."""

    boot: int
    mono_ns: int
    utc: str | None
    clock_ok: bool
    evse_id: str | None
    words: str

    def __str__(self) -> str:
        when = self.utc if self.utc is not None and self.clock_ok else (
            f"boot {self.boot} +{self.mono_ns / 1e9:.3f} s")
        who = "site" if self.evse_id is None else f"evse {self.evse_id}"
        return f"{when}  {who:<8}  {self.words}"


def tell(before: Site, stamped: Stamped, outcome: Outcome, after: Site) -> Iterator[Line]:
    """What a step says, in the order cause, change, effect; of most steps nothing."""
    at = stamped.at
    for evse_id, words in _told(before, stamped, outcome, after):
        yield Line(boot=at.boot, mono_ns=at.mono_ns, utc=at.utc, clock_ok=at.clock_ok,
                   evse_id=evse_id, words=words)


_Told = Iterator[tuple[str | None, str]]


def _told(before: Site, stamped: Stamped, outcome: Outcome, after: Site) -> _Told:
    yield from _event(before, stamped)
    if isinstance(outcome, BaseException):
        yield None, f"the core failed: {type(outcome).__name__}: {outcome}"
        return
    for evse_id, outlet in after.outlets.items():
        was = before.outlets[evse_id]
        if outlet is not was:
            yield from ((evse_id, words) for words in _outlet(was, outlet))
    for effect in outcome:
        yield from _effect(effect)


def _event(before: Site, stamped: Stamped) -> _Told:
    event = stamped.event
    match event:
        case Started():
            yield None, f"controller started, software {event.software}" + (
                ", after the computer itself" if event.mains_back else "")
        case CardPresented():
            known = "unknown" if event.record is None else event.record.status.value.lower()
            yield None, f"card ..{event.token.last4} at reader {event.reader_id}: {known}"
        case RequestReceived():
            args = ", ".join(f"{name} {bytes(raw).decode(errors='replace')}"
                             for name, raw in event.request.args.items())
            yield None, f"{event.request.origin} asks: {event.request.action} {args}".rstrip()
        case GrantFailed():
            yield event.evse_id, f"not closed: {event.error}"
        case SessionPriced():
            yield event.evse_id, (f"session {event.transaction_id} costs {event.total_incl_vat}"
                                  f" {event.currency}")
        case SessionSetAside():
            yield None, f"{event.transaction_id} set aside: {event.error}"
        case JournalStalled() | JournalHurt():
            yield None, f"journal: {event.error}"
        case JournalWell():
            yield None, "journal: writes again"
        case ReaderLost():
            yield None, f"reader {event.reader_id} lost: {event.error}"
        case ReaderBack():
            yield None, f"reader {event.reader_id} answers"
        case CloudSeen() if event.connected != before.cloud_connected:
            yield None, "cloud reached" if event.connected else "cloud not reached"
        case _:
            pass


def _outlet(was: Outlet, now: Outlet) -> Iterator[str]:
    if now.board_error is not None and was.board_error is None:
        yield f"board silent: {now.board_error}"
    elif now.board is not None:
        if was.board is None or was.board_error is not None:
            yield "board answers"
        if was.board is None or was.board.pilot is not now.board.pilot:
            yield _pilot(was, now.board.pilot)
    if was.pi_mirror_closed is not now.pi_mirror_closed:
        mirror = now.pi_mirror_closed
        yield f"contactor {'unknown' if mirror is None else 'closed' if mirror else 'open'}"
    if was.session is None and now.session is not None:
        verb = "begins" if was.restored is None else "goes on"
        yield f"session {now.session.transaction_id} {verb}, card ..{now.session.token.last4}"
    if was.phase is not now.phase:
        yield f"{was.phase} -> {now.phase}"
    if was.session is not None and now.session is not None and was.session is not now.session:
        yield from _session(was.session, now.session)


def _pilot(was: Outlet, now: PilotState) -> str:
    asked = was.board is not None and was.board.pilot in (PilotState.C, PilotState.D)
    return "car rests" if asked and now is PilotState.B else _PILOTS[now]


def _session(was: Session, now: Session) -> Iterator[str]:
    if was.start_reading is None and now.start_reading is not None:
        yield f"start register {now.start_reading.energy_import_wh} Wh"
    if was.ended is None and now.ended is not None:
        yield f"session {now.transaction_id} ends: {now.stop_reason}"


def _effect(effect: Effect) -> _Told:
    match effect:
        case CloseContactor():
            yield effect.evse_id, f"close, {effect.current_a:g} A"
        case OpenContactor():
            yield effect.evse_id, f"open{' at once' if effect.urgent else ''}: {effect.reason}"
        case OfferCurrent():
            yield effect.evse_id, f"offer {effect.current_a:g} A ({effect.because})"
        case LowerCurrent():
            yield effect.evse_id, f"offer only {effect.current_a:g} A ({effect.because})"
        case WithdrawOffer():
            yield effect.evse_id, "offer withdrawn"
        case WakeCar():
            yield effect.evse_id, f"wakes the car for {effect.pulse_s:g} s"
        case RaiseFault():
            yield effect.fault.evse_id, f"FAULT {_fault(effect.fault)}"
        case ClearFault():
            yield effect.fault.evse_id, f"fault ended: {_fault(effect.fault)}"
        case PriceSession():
            session = effect.session
            register = "" if session.end_reading is None else (
                f", end register {session.end_reading.energy_import_wh} Wh")
            yield effect.evse_id, (f"session {session.transaction_id} took"
                                   f" {session.energy_wh / 1000:.3f} kWh{register}")
        case NoteRefusal():
            yield None, f"card ..{effect.last4} refused ({effect.why}): {effect.log}"
        case AskCloud():
            yield None, f"card ..{effect.token.last4}: the cloud is asked"
        case AnswerRequest():
            yield None, "done" if effect.refusal is None else f"refused: {effect.refusal}"
        case _:
            pass


def _fault(fault: Fault) -> str:
    return f"{fault.code} {CATALOGUE[fault.code].name} at {fault.where} {fault.detail}".rstrip()


def standing(site: Site, at: Header) -> Iterator[Line]:
    """How things stood at a moment: each EVSE, then the faults."""
    def line(evse_id: str | None, words: str) -> Line:
        return Line(boot=at.boot, mono_ns=at.mono_ns, utc=at.utc, clock_ok=at.clock_ok,
                    evse_id=evse_id, words=words)
    for evse_id, outlet in site.outlets.items():
        session = "" if outlet.session is None else f", {outlet.session.energy_wh / 1000:.3f} kWh"
        mirror = {None: "unknown", True: "closed", False: "open"}[outlet.pi_mirror_closed]
        yield line(evse_id, f"stands: {outlet.phase}, contactor {mirror}, offer"
                            f" {outlet.offer.current_a:g} A {outlet.offer.because}".rstrip() + session)
    for fault in site.faults.values():
        yield line(fault.evse_id, f"stands: {_fault(fault)}")
