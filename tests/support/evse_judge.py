"""The invariants of the exhaustive exploration: what must hold after every step of a `Stage`.

It decides by what the stage saw and by a table of its own of what each fault does, not by signs.
"""

import msgspec
from evse_stage import COPPER, NS, Stage

from edge.controller.effects import (
    CloseContactor,
    Effect,
    LowerCurrent,
    OfferCurrent,
    PriceSession,
    Record,
    RenewGrant,
    SaveSession,
)
from edge.controller.events import Event
from edge.controller.pilot import BoardFault, PilotState
from edge.controller.reading import Quality
from edge.controller.session import Session
from edge.controller.state import Site

MIN_OFF_S, READING_S, BOARD_S, X1_S, REOPEN_S, MIRRORS_S = 5.0, 10.0, 3.0, 6.5, 1.0, 1.0
AT_ONCE = {BoardFault.RCD, BoardFault.WELD, BoardFault.DIODE, BoardFault.EMERGENCY_STOP,
           BoardFault.BROWN_OUT}
ORDERLY = {BoardFault.PROXIMITY}


class Row(msgspec.Struct, rename="camel"):
    """What is judged of a row of a session."""

    event_type: str
    seq_no: int
    transaction_info: dict[str, str]


_DECODER = msgspec.json.Decoder(Row)


def judge(stage: Stage, before: Site, event: Event, effects: tuple[Effect, ...]) -> None:
    """Assert everything. `stage` has heeded the effects already."""
    _books(stage, effects)
    for effect in effects:
        match effect:
            case CloseContactor():
                _may_close(stage, effect, effects)
            case OfferCurrent() | LowerCurrent():
                session = stage.outlet.session
                assert session is not None and stage.rows.get(session.transaction_id, 0) > 0, (
                    "an offer without a record")
                assert 6 <= effect.current_a <= stage.evse.max_a
            case PriceSession():
                assert stage.rows.get(effect.session.transaction_id, -1) == -1, "priced before its end"
            case RenewGrant():
                assert _must_open(stage) is None and not _held(stage), "renewed against a reason"
                assert stage.granted_ns is not None or stage.boot > 1, "renewed, and never granted"
    _stays_closed(stage)
    _sane(stage)


def _books(stage: Stage, effects: tuple[Effect, ...]) -> None:
    """One start, one stop, numbers without a gap."""
    for effect in effects:
        if isinstance(effect, Record) and effect.type == "tx.event.v1":
            row = _DECODER.decode(effect.data)
            transaction = row.transaction_info["transactionId"]
            known = stage.rows.get(transaction)
            if row.event_type == "Started":
                assert known is None, "started twice"
                assert row.seq_no == 0
                _may_begin(stage)
                stage.start_read, stage.stop_wanted, stage.asked_start_ns = False, False, None
                stage.rows[transaction] = 1
                continue
            assert known is not None, f"{row.event_type} of a session that never began"
            assert known >= 0, f"{row.event_type} after the end"
            assert row.seq_no == known, f"seqNo {row.seq_no} after {known - 1}"
            ended = row.event_type == "Ended"
            assert ended == ("stoppedReason" in row.transaction_info), row
            stage.rows[transaction] = -1 if ended else known + 1
            if ended:
                stage.stop_wanted = False


def _may_begin(stage: Stage) -> None:
    assert stage.fault not in AT_ONCE | ORDERLY or stage.seen is None, "began with a fault"
    assert stage.pilot in (PilotState.B, PilotState.C, PilotState.D) and not stage.lost


def _asks(stage: Stage) -> bool:
    state = stage.seen.board.pilot if stage.seen is not None else None
    return state is PilotState.C or (state is PilotState.D and stage.evse.ventilation)


def _may_close(stage: Stage, effect: CloseContactor, effects: tuple[Effect, ...]) -> None:
    seen, session = stage.seen, stage.outlet.session
    assert seen is not None and not stage.lost, "closes blindly"
    board = seen.board
    assert _asks(stage), f"closes in {board.pilot}"
    assert stage.now_ns - board.mono_ns <= BOARD_S * NS, "closes on an old poll"
    assert board.pwm_on and board.diode_ok and not board.dark and not board.testing
    assert (seen.relay_on, seen.pi_mirror_closed, board.mirror_closed) == (False, False, False)
    assert session is not None and session.stop_reason is None and not stage.stop_wanted
    assert board.plug_seq == session.plug_seq and board.boot_count == session.board_boot, "another car"
    assert stage.rows.get(session.transaction_id, -1) > 0
    assert any(isinstance(e, SaveSession) and e.session == session for e in effects), "without a record"
    assert any(isinstance(e, Record) and e.type == "tx.event.v1" for e in effects), "without a record"
    if stage.evse.meter_on_supply_side:
        assert session.start_reading is not None, "without a start register"
        estimated = session.start_reading.quality is Quality.ESTIMATED and stage.rest_read
        assert stage.start_read or estimated, "a start register that nobody read"
        assert stage.good_ns is not None
        assert stage.now_ns - stage.good_ns < READING_S * NS, "closes on an old reading"
    assert stage.fault not in AT_ONCE | ORDERLY, f"closes on {stage.fault}"
    assert stage.opened_ns is None or stage.now_ns - stage.opened_ns >= MIN_OFF_S * NS, "too soon"
    assert 6 <= effect.current_a <= stage.evse.max_a


def _must_open(stage: Stage) -> str | None:
    """Why the contactor must not stay closed for another step."""
    seen, session = stage.seen, stage.outlet.session
    if stage.lost or (seen is not None and stage.now_ns - seen.board.mono_ns >= BOARD_S * NS):
        return "the board is lost"
    if seen is None:
        return None
    if not _asks(stage):
        return f"pilot {seen.board.pilot}"
    if set(seen.board.faults) & AT_ONCE:
        return f"{seen.board.faults}"
    if stage.granted_ns is not None and seen.board.mono_ns > stage.granted_ns and not seen.board.permit:
        return "PERMIT fell"
    if session is not None and (session.plug_seq, session.board_boot) != (
            seen.board.plug_seq, seen.board.boot_count):
        return "another car"
    if stage.differ_ns is not None and stage.now_ns - stage.differ_ns >= MIRRORS_S * NS:
        return "the mirrors differ"
    return None


def _held(stage: Stage) -> bool:
    """What ends or pauses in order."""
    since_ns = stage.good_ns or stage.site.started_ns
    late = stage.evse.meter_on_supply_side and since_ns is not None and (
        stage.now_ns - since_ns >= READING_S * NS)
    orderly = stage.seen is not None and bool(set(stage.seen.board.faults) & ORDERLY)
    return late or orderly or stage.stop_wanted


def _stays_closed(stage: Stage) -> None:
    outlet, seen = stage.outlet, stage.seen
    if seen is not None:
        _, _, pi, board = COPPER[stage.copper] if stage.lost else (
            0, 0, seen.pi_mirror_closed, seen.board.mirror_closed)
        differ = not stage.lost and None not in (pi, board) and pi != board
        stage.differ_ns = (stage.differ_ns or stage.now_ns) if differ else None
    waits = outlet.restored is not None and not stage.lost
    why = _must_open(stage)
    live = outlet.relay_on or (seen is not None and seen.board.permit and not stage.lost)
    if why is not None and not waits:
        assert not outlet.closing, f"wishes it closed: {why}"
        if live:
            assert stage.opened_ns is not None, f"stays closed: {why}"
            assert stage.now_ns - stage.opened_ns <= REOPEN_S * NS, f"stays closed: {why}"
    if not outlet.closing:
        stage.x1_ns = None
        return
    if outlet.offer.current_a == 0:
        stage.x1_ns = stage.x1_ns or stage.now_ns
        assert stage.now_ns - stage.x1_ns <= X1_S * NS, "closed for too long after X1"
    else:
        stage.x1_ns = None
        assert not _held(stage), "goes on as if nothing were asked"


def _sane(stage: Stage) -> None:
    outlet = stage.outlet
    idle = outlet.phase in ("vacant", "awaiting_card", "finished")
    assert (outlet.session is None) == idle, outlet.phase
    if stage.site.started_ns is None:
        return  # not everything that was kept has been handed in yet
    open_ones = [t for t, n in stage.rows.items() if n >= 0]
    assert len(open_ones) <= 1, "two sessions at once"
    known: Session | None = outlet.session or outlet.restored
    ours = known.transaction_id if known is not None else None
    assert not open_ones or ours == open_ones[0], "a lost session"
    assert set(stage.kept) >= set(open_ones), "a session that the journal does not keep"
