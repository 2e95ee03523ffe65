"""Repairs wall time. Nothing is ever timed by it: it dates what people read, and bills.

Each boot has one line from monotonic to wall time. Where the clock was not to be trusted, the line is
found when it is: a row says so, from which anybody can date the earlier rows of that boot, and what is
still open here is dated anew and marked `repaired`. A trusted clock that jumps is recorded the same
way, but nothing is rewritten: which of its two words was right nobody knows.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from edge.controller.effects import SaveSession, Stream
from edge.controller.events import Header
from edge.controller.faults import Fault, FaultTally
from edge.controller.records import EV_CLOCK, ClockSet
from edge.controller.session import Instant, Session
from edge.controller.state import ClockState
from edge.controller.turn import NS, Turn

STEP_MS = 2000
LOOK_MS = 1000  # so often a trusted clock is compared with the monotonic one: slow drift is no step
_MS = NS // 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_ms(utc: str | None) -> int | None:
    """Milliseconds since 1970 of an ISO 8601 text with an offset or Z; None for anything else."""
    if utc is None:
        return None
    try:
        moment = datetime.fromisoformat(utc)
    except ValueError:
        return None
    return None if moment.tzinfo is None else (moment - _EPOCH) // timedelta(milliseconds=1)


def over(expires_utc: str, at: Header) -> bool:
    """Whether a moment has passed by the wall clock. One that cannot be read has; at no time, none."""
    until_ms, now_ms = parse_ms(expires_utc), parse_ms(at.utc)
    return now_ms is not None and (until_ms is None or now_ms >= until_ms)


def text(utc_ms: int) -> str:
    """UTC as rows hold it: milliseconds and Z."""
    moment = _EPOCH + timedelta(milliseconds=utc_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def watch(turn: Turn) -> None:
    """Look at the clock of this event: has it become worth believing, or jumped?"""
    at, known = turn.at, turn.site.clock
    utc_ms = parse_ms(at.utc)
    if utc_ms is None or not at.clock_ok:
        if known.ok or known.mono_ns == 0:
            turn.change(clock=ClockState(ok=False, mono_ns=at.mono_ns, utc_ms=utc_ms or 0))
        return
    elapsed_ms = (at.mono_ns - known.mono_ns) // _MS
    if known.ok and 0 <= elapsed_ms < LOOK_MS and abs(utc_ms - known.utc_ms - elapsed_ms) <= STEP_MS:
        return
    was_ms = known.utc_ms + elapsed_ms if known.utc_ms else None
    turn.change(clock=ClockState(ok=True, mono_ns=at.mono_ns, utc_ms=utc_ms))
    if known.mono_ns == 0:
        return  # the first word of this boot, and a good one
    if not known.ok:
        _record(turn, was_ms)
        _repair(turn)
    elif was_ms is not None and abs(utc_ms - was_ms) > STEP_MS:
        _record(turn, was_ms)


def _record(turn: Turn, was_ms: int | None) -> None:
    at = turn.at
    turn.record(Stream.EV, EV_CLOCK, ClockSet(
        boot=at.boot, mono_ns=at.mono_ns, utc=at.utc or "",
        was_utc=None if was_ms is None else text(was_ms)))


def _repair(turn: Turn) -> None:
    """Date anew what this boot saw without a clock to trust, and what is still open of it."""
    for outlet in list(turn.outlets.values()):
        for name in ("session", "restored"):
            session: Session | None = getattr(outlet, name)
            found = repaired(session, turn.at) if session is not None else None
            if found is not None and found != session:
                turn.set(outlet.evse_id, **{name: found})
                turn.emit(SaveSession(transaction_id=found.transaction_id, session=found))
    for key, fault in turn.faults.items():
        turn.faults[key] = _dated(fault, turn.at)
    turn.change(tallies={key: _tally(tally, turn.at) for key, tally in turn.site.tallies.items()})


def repaired(session: Session, at: Header) -> Session:
    """With every untrusted instant of this boot dated by the clock of `at`, which is trusted."""
    def mend(instant: Instant) -> Instant:
        if instant.clock_ok or instant.boot != at.boot:
            return instant
        return msgspec.structs.replace(instant, utc=_utc_of(instant.mono_ns, at), clock_ok=True,
                                       repaired=True)
    return _mapped(session, mend)


def continued(session: Session, at: Header) -> Session:
    """A session of an earlier start of the same computer, whose monotonic clock has gone on since.

    Its instants become instants of this boot: what passed since is told by that clock, wherever the
    wall clock went meanwhile, and the untrusted ones can be repaired like this boot's own. A session
    that has ended stays as it is if its end was trusted: nothing is to be told of it any more. When it
    was kept last stays too, so that it is kept anew.
    """
    if session.ended is not None and session.ended.clock_ok:
        return session

    def move(instant: Instant) -> Instant:
        return instant if instant.mono_ns > at.mono_ns else msgspec.structs.replace(
            instant, boot=at.boot)
    moved = _mapped(session, move)
    if session.saved is not None and session.saved.clock_ok:
        moved = msgspec.structs.replace(moved, saved=session.saved)
    return repaired(moved, at) if at.clock_ok and at.utc is not None else moved


def rebased(session: Session, at: Header) -> Session:
    """A session of an earlier start of the computer that goes on: how long it was away is unknown.

    Its untrusted instants move to this boot as if no time had passed since it was kept last: the
    distances between them stay, and nobody pays for a gap that nobody measured.
    """
    last = session.saved or session.began

    def move(instant: Instant) -> Instant:
        if instant.clock_ok or instant.boot != last.boot or instant.boot == at.boot:
            return instant
        return msgspec.structs.replace(
            instant, boot=at.boot, mono_ns=at.mono_ns - (last.mono_ns - instant.mono_ns))
    session = _mapped(session, move)
    return repaired(session, at) if at.clock_ok and at.utc is not None else session


def age_s(saved: Instant, at: Header, *, same_computer: bool) -> float | None:
    """How long ago an instant of an earlier boot was; None: nobody can say."""
    if same_computer and saved.mono_ns <= at.mono_ns:
        return (at.mono_ns - saved.mono_ns) / NS
    was_ms, now_ms = parse_ms(saved.utc), parse_ms(at.utc)
    if was_ms is None or now_ms is None or not (saved.clock_ok and at.clock_ok):
        return None
    return max(0.0, (now_ms - was_ms) / 1000)


def _utc_of(mono_ns: int, at: Header) -> str:
    return text((parse_ms(at.utc) or 0) - (at.mono_ns - mono_ns) // _MS)


def _mapped(session: Session, change: Callable[[Instant], Instant]) -> Session:
    return msgspec.structs.replace(
        session, began=change(session.began),
        ended=change(session.ended) if session.ended else None,
        saved=change(session.saved) if session.saved else None,
        periods=tuple(msgspec.structs.replace(p, start=change(p.start)) for p in session.periods))


def _dated(fault: Fault, at: Header) -> Fault:
    if fault.since_utc is not None or fault.boot != at.boot:
        return fault
    return msgspec.structs.replace(fault, since_utc=_utc_of(fault.since_mono_ns, at))


def _tally(tally: FaultTally, at: Header) -> FaultTally:
    """Kept again with its fault's next row: a repair is no reason to write."""
    changes: dict[str, object] = {}
    if tally.first_utc is None and tally.first_boot == at.boot:
        changes["first_utc"] = _utc_of(tally.first_mono_ns, at)
    if tally.last_utc is None and tally.last_boot == at.boot:
        changes["last_utc"] = _utc_of(tally.last_mono_ns, at)
    if tally.standing is not None:
        changes["standing"] = _dated(tally.standing, at)
    return msgspec.structs.replace(tally, **changes)
