"""A meter whose numbers cannot be true together: found, and nobody else is."""

import math

import msgspec
import pytest
from core_desk import plan
from hypothesis import given, settings
from hypothesis import strategies as st
from restarts import restart

from edge.controller import crosscheck
from edge.controller.events import ReadingTaken
from edge.controller.reading import PerPhase, Reading
from edge.controller.site import Timers

NS = 1_000_000_000
TIMERS = Timers()
EVSE = plan(1, meter_step_wh=10.0).evses[0]


def reading(at_s, power_w, amps=(), volts=(), wh=None, energy_s=None, **changes):
    return Reading(meter_id="bay-1", mono_ns=round(at_s * NS), power_w=power_w, energy_import_wh=wh,
                   energy_mono_ns=None if energy_s is None else round(energy_s * NS),
                   current_a=PerPhase(**dict(zip(("L1", "L2", "L3"), amps, strict=False))),
                   voltage_v=PerPhase(**dict(zip(("L1", "L2", "L3"), volts, strict=False))), **changes)


def found(readings, evse=EVSE):
    """What was found, and when first."""
    known = None
    for one in readings:
        known = crosscheck.taken(known, evse, one, TIMERS)
        if known is not None and known.found:
            return known.found, one.mono_ns / NS
    return None


def meter(load, seconds, *, from_s=1000.0, start_wh=50_000.0, step_wh=10.0, slow_s=4, every_s=1.0,
          counts=1.0, shows=1.0, refresh_s=1.0, volts=(230.0, 231.0, 229.0)):
    """A whole meter: `load(second)` gives the amperes of each phase; `counts`, `shows`: of true energy
    and power. Energy and voltages every `slow_s`, in the steps of the register, as old as it may be.
    """
    wh, slow = start_wh, (0, from_s)
    lag: list[float] = []
    for n in range(round(seconds / every_s)):
        at_s, amps = from_s + n * every_s, load(n * every_s)
        power_w = sum(a * v for a, v in zip(amps, volts, strict=True)) * 0.99
        wh += power_w * counts * every_s / 3600
        lag = [*lag[-round(refresh_s / every_s):], wh]
        if n % slow_s == 0:
            slow = (math.floor(lag[0] / step_wh) * step_wh, at_s)
        yield reading(at_s, power_w * shows, amps, volts, int(slow[0]), slow[1])


def steady(*amps):
    return lambda _: amps


@pytest.mark.parametrize(("power_w", "amps", "volts", "well"), [
    (11_040, (16, 16, 16), (230, 230, 230), True),
    (11_040, (16, 16, 16), (), True),  # no voltages: nominal
    (3_680, (16, 0, 0), (230, 230, 230), True),
    (3_680, (0.05, 16, 0.02), (230, 230, 230), True),
    (40, (0.3, 0.3, 0.3), (230, 230, 230), True),  # a charger's filter at rest
    (0, (0, 0, 0), (230, 230, 230), True),
    (0, (7.9, 0, 0), (230, 230, 230), True), (0, (8.0, 0, 0), (230, 230, 230), False),
    (1_400, (6, 6, 6), (230, 230, 230), True),  # a large charger at 6 A: its filter draws the rest
    (270, (0, 0, 0), (230, 230, 230), True), (290, (0, 0, 0), (230, 230, 230), False),
    (12_400, (16, 16, 16), (230, 230, 230), True), (12_450, (16, 16, 16), (230, 230, 230), False),
    (5_450, (16, 16, 16), (230, 230, 230), True), (5_400, (16, 16, 16), (230, 230, 230), False),
    (14_200, (16, 16, 16), (), True), (14_300, (16, 16, 16), (), False),
    (4_650, (16, 16, 16), (), True), (4_550, (16, 16, 16), (), False),
    (11_040, (16, 16, 16), (230, 230, 0.0), True),  # no voltage is no voltage that is known
    (0, (16, 16, 16), (math.nan, 230, 230), False),
    (11_040, (-16, 16, 16), (230, 230, 230), True),  # with a sign, as some tell it
    (3_300, (14.3, 14.3, 0), (133, 133, 133), True),  # between two lines of a net without neutral
    (11_040, (None, None, None), (230, 230, 230), True), (11_040, (), (), True),
    (11_040, (16, None, 16), (230, 230, 230), True),  # one is not known: nothing is
    (None, (16, 16, 16), (230, 230, 230), True),
    (3_680, (16, 16, 16), (230, 230, 230), False),  # one transformer is turned round
    (0, (16, 16, 16), (230, 230, 230), False),  # two are on each other's phase
    (11.04, (16, 16, 16), (230, 230, 230), False),  # kW taken for W
    (110_400, (16, 16, 16), (230, 230, 230), False),
    (11_040, (3.2, 3.2, 3.2), (230, 230, 230), False),  # a ratio that only the power knows of
    (5_000, (0, 0, 0), (230, 230, 230), False),
])
def test_power_against_volts_times_amperes(power_w, amps, volts, well):
    seen = [reading(1000 + n, power_w, amps, volts) for n in range(40)]
    assert (crosscheck.against_currents(EVSE, seen[0]) == "") is well
    told = found(seen)
    assert (told is None) is well
    assert well or told[1] == 1000 + TIMERS.contradicts_s


def test_a_moment_of_disagreement_is_none():
    odd, well = (3_680, (16, 16, 16)), (11_040, (16, 16, 16))
    story = [odd if n % 30 else well for n in range(200)]
    assert found(reading(1000 + n, *what) for n, what in enumerate(story)) is None
    gaps = [reading(1000 + 11 * n, *odd) for n in range(20)]
    assert found(gaps) is None, "two readings with nothing between them prove no duration"


LOADS = [steady(16, 16, 16), steady(6, 0.02, 0.01), steady(32, 32, 32), steady(0, 0, 0),
         steady(2, 0, 0),
         lambda s: (16.0, 16.0, 16.0) if s % 400 < 370 else (0.1, 0.1, 0.1),
         lambda s: (6 + s / 150, 6 + s / 150, 0.0),
         lambda s: (6.0, 6.0, 6.0) if s % 120 < 60 else (32.0, 32.0, 32.0)]


def test_no_meter_that_is_well_is_accused_whatever_the_load():
    for n, load in enumerate(LOADS):
        assert found(meter(load, 1_000)) is None, n


@pytest.mark.parametrize("model", [
    {"step_wh": 1.0}, {"slow_s": 1}, {"slow_s": 8, "every_s": 1.24}, {"refresh_s": 10.0},
    {"start_wh": 65_000_000.0, "step_wh": 7.8125}, {"start_wh": 600_000_000.0, "step_wh": 62.5}])
def test_no_meter_that_is_well_is_accused_however_it_steps(model):
    assert found(meter(lambda s: LOADS[int(s) // 700 % 3](s), 2_200, **model)) is None


@pytest.mark.parametrize(("counts", "shows"), [(0.33, 1.0), (1.5, 1.0), (10.0, 1.0), (1.0, 1.4)])
@pytest.mark.parametrize("load", [steady(16, 16, 16), steady(8, 0, 0)])
def test_a_register_that_does_not_grow_as_power_says_is_found(load, counts, shows):
    told = found(meter(load, 3_600, counts=counts, shows=shows))
    if shows > 1:
        assert told is not None
    else:
        assert "register grew by" in told[0]
        assert told[1] - 1000 >= crosscheck.WINDOWS * crosscheck.WINDOW_S


def test_a_register_that_stands_is_another_faults_business():
    assert found(meter(steady(16, 16, 16), 3_600, counts=0.0)) is None


def test_a_register_that_began_anew_and_a_gap_begin_a_new_window():
    first = list(meter(steady(16, 16, 16), 280))
    second = list(meter(steady(16, 16, 16), 280, from_s=1280, start_wh=9.0))
    second[0] = reading(1280, first[-1].power_w, (16, 16, 16), wh=9, rebased_from_wh=50_000)
    third = list(meter(steady(16, 16, 16), 280, from_s=1600, start_wh=700_000.0))
    assert found([*first, *second, *third]) is None


def test_one_odd_window_is_no_proof():
    first = list(meter(steady(16, 16, 16), 320, counts=2.0))
    second = list(meter(steady(16, 16, 16), 900, from_s=1320, start_wh=first[-1].energy_import_wh))
    assert found([*first, *second]) is None


START_WH = 5 * 2**23  # a float there steps by 5 Wh


def windows(*grown_wh, idle_after=None, gap_after=None, rebased_after=None, power_w=3_600.0):
    """After which window it is found: each of 300 s and as many Wh by its power; by its register, so
    many. Then, after one of them: a minute of 499 W, a gap, or another meter.
    """
    known, at_s, wh, why = None, 1_000, START_WH, {}
    for n, grown in enumerate(grown_wh):
        for second in range(300):
            known = crosscheck.taken(known, EVSE, reading(
                at_s + second, power_w, (6.0,) * 3, (), wh, **(why if second == 0 else {})), TIMERS)
            if known is not None and known.found:
                return n
        at_s, wh, why = at_s + 300, wh + grown, {}
        if n == rebased_after:
            wh, why = wh + 500, {"rebased_from_wh": 1}
        elif n in (idle_after, gap_after):
            known = crosscheck.taken(known, EVSE, reading(at_s, power_w, (6.0,) * 3, (), wh), TIMERS)
            at_s += 11
            for _ in range(60 if n == idle_after else 0):
                at_s += 1
                known = crosscheck.taken(known, EVSE, reading(at_s, 499.0, (1.0,) * 3, (), wh), TIMERS)
            at_s += 1
    known = crosscheck.taken(known, EVSE, reading(at_s, power_w, (6.0,) * 3, (), wh), TIMERS)
    return len(grown_wh) if known is not None and known.found else None


def test_two_windows_in_a_row_beyond_a_quarter_and_four_steps_are_a_proof():
    """Two steps of 10 Wh and two of a float of 5 Wh, and what the register may be old by: 2 Wh."""
    for well, bad in ((407, 408), (208, 207)):
        assert windows(well, well, well) is None and windows(bad, bad) == 2, bad
        assert windows(bad, 300, bad) is None
        assert windows(bad, bad, idle_after=0) == windows(bad, bad, gap_after=0) == 2
        assert windows(bad, bad, rebased_after=0) is None
    assert windows(0, 0, 0) is None
    assert windows(1_000, 1_000, power_w=499.0) is None, "an idle meter's power is noise"


def test_it_is_looked_at_for_long_enough_to_tell_a_step_from_an_error():
    light = found(meter(steady(6, 0, 0), 1_200, counts=1.6))
    assert 2 * 512 <= light[1] - 1000 <= 2 * 540, "until 200 Wh have flowed"
    coarse = msgspec.structs.replace(EVSE, meter_step_wh=100.0)
    told = found(meter(steady(16, 16, 16), 1_500, counts=1.6, step_wh=100.0), coarse)
    assert 2 * 640 <= told[1] - 1000 <= 2 * 680, "until 20 steps have"


def test_a_reading_that_comes_again_says_nothing_new():
    odd = [reading(1000 + n, 0.0, (16, 16, 16)) for n in range(31)]
    known = None
    for one in odd[:-1]:
        known = crosscheck.taken(known, EVSE, one, TIMERS)
        assert crosscheck.taken(known, EVSE, one, TIMERS) is known
    assert crosscheck.taken(known, EVSE, odd[0], TIMERS) is known
    assert crosscheck.taken(known, EVSE, odd[-1], TIMERS).found


def test_an_idle_meter_leaves_nothing_to_remember():
    known = crosscheck.taken(None, EVSE, reading(1, 12.0, (0.1, 0, 0), wh=5), TIMERS)
    assert known is None


@given(st.lists(st.tuples(st.floats(0, 32), st.floats(0, 32), st.floats(0.9, 1.0),
                          st.integers(1, 90)), min_size=1, max_size=12))
@settings(derandomize=True, deadline=None, max_examples=5)
def test_whatever_a_car_draws_a_good_meter_is_believed(story):
    def load(second):
        for first_a, second_a, _, lasts in story * 40:
            if second < lasts:
                return first_a, second_a, first_a
            second -= lasts
        return 0.0, 0.0, 0.0
    assert found(meter(load, 900)) is None


def test_the_session_ends_in_order_and_only_a_technician_opens_the_outlet_again(desk):
    desk.charge()
    desk.devices["1"].meter_answers = False
    for n in range(31):
        assert not desk.codes(), n
        desk.run(1)
        desk.feed(ReadingTaken(reading=Reading(
            meter_id="bay-1", mono_ns=desk.now_ns, energy_import_wh=desk.devices["1"].wh,
            power_w=3_680.0, current_a=PerPhase(L1=16.0, L2=16.0, L3=16.0))))
    assert desk.codes() == {"F107"} and desk.outlet().phase == "stopping"
    desk.devices["1"].meter_answers = True
    desk.run(20)
    assert desk.outlet().phase == "finished" and desk.codes() == {"F107"}
    restart(desk)
    desk.run(20)
    assert desk.codes() == {"F107"}, "no restart forgets it"
    desk.tap()
    desk.run(1)
    assert desk.outlet().session is None
    assert desk.request("fault.clear", code="F107", where="bay-1") is None
    desk.run(1)
    assert not desk.codes()
