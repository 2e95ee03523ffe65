"""Wall time is repaired when it can be trusted again, and nothing is timed by it."""

import msgspec
import pytest
from core_desk import NS, UTC_MS, Desk
from hypothesis import given
from hypothesis import strategies as st
from restarts import restart

from edge.controller import clockwork
from edge.controller.clockwork import age_s, continued, parse_ms, rebased, repaired, text
from edge.controller.effects import PriceSession
from edge.controller.events import Header, ReaderBack, ReaderLost
from edge.controller.faults import FaultCode
from edge.controller.idtoken import IdToken
from edge.controller.session import Instant, Period, Session

COLD_MS = 1_000_000_000_000 - UTC_MS  # a clock that was never set lies so far behind


@pytest.mark.parametrize(("utc", "ms"), [
    ("1970-01-01T00:00:00.000Z", 0), ("1970-01-01T00:00:01.001Z", 1001),
    ("2026-11-21T10:00:00Z", 1_795_255_200_000), ("2026-11-21T11:00:00.000+01:00", 1_795_255_200_000),
    ("1969-12-31T23:59:59.999Z", -1), (None, None), ("", None), ("soon", None),
    ("2026-11-21T10:00:00", None), ("2026-13-01T00:00:00Z", None), ("2026-11-21", None)])
def test_texts_are_read_without_a_clock(utc, ms):
    assert parse_ms(utc) == ms


@given(st.integers(0, 250_000_000_000_000))
def test_what_is_written_is_read_back(ms):
    assert parse_ms(text(ms)) == ms


def header(mono_s: float, utc: str | None = "2026-11-21T10:00:00.000Z", *, boot: int = 2,
           ok: bool = True) -> Header:
    return Header(mono_ns=round(mono_s * NS), boot=boot, fresh_id="x", utc=utc, clock_ok=ok)


def instant(mono_s: float, utc: str | None = None, *, boot: int = 2, ok: bool = False) -> Instant:
    return Instant(mono_ns=round(mono_s * NS), boot=boot, utc=utc, clock_ok=ok)


def session(began: Instant, saved: Instant | None = None, *starts: Instant) -> Session:
    return Session(transaction_id="t", evse_id="1", token=IdToken(ref="a" * 32), plug_seq=1,
                   began=began, saved=saved, periods=tuple(
                       Period(start=s, energy_wh=0, charging=True) for s in starts))


def test_every_untrusted_instant_of_this_boot_is_dated_and_says_so():
    found = repaired(session(instant(10, "1970-01-01T00:00:10.000Z"), instant(30), instant(20)),
                     header(40))
    assert found.began.utc == "2026-11-21T09:59:30.000Z"
    assert found.periods[0].start.utc == "2026-11-21T09:59:40.000Z"
    assert found.saved is not None and found.saved.utc == "2026-11-21T09:59:50.000Z"
    assert found.began.repaired and found.began.clock_ok and found.saved.repaired


@pytest.mark.parametrize("kept", [
    instant(10, "2026-11-20T00:00:00.000Z", ok=True), instant(10, None, boot=1)])
def test_what_was_trusted_or_is_of_another_boot_is_left_alone(kept):
    assert repaired(session(kept), header(40)).began == kept


def test_a_gap_that_nobody_measured_is_no_time_in_a_session_that_goes_on():
    found = rebased(session(instant(900, boot=1), instant(1000, boot=1)), header(40))
    assert found.saved is not None and found.saved.utc == "2026-11-21T10:00:00.000Z"
    assert found.began.utc == "2026-11-21T09:58:20.000Z" and found.began.boot == 2


@pytest.mark.parametrize(("saved", "at", "same", "age"), [
    (instant(100, boot=1), header(160), True, 60.0),
    (instant(100, boot=1), header(160, None, ok=False), True, 60.0),
    (instant(500, "2026-11-21T09:00:00.000Z", boot=1, ok=True), header(5), False, 3600.0),
    (instant(500, "2026-11-21T09:00:00.000Z", boot=1, ok=False), header(5), False, None),
    (instant(500, "2026-11-21T09:00:00.000Z", boot=1, ok=True), header(5, ok=False), False, None),
    (instant(500, "2026-11-21T11:00:00.000Z", boot=1, ok=True), header(5), False, 0.0),
    (instant(500, boot=1), header(5), True, None)])
def test_the_age_of_what_was_kept_is_known_or_not_never_guessed(saved, at, same, age):
    assert age_s(saved, at, same_computer=same) == age


def cold(desk: Desk, *, dead: bool) -> None:
    """A computer without a battery: its clock says 2001, or nothing at all."""
    desk.utc_ms, desk.clock_ok = (None if dead else UTC_MS + COLD_MS), False
    restart(desk)


@pytest.mark.parametrize("dead", [True, False])
def test_a_cold_start_without_a_clock_charges_ends_and_bills_and_the_bill_is_dated_right(desk, dead):
    cold(desk, dead=dead)
    desk.run(1)
    desk.charge()
    began_ns = desk.outlet().session.began.mono_ns
    desk.run(60)
    assert desk.outlet().phase == "charging" and not desk.rows("ev.clock.v1")
    desk.utc_ms, desk.clock_ok = UTC_MS, True
    desk.run(1)
    row, = desk.rows("ev.clock.v1")
    assert row["boot"] == desk.boot and parse_ms(row["utc"]) == UTC_MS + row["monoNs"] // 1_000_000
    assert ("wasUtc" in row) is not dead
    session_now = desk.outlet().session
    assert session_now.began.repaired and session_now.began.utc == text(UTC_MS + began_ns // 1_000_000)
    assert desk.sessions[session_now.transaction_id] == session_now, "kept as repaired"
    desk.run(5)
    desk.tap()
    desk.rest()
    desk.until(lambda: bool(desk.rows("tx.cdr.v1")))
    bill = desk.effects(PriceSession)[-1].session
    instants = [bill.began, bill.ended, *(p.start for p in bill.periods)]
    assert all(i.utc == text(UTC_MS + i.mono_ns // 1_000_000) and i.clock_ok for i in instants)


def test_an_untrusted_session_of_an_earlier_start_of_this_computer_is_dated_too(desk):
    cold(desk, dead=False)
    desk.run(1)
    desk.charge()
    began_ns = desk.outlet().session.began.mono_ns
    restart(desk)
    desk.run(2)
    assert desk.outlet().phase == "charging"
    desk.utc_ms, desk.clock_ok = UTC_MS, True
    desk.run(1)
    assert desk.outlet().session.began.utc == text(UTC_MS + began_ns // 1_000_000)


@pytest.mark.parametrize(("step_s", "rows"), [(-3, 1), (3, 1), (-86_400, 1), (1.5, 0), (-1.5, 0)])
def test_a_jump_of_a_trusted_clock_is_recorded_and_changes_nothing_else(desk, step_s, rows):
    desk.charge()
    desk.run(3)
    before = desk.outlet().session.began
    desk.utc_ms += round(step_s * 1000)
    desk.run(5)
    found = desk.rows("ev.clock.v1")
    assert len(found) == rows
    assert desk.outlet().session.began == before and desk.outlet().phase == "charging"
    for row in found:
        assert parse_ms(row["utc"]) - parse_ms(row["wasUtc"]) == round(step_s * 1000)


def test_a_clock_that_drifts_slowly_is_no_jump(desk):
    for _ in range(400):
        desk.utc_ms += 100  # a tenth of a second each second
        desk.run(1, step_s=0.5)
    assert not desk.rows("ev.clock.v1")


def test_a_clock_that_is_trusted_from_the_start_says_nothing(desk):
    restart(desk)
    desk.run(10)
    assert not desk.rows("ev.clock.v1")


def test_a_clock_that_falls_behind_the_floor_and_comes_back_is_recorded_once(desk):
    desk.run(2)
    desk.utc_ms, desk.clock_ok = UTC_MS - 10**9, False
    desk.run(5)
    desk.utc_ms, desk.clock_ok = UTC_MS, True
    desk.run(5)
    assert len(desk.rows("ev.clock.v1")) == 1


@pytest.mark.parametrize("step_s", [-10**8, 10**8])
def test_no_timer_is_moved_by_a_clock_that_jumps(desk, step_s):
    """From X1 to the opening, with a car that ignores it."""
    times = []
    for jump in (0, step_s):
        other = Desk(desk.site.plan)
        other.charge()
        other.run(4)
        other.tap()
        other.utc_ms += jump * 1000
        times.append(other.until(lambda other=other: not other.devices["1"].relay))
    assert times[0] == times[1]


def test_faults_and_tallies_without_a_time_get_one(desk):
    cold(desk, dead=True)
    desk.feed(ReaderLost(reader_id="front", error="gone"))
    at_ns = desk.now_ns
    desk.feed(ReaderBack(reader_id="front"))
    desk.run(1)
    desk.feed(ReaderLost(reader_id="back", error="gone"))
    assert desk.site.faults["F501@back"].since_utc is None
    desk.run(30)
    desk.utc_ms, desk.clock_ok = UTC_MS, True
    desk.run(1)
    tally = desk.site.tallies[f"{FaultCode.READER_LOST}@front"]
    assert tally.first_utc == tally.last_utc == text(UTC_MS + at_ns // 1_000_000)
    fault = desk.site.faults["F501@back"]
    assert fault.since_utc == text(UTC_MS + fault.since_mono_ns // 1_000_000)
    assert desk.site.tallies["F501@back"].standing == fault


def test_an_instant_of_this_computers_last_boot_is_one_of_this_boot_trusted_or_not():
    """Then what has passed since is told by the monotonic clock alone, wherever the other one went."""
    at = header(100, "2025-11-21T10:00:00.000Z", ok=False)
    found = continued(session(instant(10, "2026-11-21T10:00:00.000Z", boot=1, ok=True),
                              instant(40, boot=1)), at)
    assert found.began == instant(10, "2026-11-21T10:00:00.000Z", boot=2, ok=True)
    assert found.saved == instant(40, boot=2)
    kept = instant(40, "2026-11-21T10:00:30.000Z", boot=1, ok=True)
    assert continued(session(instant(10, boot=1), kept), at).saved == kept, "it shall be kept anew"
    other = session(instant(500, "2026-11-21T10:00:00.000Z", boot=1, ok=True))
    assert continued(other, at) == other, "it is of no computer that has run for so short a time"


def test_a_fault_of_an_earlier_boot_is_not_dated_by_this_one(desk):
    cold(desk, dead=True)
    desk.feed(ReaderLost(reader_id="front", error="gone"))
    restart(desk)
    desk.utc_ms, desk.clock_ok = UTC_MS, True
    desk.run(1)
    assert desk.site.faults["F501@front"].since_utc is None


def test_the_row_is_what_the_docs_say():
    row = clockwork.ClockSet(boot=1, mono_ns=2, utc="u", was_utc=None)
    assert msgspec.json.decode(msgspec.json.encode(row)) == {"boot": 1, "monoNs": 2, "utc": "u"}
