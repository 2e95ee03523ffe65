"""One page, worst first, for eyes without colour too."""

import re

from well import WELL

from edge.doctor.finding import attention, exit_status, ok, worst_first, wrong
from edge.doctor.judge import examine
from edge.doctor.page import COLUMNS, page, verdict

FINDINGS = [ok("faults", "none stands"), attention("disk", "450 MB free", "Delete what is not ours."),
            wrong("bus cabinet", "adapter gone " * 12, "Plug it in. " * 12),
            ok("a very long name", "is well")]


def test_a_well_site_fits_on_one_page() -> None:
    shown = page("forecourt doctor: SE*FCT*E0001", examine(WELL, None, {}), answered=True, colour=False)
    assert shown.count("\n") < 45
    assert "All well." in shown


def test_no_line_is_wider_than_a_terminal() -> None:
    shown = page("a heading " * 20, FINDINGS, answered=True, colour=False)
    assert max(map(len, shown.splitlines())) <= COLUMNS


def test_what_is_worse_stands_first_and_says_so_in_words() -> None:
    shown = page("x", FINDINGS, answered=True, colour=False)
    assert "\x1b" not in shown
    grades = re.findall(r"^(WRONG|ATTENTION|ok)\b", shown, re.M)
    assert grades == ["WRONG", "ATTENTION", "ok", "ok"]
    assert shown.index("-> Plug it in.") < shown.index("-> Delete")


def test_colour_adds_nothing_but_colour() -> None:
    coloured = page("x", FINDINGS, answered=True, colour=True)
    assert coloured != page("x", FINDINGS, answered=True, colour=False)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == page("x", FINDINGS, answered=True, colour=False)


def test_a_part_with_a_long_name_loses_nothing() -> None:
    shown = page("x", [ok("a very long name", "is well")], answered=True, colour=False)
    assert shown.splitlines()[-2:] == ["ok        a very long name", " " * 24 + "is well"]


def test_the_verdict_counts() -> None:
    assert verdict(FINDINGS, answered=True) == "1 thing stops charging, 1 thing needs attention."
    assert verdict(FINDINGS[:2], answered=True) == "1 thing needs attention, nothing stops charging."
    assert verdict([FINDINGS[1]] * 2, answered=True).startswith("2 things need attention, nothing")
    assert verdict([], answered=False) == "The controller does not answer: nobody can charge."


def test_the_exit_status_is_that_of_the_worst() -> None:
    assert exit_status(FINDINGS[:1], answered=True) == 0
    assert exit_status(FINDINGS[:2], answered=True) == 1
    assert exit_status(FINDINGS, answered=True) == 2
    assert exit_status(FINDINGS[:1], answered=False) == 3


def test_within_a_grade_the_order_stays() -> None:
    parts = [f.part for f in worst_first(FINDINGS)]
    assert parts == ["bus cabinet", "disk", "faults", "a very long name"]
