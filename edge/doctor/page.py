"""One page for a technician: 80 columns, worst first. Colour only adds to what the words say."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from edge.doctor.finding import Finding, Grade, worst_first

COLUMNS = 80
_GRADE, _PART = 10, 14
_INDENT = " " * (_GRADE + _PART)
_WORDS = {Grade.WRONG: "WRONG", Grade.ATTENTION: "ATTENTION", Grade.OK: "ok"}
#: SGR codes (ECMA-48 8.3.117): bold red, yellow, green.
_COLOURS = {Grade.WRONG: "1;31", Grade.ATTENTION: "33", Grade.OK: "32"}


def verdict(findings: Sequence[Finding], *, answered: bool) -> str:
    """The page in one line."""
    wrong = sum(finding.grade is Grade.WRONG for finding in findings)
    notes = sum(finding.grade is Grade.ATTENTION for finding in findings)
    more = f"{_things(notes)} need{'s' if notes == 1 else ''} attention" if notes else ""
    if not answered:
        begun = "The controller does not answer: nobody can charge"
        return f"{begun}; {more}." if more else f"{begun}."
    if wrong:
        stops = f"{_things(wrong)} stop{'s' if wrong == 1 else ''} charging"
        return f"{stops}, {more}." if more else f"{stops}."
    return f"{more}, nothing stops charging." if more else "All well."


def _things(count: int) -> str:
    return "1 thing" if count == 1 else f"{count} things"


def page(heading: str, findings: Sequence[Finding], *, answered: bool, colour: bool) -> str:
    """The whole page, without a line break at its end."""
    lines = [*textwrap.wrap(heading, COLUMNS), verdict(findings, answered=answered), ""]
    before = None
    for finding in worst_first(findings):
        if before not in (None, finding.grade):
            lines.append("")
        before = finding.grade
        lines += _rows(finding, colour=colour)
    return "\n".join(lines)


def _rows(finding: Finding, *, colour: bool) -> Iterator[str]:
    word = _WORDS[finding.grade]
    shown = f"\x1b[{_COLOURS[finding.grade]}m{word}\x1b[0m" if colour else word
    head = f"{shown}{' ' * (_GRADE - len(word))}{finding.part:<{_PART}}"
    words = list(_wrapped(finding.what))
    if len(finding.part) >= _PART:  # a long name has a row of its own
        yield head.rstrip()
    else:
        yield head + words.pop(0).strip()
    yield from words
    if finding.remedy:
        yield from _wrapped(finding.remedy, "-> ")


def _wrapped(text: str, mark: str = "") -> Iterable[str]:
    return textwrap.wrap(text, COLUMNS, initial_indent=_INDENT + mark, break_on_hyphens=False,
                         subsequent_indent=_INDENT + " " * len(mark)) or [_INDENT]
