"""Takes the facts of an event into the state; what follows from them is decided in `core.py`."""

from typing import TypeVar, assert_never

import msgspec

from edge.controller import crosscheck, fault_register, limits, rebasing, requests, restore
from edge.controller.authorisation import card_facts, cards, list_age, quotas, reserving
from edge.controller.effects import AnswerRequest, PriceSession, SaveSession, Stream
from edge.controller.events import (
    AvailabilityRestored,
    BoardLost,
    CardAnswered,
    CardPresented,
    CloudSeen,
    CommitsTimed,
    ContactRestored,
    CostSeen,
    DiskSeen,
    Event,
    GrantFailed,
    GrantPassed,
    InputSeen,
    JournalHurt,
    JournalStalled,
    JournalWell,
    LimitRestored,
    ListSeen,
    MeterLost,
    OutletFound,
    OutletSeen,
    ReaderBack,
    ReaderLost,
    ReadingTaken,
    RequestReceived,
    ReservationRestored,
    SensorSeen,
    SessionPriced,
    SessionRestored,
    SessionSetAside,
    Started,
    TallyRestored,
    Tick,
    UnknownRestored,
    UsageRestored,
    WearRestored,
)
from edge.controller.phase import Phase
from edge.controller.pilot import BoardStatus, PilotState
from edge.controller.plug import PLUGGED_IN, left_ns, pilot
from edge.controller.reading import Quality, Reading
from edge.controller.records import EV_BOOT, TX_CDR, VENDOR, BootData, BootNotification
from edge.controller.rules import meter
from edge.controller.signs import is_end, is_start
from edge.controller.state import Measured, Outlet
from edge.controller.turn import Turn

T = TypeVar("T")

PRICED = 32  # so many are remembered: a price that comes twice comes soon
TOGETHER_S = 10.0  # boards that start anew within this time lost their supply together
BRIEF_S = 2.0  # so long a reading of the register alone does not displace one with currents and power


def take(turn: Turn, event: Event) -> None:
    """Every kind of event, and what it says of the site; what is of no EVSE of ours says nothing."""
    if getattr(event, "evse_id", None) not in (None, *turn.outlets):
        return
    match event:
        case Tick():
            pass  # its header is its message
        case OutletSeen():
            _outlet_seen(turn, event)
        case ReadingTaken():
            _reading_taken(turn, event)
        case CardPresented():
            cards.present(turn, msgspec.structs.replace(
                event, evse_ids=tuple(e for e in event.evse_ids if e in turn.outlets)))
        case RequestReceived():
            refusal = requests.answer(turn, event.request)
            turn.emit(AnswerRequest(request_id=event.request.id, refusal=refusal))
        case SessionPriced():
            _session_priced(turn, event)
        case SessionRestored():
            _session_restored(turn, event)
        case Started():
            _started(turn, event)
        case BoardLost():
            turn.set(event.evse_id, board_error=event.error, relay_on=event.relay_on,
                     pi_mirror_closed=event.pi_mirror_closed)
        case GrantPassed():
            _grant_passed(turn, turn.outlets[event.evse_id])
        case GrantFailed():
            if turn.outlets[event.evse_id].closing:
                turn.set(event.evse_id, close_error=event.error)
        case MeterLost():
            turn.change(meter_errors={**turn.site.meter_errors, event.meter_id: event.error})
        case ReaderLost():
            turn.change(reader_errors={**turn.site.reader_errors, event.reader_id: event.error})
        case ReaderBack():
            turn.change(reader_errors=_without(turn.site.reader_errors, event.reader_id))
        case JournalStalled():
            turn.change(journal_error=event.error)
        case JournalWell():
            turn.change(journal_error=None)
        case CloudSeen():
            lost_ns = None if event.connected else turn.site.cloud_lost_ns or turn.now_ns
            turn.change(cloud_connected=event.connected, ack_age_s=event.last_ack_age_s,
                        pending=event.pending, cloud_lost_ns=lost_ns,
                        answers_cards=event.connected and event.answers_cards)
            list_age.note_contact(turn)
        case (OutletFound() | WearRestored() | TallyRestored() | AvailabilityRestored()
              | LimitRestored() | SessionSetAside() | JournalHurt()):
            _kept_or_found(turn, event)
        case DiskSeen() | CommitsTimed() | SensorSeen() | InputSeen():
            _sensed(turn, event)
        case (CardAnswered() | ListSeen() | UsageRestored() | ReservationRestored() | CostSeen()
              | ContactRestored() | UnknownRestored()):
            card_facts.take(turn, event)
        case _:
            assert_never(event)


def _sensed(turn: Turn, event: DiskSeen | CommitsTimed | SensorSeen | InputSeen) -> None:
    """What surrounds the outlets."""
    match event:
        case DiskSeen():
            turn.change(free_bytes=event.free_bytes)
        case CommitsTimed():
            turn.change(commit_ms=event.typical_ms)
        case SensorSeen():
            if any(s.id == event.sensor_id for s in turn.plan.sensors):
                turn.change(sensors={**turn.site.sensors, event.sensor_id: Measured(
                    celsius=event.celsius, mono_ns=turn.now_ns)})
        case InputSeen():
            if any(i.id == event.input_id for i in turn.plan.inputs):
                turn.change(inputs={**turn.site.inputs, event.input_id: event.active})


def _kept_or_found(turn: Turn, event: OutletFound | WearRestored | TallyRestored | AvailabilityRestored
                   | LimitRestored | SessionSetAside | JournalHurt) -> None:
    """What was kept across the restart, and what was found at the start."""
    match event:
        case OutletFound():
            turn.set(event.evse_id, relay_on=event.relay_on, pi_mirror_closed=event.pi_mirror_closed)
        case WearRestored():
            if event.wear.evse_id in turn.outlets:
                turn.set(event.wear.evse_id, wear=event.wear)
        case TallyRestored():
            fault_register.restore(turn, event.tally)
        case AvailabilityRestored():
            turn.set(event.evse_id, operational=event.operational)
        case LimitRestored():
            limits.restore(turn, event.where, event.limit)
        case SessionSetAside():
            turn.change(set_aside=(*turn.site.set_aside, f"{event.transaction_id}: {event.error}"))
        case JournalHurt():
            turn.change(journal_hurt=event.error)


def _grant_passed(turn: Turn, outlet: Outlet) -> None:
    """The relay is on: counted against hammering, also if nobody sees the contactor close by it."""
    if outlet.closing:
        closings = (*outlet.closings, turn.now_ns)[-turn.timers.hammer_count - 1:]
        turn.set(outlet.evse_id, granted_ns=turn.now_ns, relay_on=True, renewed_ns=turn.now_ns,
                 closings=closings)


def _without(values: dict[str, T], key: str) -> dict[str, T]:
    return {k: v for k, v in values.items() if k != key}


def _started(turn: Turn, event: Started) -> None:
    turn.change(started_ns=turn.now_ns, same_computer=not event.mains_back)
    outlets = turn.outlets.values()
    sessions = tuple(o.restored.transaction_id for o in outlets if o.restored is not None)
    data = BootData(
        vendor_id=VENDOR, epoch=event.epoch, journal_new=event.journal_new, sessions=sessions,
        tallies=len(turn.site.tallies), wear=sum(o.wear is not None for o in outlets),
        found_closed=restore.found_closed(turn))
    if event.mains_back:
        limits.computer_began(turn)
        reserving.computer_began(turn)
        restore.stagger(turn)
    turn.record(Stream.EV, EV_BOOT, BootNotification(
        reason="PowerUp" if event.mains_back or event.journal_new else "ApplicationReset",
        timestamp=turn.at.utc, firmware_version=event.software, custom_data=data))


def _outlet_seen(turn: Turn, event: OutletSeen) -> None:
    outlet, at_ns = turn.outlets[event.evse_id], event.board.mono_ns
    last_ns = outlet.board.mono_ns if outlet.board is not None else None
    late = last_ns is not None and (at_ns < last_ns or (
        at_ns == last_ns and outlet.board_error is not None))
    if late or at_ns > turn.now_ns:
        return  # of before what was seen since, or of a moment to come
    was, now = pilot(outlet), event.board.pilot
    plugged_ns = outlet.plugged_ns
    if now in PLUGGED_IN and (was not in PLUGGED_IN or plugged_ns is None):
        plugged_ns = turn.now_ns
    elif now is PilotState.A:
        plugged_ns = None
    if outlet.board is not None and outlet.board.boot_count != event.board.boot_count:
        _board_restarted(turn, outlet, event.board)
        turn.set(event.evse_id, board_began_ns=turn.now_ns)
        _mains_were_away(turn)
    turn.set(event.evse_id, replug_ns=left_ns(turn, turn.outlets[event.evse_id], event.board))
    turn.set(event.evse_id, board=event.board, board_error=None, seen_ns=at_ns,
             pi_mirror_closed=event.pi_mirror_closed, relay_on=event.relay_on, plugged_ns=plugged_ns)


def _board_restarted(turn: Turn, outlet: Outlet, board: BoardStatus) -> None:
    """A watchdog's second leaves nobody the time to change cars; anything longer does (`signs.py`)."""
    session, lost_s = outlet.session, turn.timers.board_lost_s
    if (session is None or session.ended is not None or outlet.board_error is not None
            or turn.past(outlet.seen_ns, lost_s)
            or board.pilot is PilotState.A or outlet.phase is Phase.REPLUG):
        return
    session = msgspec.structs.replace(session, board_boot=board.boot_count, plug_seq=board.plug_seq)
    turn.emit(SaveSession(transaction_id=session.transaction_id, session=session))
    turn.set(outlet.evse_id, session=session)


def _mains_were_away(turn: Turn) -> None:
    """Every board lost its supply, and the computer has one of its own: that is a mains return too."""
    began = [o.board_began_ns for o in turn.outlets.values()]
    if len(began) > 1 and all(ns is not None and not turn.past(ns, TOGETHER_S) for ns in began):
        restore.stagger(turn)
        for evse_id in turn.outlets:
            turn.set(evse_id, board_began_ns=None)


def _reading_taken(turn: Turn, event: ReadingTaken) -> None:
    reading, site = event.reading, turn.site
    errors = _without(site.meter_errors, reading.meter_id)
    if reading.mono_ns > turn.now_ns or rebasing.of_before(turn, reading):
        return  # of a moment to come: it would be fresh for ever; or of the register before
    rebasing.note(turn, reading)
    site = turn.site
    if reading.quality is Quality.SUSPECT or meter.doubt(turn, reading) is not None:
        turn.change(suspects={**site.suspects, reading.meter_id: reading}, meter_errors=errors)
        return
    kept = site.readings.get(reading.meter_id)
    brief = kept is not None and (reading.mono_ns < kept.mono_ns or (
        reading.power_w is None and not turn.past(kept.mono_ns, BRIEF_S)))
    doubted = site.suspects.get(reading.meter_id)
    newer = doubted is None or reading.energy_ns > doubted.energy_ns
    turn.change(readings=site.readings if brief else {**site.readings, reading.meter_id: reading},
                meter_errors=errors,
                suspects=_without(site.suspects, reading.meter_id) if newer else site.suspects)
    for evse_id in turn.outlets:
        restore.metered_while_down(turn, turn.outlets[evse_id], reading)
        _cross_check(turn, evse_id, reading)
        _meter_session(turn, evse_id, reading)


def _cross_check(turn: Turn, evse_id: str, reading: Reading) -> None:
    """Whether the meter's own numbers can be true together."""
    evse, known = turn.evse(evse_id), turn.outlets[evse_id].check
    if evse.meter_id == reading.meter_id:
        check = crosscheck.taken(known, evse, reading, turn.timers)
        if check is not known:
            turn.set(evse_id, check=check)


def _meter_session(turn: Turn, evse_id: str, reading: Reading) -> None:
    """Start, running and end register of the session that is billed by this meter."""
    outlet = turn.outlets[evse_id]
    session = outlet.session
    if session is None or session.meter_id != reading.meter_id or reading.energy_import_wh is None:
        return
    if reading.energy_import_wh < (session.least_wh or 0):
        return  # a register of imported energy only grows: this value is no part of this session
    changes: dict[str, object] = {}
    first = (not turn.evse(evse_id).meter_on_supply_side and session.start_reading is None
             and outlet.granted_ns is not None and reading.energy_ns >= outlet.granted_ns)
    if first or is_start(outlet, reading):
        changes["start_reading"] = reading
    if session.start_reading is not None and is_end(turn, outlet, reading.energy_ns):
        changes["end_reading"] = reading
    if session.start_reading is not None or "start_reading" in changes:
        changes["last_wh"] = reading.energy_import_wh
    if changes:
        turn.set(evse_id, session=msgspec.structs.replace(session, **changes))


def _session_priced(turn: Turn, event: SessionPriced) -> None:
    if event.transaction_id in turn.site.priced:
        return  # nobody pays twice
    turn.change(priced=(*turn.site.priced, event.transaction_id)[-PRICED:])
    turn.record(Stream.TX, TX_CDR, event.cdr)
    turn.emit(SaveSession(transaction_id=event.transaction_id, session=None))
    quotas.price(turn, event.account, event.transaction_id, event.total_incl_vat)
    receipt = turn.outlets[event.evse_id].receipt
    if receipt is not None and receipt.transaction_id == event.transaction_id:
        turn.set(event.evse_id, receipt=msgspec.structs.replace(
            receipt, lines=event.receipt, total_incl_vat=event.total_incl_vat,
            total_excl_vat=event.total_excl_vat, currency=event.currency))


def _session_restored(turn: Turn, event: SessionRestored) -> None:
    session = event.session
    if session.evse_id not in turn.outlets:
        return  # the EVSE left the site file; the session stays in the journal for a technician
    if session.told:
        turn.emit(PriceSession(evse_id=session.evse_id, session=session))
        return
    metered = session.end_reading is None and session.start_reading is not None
    turn.set(session.evse_id, restored=session, down_from_wh=session.least_wh if metered else None)
