from pathlib import Path

import msgspec
import pytest

from edge.station.check import main
from edge.station.check_lines import lines, time_of
from edge.station.config import load
from edge.station.config_sections import BusSection, MeterSection

EXAMPLE = Path(__file__).parents[3] / "examples" / "site.toml"


@pytest.fixture(scope="module")
def example():
    return load(EXAMPLE)


def on_line(site, url, meters=8, boards=8, **options):
    """The example with so many meters and boards on one line; the first meter guards the grid."""
    made = tuple(MeterSection(id="main" if n == 0 else f"m{n}", bus="b", unit=n + 1, supply_side=True,
                              model="eastron-sdm630", **options) for n in range(meters))
    evse = site.evses[0]
    evses = tuple(msgspec.structs.replace(evse, id=str(n), board=msgspec.structs.replace(
        evse.board, bus="b", unit=100 + n)) for n in range(boards))
    return msgspec.structs.replace(site, buses=(BusSection(id="b", url=url),), meters=made, evses=evses)


def said(site):
    return "\n".join(lines(site))


def test_a_line_that_has_the_time_says_so(example):
    text = said(on_line(example, "rtu:/dev/x?baud=19200&parity=N"))
    assert "a full turn of 8 meters and 8 boards: 0.79 s (24 requests, 10 ms until" in text
    assert "time enough for every meter, each 1 s" in text
    assert "advice" not in text and "too slow" not in text


def test_a_line_that_is_too_slow_names_the_meters_and_gives_the_grid_meter_one_of_its_own(example):
    text = said(on_line(example, "rtu:/dev/x?baud=9600&parity=N"))
    assert "a full turn of 8 meters and 8 boards: 1.34 s" in text
    assert "too slow: every 1 s cannot be met for meter main, m1," in text
    assert "advice: give meter main, which guards circuit grid, a line of its own" in text
    assert "time enough" not in text
    assert "advice" not in said(on_line(example, "rtu:/dev/x?baud=9600&parity=N", period_s=2.0))


def test_where_no_line_of_its_own_would_help_other_advice_is_given(example):
    alone = said(on_line(example, "rtu:/dev/x?baud=1200&parity=N", 1, 0, period_s=0.2))
    assert "advice: a higher baud rate" in alone
    assert "of 1 meter: " in alone


def test_what_is_not_known_is_not_claimed(example):
    text = said(on_line(example, "tcp://gateway"))
    assert "16 requests; how long they take depends on the network" in text
    assert "time enough" not in text and " s (" not in text
    boards = said(on_line(example, "rtu:/dev/x?baud=9600", 0, 2))
    assert "a full turn of 2 boards: " in boards and "meter" not in boards
    assert said(on_line(example, "rtu:/dev/x", 0, 0)) == "  b: rtu:/dev/x"


def test_the_example_is_checked_with_its_line(example, capsys):
    assert main([str(EXAMPLE)]) == 0
    out = capsys.readouterr().out
    assert "a full turn of 3 meters and 2 boards: " in out
    assert time_of(example, example.buses[0]).requests == 8


def test_a_meter_that_is_too_small_for_its_fuse_or_its_outlet_is_asked_about(example):
    assert "max_current_a" not in said(example)
    asked = []
    for meter_id, model, max_current_a in (
            ("main", "eastron-sdm120", None), ("bay-1", "carlo-gavazzi-em340", None),
            ("bay-1", "carlo-gavazzi-em340", 31), ("main", "eastron-sdm120", 250)):
        meters = tuple(msgspec.structs.replace(meter, model=model, max_current_a=max_current_a)
                       if meter.id == meter_id else meter for meter in example.meters)
        text = said(msgspec.structs.replace(example, meters=meters))
        asked.append([line.strip() for line in text.splitlines() if "max_current_a" in line])
    assert asked[0] == ["advice: eastron-sdm120 counts up to 45 A and circuit grid has 63 A; if this "
                        "one has transformers, say for how much by max_current_a"]
    assert asked[1] == asked[3] == []
    assert "counts up to 31 A and evse 1 has 32 A" in asked[2][0]
