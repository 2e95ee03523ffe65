"""Stamps: trusted from the floor on, a number drawn for each, and the id of the computer's start."""

from datetime import UTC, datetime

import pytest

from edge.station.clock import BUILT_UTC, Clock, computer_boot


def clock(now: str, floor: str | None = None) -> Clock:
    draws = iter((0.25, 0.75))
    return Clock(boot=3, floor_utc=floor, mono_ns=lambda: 7, utc=lambda: datetime.fromisoformat(now),
                 fresh_id=lambda: "id", draw=lambda: next(draws))


@pytest.mark.parametrize(("now", "floor", "ok"), [
    ("1970-01-01T00:00:05Z", None, False), ("2026-11-21T10:00:00Z", None, True),
    ("2026-11-21T10:00:00Z", "2026-11-21T10:00:00.000Z", True),
    ("2026-11-21T09:59:59.999Z", "2026-11-21T10:00:00.000Z", False),
    ("2026-11-21T10:00:00Z", "1999-01-01T00:00:00.000Z", True)])
def test_a_clock_behind_what_was_recorded_is_not_trusted(now, floor, ok):
    found = clock(now, floor)
    assert found.header().clock_ok is ok
    assert (found.utc_s() is not None) is ok


def test_each_event_gets_a_number_of_its_own():
    found = clock("2026-11-21T10:00:00Z")
    assert [found.header().random, found.header().random] == [0.25, 0.75]


def test_numbers_that_are_drawn_for_real_are_between_0_and_1_and_differ():
    found = Clock(boot=1, floor_utc=None)
    drawn = {found.header().random for _ in range(20)}
    assert len(drawn) > 10 and all(0 <= n < 1 for n in drawn)


def test_no_controller_was_alive_before_this_software():
    assert datetime.fromisoformat(BUILT_UTC).astimezone(UTC) > datetime(2025, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("content", "found"), [
    (b"7d7c1f6e-1111\n", "7d7c1f6e-1111"), (b"", None), (b"\xff\xfe", None), (None, None)])
def test_the_computers_start_has_an_id_or_none(tmp_path, content, found):
    path = tmp_path / "boot_id"
    if content is not None:
        path.write_bytes(content)
    assert computer_boot(path) == found
