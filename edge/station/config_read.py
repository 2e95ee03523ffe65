"""From a TOML table to frozen structs, collecting every problem instead of stopping at the first.

A field that is wrong or missing is reported and becomes `None` in its struct, so that the checks
that follow can still speak about the rest. Such a struct never leaves `config.load`.
"""

import difflib
import json
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, TypeVar, cast

import msgspec

Key = tuple[str | int, ...]
T = TypeVar("T", bound=msgspec.Struct)

_PLAIN = {str: "a text in quotes", bool: "true or false", int: "a whole number", float: "a number"}


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong with a site's files, in the words of the one who has to mend it."""

    file: str
    key: str  # as in "evse[1].contactor.coil_gpio"; counted from 0 in file order
    got: str
    expected: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: got {self.got}, expected {self.expected}"


class Findings:
    """Where the reader and the checks put what they find; sorted by place in the file at the end."""

    def __init__(self, file: str, raw: Mapping[str, object]) -> None:
        self._file = file
        self._raw = raw
        self._found: list[tuple[tuple[int, ...], Problem]] = []

    def add(self, key: Key, got: str, expected: str) -> None:
        """Report one problem in the site's own file."""
        self.add_elsewhere(key, Problem(self._file, key_text(key), got, expected))

    def add_elsewhere(self, key: Key, problem: Problem) -> None:
        """Report a problem in a file that the site's file names at `key`."""
        self._found.append((self._place(key), problem))

    def add_reused(self, items: Iterable[tuple[Key, object, str]], expected: str) -> None:
        """Report every value that an earlier item uses already: (key, value, owner in words)."""
        used: dict[object, str] = {}
        for key, value, owner in items:
            if value in used:
                self.add(key, f"{toml_text(value)} (already used by {used[value]})", expected)
            elif value is not None:
                used[value] = owner

    def in_file_order(self) -> tuple[Problem, ...]:
        """All problems; those of one place in the order in which they were found."""
        return tuple(problem for _, problem in sorted(self._found, key=lambda item: item[0]))

    def _place(self, key: Key) -> tuple[int, ...]:
        place: list[int] = []
        node: object = self._raw
        for part in key:
            if isinstance(node, Mapping) and part in node:
                place.append(list(node).index(part))
                node = node[part]
            elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node):
                place.append(part)
                node = node[part]
            else:  # a missing key: at the end of its table
                place.append(len(node) if isinstance(node, Mapping) else 0)
                break
        return tuple(place)


def key_text(key: Key) -> str:
    """`("evse", 1, "board", "unit")` as `evse[1].board.unit`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def toml_text(value: object) -> str:
    """A value as it (about) stands in the file."""
    return json.dumps(value, ensure_ascii=False, default=str)


def suggestion(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return near[0] if near else None


def one_of(known: Iterable[str], word: str = "") -> str:
    """What to expect where one of some names had to stand."""
    names = sorted(known)
    near = suggestion(word, names)
    if near:
        return f'"{near}"?' if len(names) > 6 else f'"{near}"? (one of {_listed(names)})'
    if not names:
        return "something that the file declares"
    return f"one of {_listed(names[:12])}{', ...' if len(names) > 12 else ''}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def read_table(kind: type[T], table: object, key: Key, findings: Findings) -> T | None:
    """Build `kind` from a TOML table; wrong or missing fields become `None` and are reported."""
    if not isinstance(table, dict):
        findings.add(key, toml_text(table), "a table")
        return None
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    excused = _report_unknown_keys(table, fields, key, findings)
    values: dict[str, Any] = {}
    for name, field in fields.items():
        here = (*key, name)
        if name in table:
            values[field.name] = _read_value(field.type, table[name], here, findings)
        elif field.required:
            values[field.name] = None
            if name not in excused:
                findings.add(here, "nothing", expectation(field.type))
    return kind(**values)


def _report_unknown_keys(table: Mapping[str, object], known: Mapping[str, object], key: Key,
                         findings: Findings) -> set[str]:
    """Report keys that mean nothing; return the missing keys that were probably meant by them."""
    meant: set[str] = set()
    for name in table:
        if name in known:
            continue
        near = suggestion(name, (k for k in known if k not in table)) or suggestion(name, known)
        if near:
            meant.add(near)
        expected = f"`{near}`" if near else "one of " + ", ".join(f"`{k}`" for k in known)
        findings.add((*key, name), "an unknown key", expected)
    return meant


def _read_value(kind: Any, value: object, key: Key, findings: Findings) -> Any:
    item = _item_struct(kind)
    if item is not None:
        if not isinstance(value, list):
            findings.add(key, toml_text(value), f"tables that begin with [[{key_text(key)}]]")
            return ()
        found = (read_table(item, entry, (*key, i), findings) for i, entry in enumerate(value))
        return tuple(entry for entry in found if entry is not None)
    struct = _struct(kind)
    if struct is not None:
        return read_table(struct, value, key, findings)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        findings.add(key, toml_text(value), expectation(kind))
        return None


def expectation(kind: Any) -> str:
    """What a field wants, in words: its own description, or what its type says."""
    if typing.get_origin(kind) is Annotated:
        for meta in typing.get_args(kind)[1:]:
            if isinstance(meta, msgspec.Meta) and meta.description:
                return meta.description
        return expectation(typing.get_args(kind)[0])
    if _item_struct(kind) is not None:
        return "at least one such table"
    if _struct(kind) is not None:
        return "a table"
    for part in _union_parts(kind):
        if part in _PLAIN:
            return _PLAIN[part]
        if part is not type(None):
            return expectation(part) if part is not kind else str(kind)
    return str(kind)


def _union_parts(kind: Any) -> tuple[Any, ...]:
    origin = typing.get_origin(kind)
    return typing.get_args(kind) if origin in (typing.Union, types.UnionType) else (kind,)


def _struct(kind: Any) -> type[msgspec.Struct] | None:
    for part in _union_parts(kind):
        if isinstance(part, type) and issubclass(part, msgspec.Struct):
            return part
    return None


def _item_struct(kind: Any) -> type[msgspec.Struct] | None:
    """`X` of `tuple[X, ...]` where X is a struct."""
    if typing.get_origin(kind) is Annotated:
        kind = typing.get_args(kind)[0]
    if typing.get_origin(kind) is not tuple:
        return None
    item = typing.get_args(kind)[0]
    is_struct = isinstance(item, type) and issubclass(item, msgspec.Struct)
    return cast("type[msgspec.Struct]", item) if is_struct else None
