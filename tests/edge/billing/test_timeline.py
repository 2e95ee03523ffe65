"""When a session's instants were, if the clock is set back while nobody looks."""

import msgspec
import pytest

from edge.billing.timeline import points
from edge.controller.idtoken import IdToken
from edge.controller.reading import Reading
from edge.controller.session import Instant, Period, Session

NS = 1_000_000_000
BACK = "2025-11-21T10:00:00.000Z"


def session(*instants: Instant) -> Session:
    """Begun, charging and ended there."""
    began, charging, ended = instants
    return Session(transaction_id="t", evse_id="1", token=IdToken(ref="a" * 32), plug_seq=1,
                   began=began, ended=ended, last_wh=1_000,
                   start_reading=Reading(meter_id="m", mono_ns=0, energy_import_wh=0),
                   periods=(Period(start=charging, energy_wh=0, charging=True),))


def at(mono_s: int, boot: int, utc: str | None, *, ok: bool) -> Instant:
    return Instant(mono_ns=mono_s * NS, boot=boot, utc=utc, clock_ok=ok)


@pytest.mark.parametrize("utc", [BACK, None])
def test_a_boot_whose_clock_is_wrong_follows_the_one_before_it(utc):
    began, charging = (at(mono_s, 1, f"2026-11-21T10:00:{mono_s}.000Z", ok=True) for mono_s in (10, 20))
    found = points(session(began, charging, at(50, 2, utc, ok=False)))
    assert (found[-1].at - found[0].at).total_seconds() == 10, "of the second boot one instant is known"


@pytest.mark.parametrize("utc", [BACK, None])
def test_what_passed_within_a_boot_whose_clock_is_wrong_is_not_lost(utc):
    began = at(10, 1, "2026-11-21T10:00:10.000Z", ok=True)
    found = points(session(began, at(50, 2, utc, ok=False), at(80, 2, utc, ok=False)))
    assert (found[-1].at - found[0].at).total_seconds() == 30


def test_an_untrusted_clock_that_has_gone_on_is_better_than_none():
    began = at(10, 1, "2025-11-21T10:00:10.000Z", ok=False)
    charging = at(20, 1, "2025-11-21T10:00:20.000Z", ok=False)
    found = points(session(began, charging, at(5, 2, "2025-11-21T10:05:10.000Z", ok=False)))
    assert (found[-1].at - found[0].at).total_seconds() == 300


@pytest.mark.parametrize("start_wh", [0, 7])
def test_what_was_metered_before_a_change_stays_before_it_also_of_a_new_meter(start_wh):
    began, charging, idle, ended = (at(s, 1, f"2026-11-21T10:00:{s}.000Z", ok=True)
                                    for s in (10, 20, 30, 40))
    told = msgspec.structs.replace(
        session(began, charging, ended), last_wh=start_wh + 900,
        start_reading=Reading(meter_id="m", mono_ns=0, energy_import_wh=start_wh),
        periods=(Period(start=charging, energy_wh=start_wh, charging=True),
                 Period(start=idle, energy_wh=start_wh + 800, charging=False, ev_idle=True)))
    assert [corner.energy_wh for corner in points(told)] == [0, 0, 800, 900]
