"""The benchmark's own arithmetic: no figure is measured here, and no target asserted."""

import json
import re

import pytest
from house import ROOT

from hil_tests.bench.__main__ import GROUPS
from hil_tests.bench.report import (
    Report,
    Row,
    distribution,
    from_json,
    percentile,
    previous,
    ratios,
    store,
    table,
    to_json,
)
from hil_tests.bench.trail import (
    DEBOUNCE_C_NS,
    Incomplete,
    Trail,
    close_parts_ms,
    from_moves,
    from_trace,
    tap_parts_ms,
)

MS = 1_000_000
MACHINE = {"cpu": "test", "cores": "2"}


def row(name="ready", value=1.5, **changes):
    return Row(**{"name": name, "value": value, "unit": "s", "n": 3, "command": "c"} | changes)


def report(*rows, started_utc="2026-11-21T10:00:00Z", **changes):
    return Report(**{"started_utc": started_utc, "commit": "abc", "machine": MACHINE, "quick": False,
                     "rows": rows} | changes)


@pytest.mark.parametrize(("percent", "expected"), [
    (0, 1), (1, 1), (50, 50), (50.1, 51), (99, 99), (99.5, 100), (100, 100)])
def test_a_percentile_is_a_value_that_was_measured(percent, expected):
    assert percentile(list(range(100, 0, -1)), percent) == expected


def test_the_p99_of_few_values_is_the_worst():
    assert percentile([3.0, 1.0, 2.0], 99) == 3.0


def test_no_values_have_no_percentile():
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


def test_a_distribution_says_p50_p99_and_worst():
    found = distribution("x", [float(n) for n in range(1, 201)], "ms", "c", target=199.0)
    assert (found.p50, found.value, found.worst, found.n) == (100.0, 198.0, 200.0, 200)
    assert found.verdict == "met"


@pytest.mark.parametrize(("value", "target", "verdict"), [
    (1.9, 2.0, "met"), (2.0, 2.0, "missed"), (2.1, 2.0, "missed"), (9.9, None, "")])
def test_a_target_is_an_upper_bound(value, target, verdict):
    assert row(value=value, target=target).verdict == verdict


def test_a_report_survives_its_file():
    told = report(row(p50=1.0, worst=2.0, target=2.0, note="n"), row("b", 0.25))
    assert from_json(to_json(told)) == told


@pytest.mark.parametrize("text", [
    "", "[]", "{}", '{"version": 0, "rows": []}', '{"version": 1}',
    '{"version": 1, "rows": [{"name": "x"}]}', '{"version": 1, "rows": [], "strange": 1}'])
def test_what_is_no_report_is_refused(text):
    with pytest.raises(ValueError):
        from_json(text)


def test_yesterday_is_the_latest_earlier_report_of_this_machine_and_kind(tmp_path):
    now = report(row(), started_utc="2026-11-21T10:00:00Z")
    for other in (report(started_utc="2026-11-19T10:00:00Z"),
                  report(started_utc="2026-11-20T10:00:00Z"),
                  report(started_utc="2026-11-21T08:00:00Z", quick=True),
                  report(started_utc="2026-11-21T09:00:00Z", machine={"cpu": "another"}),
                  report(started_utc="2026-11-22T10:00:00Z")):
        store(other, tmp_path)
    (tmp_path / "2026-11-21T095900Z.json").write_text("half a rep")
    store(now, tmp_path)
    found = previous(tmp_path, now)
    assert found is not None
    assert found.started_utc == "2026-11-20T10:00:00Z"


def test_a_run_of_one_group_does_not_hide_the_other_rows(tmp_path):
    store(report(row("a", 8.0), row("b", 8.0), started_utc="2026-11-18T10:00:00Z"), tmp_path)
    store(report(row("a", 1.0), row("b", 2.0), started_utc="2026-11-19T10:00:00Z"), tmp_path)
    store(report(row("b", 4.0), started_utc="2026-11-20T10:00:00Z"), tmp_path)
    now = report(row("a", 3.0), row("b", 6.0))
    found = previous(tmp_path, now)
    assert found is not None
    assert (found.started_utc, ratios(now, found)) == ("2026-11-20T10:00:00Z", {"a": 3.0, "b": 1.5})


def test_nothing_came_before_the_first_report(tmp_path):
    now = report(row())
    assert previous(tmp_path / "none", now) is None
    store(now, tmp_path)
    assert previous(tmp_path, now) is None
    assert ratios(now, None) == {}


def test_ratios_compare_only_what_can_be_compared():
    before = report(row("a", 2.0), row("b", 2.0, unit="ms"), row("c", 0.0), row("gone", 1.0))
    now = report(row("a", 3.0), row("b", 3.0), row("c", 1.0), row("new", 1.0))
    assert ratios(now, before) == {"a": 1.5}


def test_the_table_says_figures_verdicts_and_change():
    before = report(row(value=1.0), commit="old")
    now = report(row(value=2.5, p50=0.0421, worst=1234.4, target=2.0, note="slow disk"), load="0.5")
    lines = table(now, before).splitlines()
    assert lines[2].split() == [
        "ready", "0.0421", "2.50", "1234", "s", "<", "2.00", "missed", "2.50", "3"]
    assert "ready: slow disk" in lines
    assert "commit abc" in lines[-2]
    assert lines[-1] == "before: 2026-11-21T10:00:00Z, commit old"


def test_a_table_without_rows_stands():
    assert "n" in table(report(), None)


def test_every_group_of_rows_is_named_in_the_docs_and_names_itself_as_its_command():
    told = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8").split("##")[0]
    assert [name for name in GROUPS if f"`{name}`" not in told] == []
    sources = [*(ROOT / "hil_tests" / "bench").glob("*.py"), *(ROOT / "tests").glob("bench_*.py")]
    text = "".join(source.read_text(encoding="utf-8") for source in sources)
    named = set(re.findall(r"hil_tests\.bench --only (\w+)", text)) | {"idle", "ready", "rss"}
    assert named == set(GROUPS)


# --- from lines to parts

TAP = """\
10:00:00 INFO edge.station.run: ready
10:00:00 DEBUG edge.station.trace: 900 step OutletSeen 850 800 Record:
10:00:00 DEBUG edge.station.trace: 1041 tag front 1040
10:00:00 DEBUG edge.station.trace: 1050 step CardPresented 1048 0 Record: SaveSession: OfferCurrent:1
10:00:00 DEBUG edge.station.trace: 1056 committed OfferCurrent:1 0
10:00:00 DEBUG edge.station.trace: 1070 offered 1 0"""

CLOSE = """\
10:00:01 DEBUG edge.station.trace: 1750 step OutletSeen 1748 1735 ReadMeter:bay-1
10:00:01 DEBUG edge.station.trace: 1790 step ReadingTaken 1788 1751 Record: CloseContactor:1
10:00:01 DEBUG edge.station.trace: 1797 committed CloseContactor:1 0
10:00:01 DEBUG edge.station.trace: 1812 granted 1 0
10:00:02 DEBUG edge.station.trace: 2750 step Tick 2750 0 RenewGrant:1"""


def in_ms(text):
    """The clock of these examples counts milliseconds."""
    return [" ".join(f"{word}000000" if word.isdigit() and word not in "01" else word
                     for word in line.split()) for line in text.splitlines()]


def moves(*known):
    return [json.dumps({"mono_ns": at * MS, "evse": evse, "what": what, "level": level, "cause": ""})
            for at, evse, what, level in known]


def trail(text, *known):
    return Trail([*from_trace(in_ms(text)), *from_moves(moves(*known))])


@pytest.mark.parametrize(("pwm_seen", "bus"), [(1066, 10), (1074, 14)])
def test_the_parts_of_a_tap_fill_its_whole_time(pwm_seen, bus):
    found = tap_parts_ms(trail(TAP, (1060, "2", "pwm", True), (1062, "1", "pwm", False),
                               (pwm_seen, "1", "pwm", True)), "1", 1000 * MS)
    assert found == {"radio": 40, "uid -> tag at controller": 1, "look-up": 7, "decision": 2,
                     "commit": 6, "bus + firmware": bus, "total": 16 + bus}
    assert sum(found.values()) - found["radio"] - found["total"] == found["total"]


def test_the_parts_of_a_closing_fill_its_whole_time():
    found = close_parts_ms(trail(CLOSE, (1220, "1", "s2", True), (1815, "1", "coil", True),
                                 (1836, "1", "contact", True)), "1", 1000 * MS)
    assert DEBOUNCE_C_NS == 500 * MS
    assert found == {"poll wait": 15, "poll frame": 13, "start register": 40, "decision": 2,
                     "commit": 7, "grant frame": 15, "gpio": 3, "pull-in": 21,
                     "to coil": 95, "to contact": 116}


def test_a_poll_that_was_under_way_at_c_waited_for_nothing():
    found = close_parts_ms(trail(CLOSE, (1240, "1", "s2", True), (1815, "1", "coil", True),
                                 (1836, "1", "contact", True)), "1", 1000 * MS)
    assert (found["poll wait"], found["poll frame"]) == (0, 8)


@pytest.mark.parametrize("missing", ["tag", "CardPresented", "committed", "offered"])
def test_a_moment_that_is_missing_is_named(missing):
    text = "\n".join(line for line in TAP.splitlines() if missing not in line)
    with pytest.raises(Incomplete):
        tap_parts_ms(trail(text, (1066, "1", "pwm", True)), "1", 1000 * MS)


def test_a_closing_that_a_poll_did_not_begin_is_left_out():
    text = CLOSE.replace("1750 step OutletSeen 1748 1735", "1750 step Tick 1748 0")
    later = "10:00:03 DEBUG edge.station.trace: 3750 step OutletSeen 3748 3735 ReadMeter:bay-1"
    with pytest.raises(Incomplete, match="before the closing"):
        close_parts_ms(trail(f"{text}\n{later}", (1220, "1", "s2", True), (1815, "1", "coil", True),
                             (1836, "1", "contact", True)), "1", 1000 * MS)
