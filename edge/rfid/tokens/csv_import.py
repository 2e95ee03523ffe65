"""A sheet of cards (CSV) as operators have it: in which form it writes their numbers, and its rows.

One form for the whole file, named by a person or shown by the file itself, never by one row: a guess
about one row can be the card of a stranger. Every error of a sheet is told, with its line.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import suppress

from edge.controller.struct import Value
from edge.rfid.tokens.csv_columns import COLUMNS, CellError, card_of
from edge.rfid.tokens.list_entry import Card
from edge.rfid.uid import Form, UidError, is_random, read_as, shows_maker

UID = "uid"
MAX_ROWS = 1_000_000
_MAX_BYTES = 256 * 1024 * 1024
_EXAMPLES = 3


class SheetError(ValueError):
    """The sheet as a whole cannot be read."""


class Line(Value):
    """A row of cards. `number`: of its last line in the file, from 1; `uid`: as it stands there."""

    number: int
    uid: str
    cells: dict[str, str]

    def __repr__(self) -> str:
        return f"Line(number={self.number})"


class Candidate(Value):
    """A form that all rows can have been written in, and what some of their numbers would be."""

    form: Form
    examples: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"Candidate(form={self.form!r})"


class Problem(Value):
    """What is wrong in a line; names no number in full."""

    line: int
    text: str


class Read(Value):
    """One card of a sheet."""

    line: int
    uid: bytes
    card: Card

    def __repr__(self) -> str:
        return f"Read(line={self.line})"


def read_lines(data: bytes) -> list[Line]:
    """Rows of a sheet whose first line names its columns; raises SheetError.

    UTF-8 (with or without a mark at its beginning), UTF-16 with one; commas, semicolons or tabs.
    """
    if len(data) > _MAX_BYTES:
        raise SheetError(f"{len(data)} bytes, expected at most {_MAX_BYTES}")
    text = _decoded(data)
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [name.strip().lower() for name in next(rows, [])]
        _check_names(names)
        return list(_lines(rows, names))
    except csv.Error as error:
        raise SheetError(f"line {rows.line_num}: {error}") from None


_NAMES = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16"}


def _decoded(data: bytes) -> str:
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[:error.start].count(b"\n") + 1
        raise SheetError(f"line {line}: not {_NAMES[encoding]}; save it as CSV UTF-8") from None


def _check_names(names: Sequence[str]) -> None:
    known = (UID, *COLUMNS)
    strange = [name for name in names if name and name not in known]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if strange:
        raise SheetError(f"line 1: columns {', '.join(map(repr, strange))}; known are "
                         f"{', '.join(known)}")
    if twice:
        raise SheetError(f"line 1: columns named twice: {', '.join(twice)}")
    if UID not in names:
        raise SheetError(f"line 1: no column {UID!r}; the first line names the columns "
                         f"({', '.join(known)})")


def _lines(rows: Iterator[list[str]], names: Sequence[str]) -> Iterator[Line]:
    count = 0
    for row in rows:
        number = rows.line_num  # type: ignore[attr-defined]  # a csv.reader has it
        cells = [_plain(cell) for cell in row]
        if not any(cells):
            continue
        count += 1
        if count > MAX_ROWS:
            raise SheetError(f"line {number}: more than {MAX_ROWS} cards")
        if any(cells[len(names):]) or any(
                cell for name, cell in zip(names, cells, strict=False) if not name):
            raise SheetError(f"line {number}: more cells than columns; is a separator inside a cell?")
        found = dict(zip(names, cells, strict=False))
        found.pop("", None)
        yield Line(number=number, uid=found.pop(UID, ""), cells=found)


def _plain(cell: str) -> str:
    """Without what people put around a number so that a spreadsheet leaves it alone."""
    cell = cell.strip()
    if cell.startswith('="') and cell.endswith('"'):
        cell = cell[2:-1]
    return cell.removeprefix("'").strip()


def candidates(lines: Sequence[Line]) -> list[Candidate]:
    """The forms that every row fits. Where numbers of 7 and 10 bytes show their makers in all rows,
    only the forms in which they do: also where one of them is a number that a phone made up, for that
    is no reason to turn all others. One: that is it. More: a person has to say.
    """
    return [Candidate(form=form, examples=tuple(uids[:_EXAMPLES])) for form, uids in _likely(lines)
            if not any(map(is_random, uids))]


def _likely(lines: Sequence[Line]) -> list[tuple[Form, list[bytes]]]:
    """The forms in which all numbers can be read; those in which makers show, if there are any."""
    readable = []
    for form in Form:
        with suppress(UidError):
            readable.append((form, [read_as(line.uid, form) for line in lines]))
    return [(form, uids) for form, uids in readable if _shows_makers(uids)] or readable


def _shows_makers(uids: Sequence[bytes]) -> bool:
    long = [uid for uid in uids if len(uid) > 4]
    return bool(long) and all(map(shows_maker, long))


def read_cards(lines: Sequence[Line], form: Form) -> tuple[list[Read], list[Problem]]:
    """The cards of a sheet, and all that is wrong with it: then none of it is to be used."""
    cards: list[Read] = []
    problems: list[Problem] = []
    seen: dict[bytes, int] = {}
    for line in lines:
        reason, uid = _reason(line, form), b""
        if not reason:
            uid = read_as(line.uid, form)
            before = seen.setdefault(uid, line.number)
            reason = "" if before == line.number else f"the card of line {before} again"
        if reason:
            problems.append(Problem(line=line.number, text=f"uid: {reason}"))
        try:
            cards.append(Read(line=line.number, uid=uid, card=card_of(line.cells)))
        except CellError as error:
            problems.append(Problem(line=line.number, text=str(error)))
    return cards, problems


def why_none(lines: Sequence[Line]) -> list[Problem]:
    """Of a sheet that fits no form: the rows in which the form that most rows fit does not fit."""
    tried = []
    for form in [form for form, _ in _likely(lines)] or Form:
        problems = [Problem(line=line.number, text=f"as {form.value}: {reason}")
                    for line in lines if (reason := _reason(line, form))]
        tried.append(problems)
    return min(tried, key=len)


def _reason(line: Line, form: Form) -> str:
    try:
        uid = read_as(line.uid, form)
    except UidError as error:
        return str(error)
    if is_random(uid):
        return "this number (08......) is made up anew at each tap: it is nobody's"
    return ""
