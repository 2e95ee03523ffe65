import pytest

from edge.bus.url import parse_url
from edge.meter.catalogue import load
from edge.meter.pace import pace_of
from edge.meter.turn_time import MeterTime, line_time, meter_time, read_s

VIPE = [f"{name}_l{phase}" for name in ("voltage", "current", "power") for phase in (1, 2, 3)]
VIPE += ["energy_import", "energy_export"]


def pace(baud, framing="parity=N"):
    return pace_of(parse_url(f"rtu:/dev/x?baud={baud}&{framing}"))


def test_the_lines_that_were_computed_by_hand():
    model = load("eastron-sdm630")
    for baud, meters_s, fast_s, with_boards_s in ((9600, 0.86, 0.55, 1.24), (19200, 0.51, 0.31, 0.74),
                                                  (38400, 0.36, 0.21, 0.53)):
        turn_s, requests = read_s(model, VIPE, pace(baud))
        assert (round(8 * turn_s, 2), requests) == (meters_s, 2)
        assert round(8 * read_s(model, VIPE[:9], pace(baud))[0], 2) == fast_s
        line = line_time([(MeterTime(full_s=turn_s, fast_s=0.0, requests=2), 1.0, 4.0)] * 8, 8, 8,
                         pace(baud))
        assert round(line.full_s, 2) == with_boards_s
        assert line.requests == 24


def test_turnaround_and_framing_count():
    model = load("eastron-sdm630")
    for wait_ms, totals in ((0, (0.70, 0.35, 0.20)), (30, (1.18, 0.83, 0.61))):  # the last in one block
        for baud, total_s in zip((9600, 19200, 38400), totals, strict=True):
            assert round(8 * read_s(model, VIPE, pace(baud), wait_ms / 1000)[0], 2) == total_s
    eight_n_one, eight_e_one = (read_s(model, VIPE, pace(9600, framing))[0] - 0.02
                                for framing in ("parity=N", "parity=E"))
    assert eight_e_one / eight_n_one == pytest.approx(1.1)


def test_our_own_meters_and_boards_take_a_little_longer():
    times = [(meter_time(load("eastron-sdm630"), pace(9600)), 1.0, 4.0)] * 8
    line = line_time(times, 8, 12, pace(9600))
    assert (round(line.full_s, 2), round(line.fast_s, 2), round(line.usual_s, 2)) == (1.34, 0.89, 1.01)
    assert line.requests == 24


def test_a_slow_tier_counts_for_its_share_and_a_line_is_never_planned_full():
    meter = MeterTime(full_s=0.2, fast_s=0.1, requests=2)
    assert meter.usual_s(1.0, 4.0) == pytest.approx(0.125)
    assert meter.usual_s(8.0, 4.0) == meter.full_s
    line = line_time([(meter, 1.0, 4.0)] * 7, 0, 12, pace(9600))
    assert line.usual_s == pytest.approx(0.875) and line.meets(1.0)
    assert not line_time([(meter, 1.0, 4.0)] * 8, 0, 12, pace(9600)).meets(1.0)
    assert line.meets(1.0) and not line.meets(0.9)
