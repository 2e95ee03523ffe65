"""A sheet of cards from a file, in one form, whole or not at all: with the words that explain it."""

from collections.abc import Sequence
from pathlib import Path

from edge.controller.struct import Value
from edge.rfid.tokens.csv_import import (
    Candidate,
    Line,
    Problem,
    Read,
    candidates,
    read_cards,
    read_lines,
    why_none,
)
from edge.rfid.uid import Form, last4

AUTO = "auto"
_SHOWN = 50


class SheetRefused(ValueError):
    """The sheet cannot be used as it is. `ambiguous`: it can once a person has named its form."""

    def __init__(self, text: str, *, ambiguous: bool = False) -> None:
        super().__init__(text)
        self.ambiguous = ambiguous


class Sheet(Value):
    """Every row of a file. `shown`: the form was not named but shown by the numbers themselves."""

    form: Form
    shown: bool
    cards: tuple[Read, ...]

    def __repr__(self) -> str:
        return f"Sheet(form={self.form!r}, cards=<{len(self.cards)}>)"


def read_sheet(path: Path, form: str) -> Sheet:
    """`form`: one of `Form`, or `auto`. Raises SheetRefused, SheetError, OSError."""
    lines = read_lines(path.read_bytes())
    if not lines:
        raise SheetRefused(f"{path}: no cards in it")
    chosen = _shown(path, lines) if form == AUTO else Form(form)
    cards, problems = read_cards(lines, chosen)
    if problems:
        raise SheetRefused(_told(path, problems, f"read as {chosen.value}"))
    return Sheet(form=chosen, shown=form == AUTO, cards=tuple(cards))


def _shown(path: Path, lines: Sequence[Line]) -> Form:
    found = candidates(lines)
    if not found:
        raise SheetRefused(_told(path, why_none(lines), "no form fits every row"))
    if len(found) > 1:
        raise SheetRefused(_choice(path, lines, found), ambiguous=True)
    return found[0].form


def _choice(path: Path, lines: Sequence[Line], found: Sequence[Candidate]) -> str:
    said = [f"{path}: the numbers can be read in more than one way. Hold one of these cards to a "
            "reader (forecourt card read), and say which it is:"]
    for one in found:
        ends = "; ".join(
            f"line {line.number}: {len(uid)} bytes, ends in {last4(uid)}"
            for line, uid in zip(lines, one.examples, strict=False))
        said.append(f"  --form {one.form.value:<17} {ends}")
    return "\n".join(said)


def _told(path: Path, problems: Sequence[Problem], how: str) -> str:
    said = [f"{path}, line {problem.line}: {problem.text}" for problem in problems[:_SHOWN]]
    if len(problems) > _SHOWN:
        said.append(f"... and {len(problems) - _SHOWN} more")
    lines = len({problem.line for problem in problems})
    wrong = "1 line is" if lines == 1 else f"{lines} lines are"
    return "\n".join([*said, f"{how}: {wrong} wrong; nothing is used"])
