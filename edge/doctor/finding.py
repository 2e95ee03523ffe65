"""What an examination says of one thing: how it is, what was seen, what to do. Pure."""

import enum
from collections.abc import Iterable

from edge.controller.struct import Value


class Grade(enum.StrEnum):
    """`WRONG` stops somebody from charging; `ATTENTION` does not, yet."""

    WRONG = "wrong"
    ATTENTION = "attention"
    OK = "ok"


_ORDER = tuple(Grade)


class Finding(Value):
    """`part`: where to look, in a word or two. `remedy` is for whoever stands at the cabinet."""

    grade: Grade
    part: str
    what: str
    remedy: str = ""


def ok(part: str, what: str) -> Finding:
    """All well."""
    return Finding(grade=Grade.OK, part=part, what=what)


def attention(part: str, what: str, remedy: str) -> Finding:
    """Not well, and nobody is kept from charging by it."""
    return Finding(grade=Grade.ATTENTION, part=part, what=what, remedy=remedy)


def wrong(part: str, what: str, remedy: str) -> Finding:
    """Somebody cannot charge because of it."""
    return Finding(grade=Grade.WRONG, part=part, what=what, remedy=remedy)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Sorted by grade; within one in the order given."""
    return sorted(findings, key=lambda finding: _ORDER.index(finding.grade))


def exit_status(findings: Iterable[Finding], *, answered: bool) -> int:
    """0 all well, 1 attention, 2 something stops charging, 3 no controller answered."""
    grades = {finding.grade for finding in findings}
    if not answered:
        return 3
    return 2 if Grade.WRONG in grades else 1 if Grade.ATTENTION in grades else 0
