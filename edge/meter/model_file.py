"""From the text of a model's file to the model. What is wrong is said by file, key, got, expected."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from edge.meter.model import Billing, Identity, MeterModel, Register, RegisterType, SerialDefaults

_TABLES: Mapping[str, type[msgspec.Struct]] = {
    "serial": SerialDefaults, "billing": Billing, "identity": Identity}
_PLACED = ("quantity", "address")  # a row's own: no default


class BadModel(ValueError):
    """A file that describes no meter."""

    def __init__(self, file: str, key: str, got: str, expected: str) -> None:
        super().__init__(f"{file}: {key}: got {got}, expected {expected}")
        self.file, self.key, self.got, self.expected = file, key, got, expected


def parse(text: str, file: str) -> MeterModel:
    """The model. Rows take what they lack from `defaults`, and from `sentinels` by their type.

    Raises `BadModel` for what is no TOML, an unknown or missing key, and a value of the wrong kind.
    """
    try:
        table: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadModel(file, "the file", str(error), "TOML") from error
    defaults, sentinels = _tables(table, file)
    rows = [defaults | row for row in table["registers"]]
    table["registers"] = [{"sentinel": sentinels.get(row.get("type"), "")} | row for row in rows]
    try:
        return msgspec.convert(table, MeterModel)
    except msgspec.ValidationError as error:
        raise _told(file, table, str(error)) from error


def _tables(table: dict[str, Any], file: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Takes `defaults` and `sentinels` out of the file's table; every key of every table is known."""
    _known(file, "", table, (*_fields(MeterModel), "defaults", "sentinels"))
    defaults, sentinels = table.pop("defaults", {}), table.pop("sentinels", {})
    _known(file, "defaults.", defaults, (name for name in _fields(Register) if name not in _PLACED))
    _known(file, "sentinels.", sentinels, [type_.value for type_ in RegisterType])
    for key, struct in _TABLES.items():
        if key in table:
            _known(file, f"{key}.", table[key], _fields(struct))
    rows = table.get("registers")
    if not isinstance(rows, list):
        raise BadModel(file, "registers", "nothing" if rows is None else repr(rows), "a list of tables")
    for i, row in enumerate(rows):
        _known(file, f"registers[{i}].", row, _fields(Register))
    used = {row.get("type", defaults.get("type")) for row in rows}
    for type_ in sentinels:
        if type_ not in used:
            raise BadModel(file, f"sentinels.{type_}", "a sentinel", "a type that a register has")
    return defaults, sentinels


def _fields(struct: type[msgspec.Struct]) -> tuple[str, ...]:
    return struct.__struct_fields__


def _known(file: str, where: str, table: object, names: Iterable[str]) -> None:
    known = tuple(names)
    if not isinstance(table, dict):
        raise BadModel(file, where.rstrip("."), repr(table), "a table")
    for key in table:
        if key not in known:
            raise BadModel(file, f"{where}{key}", "an unknown key", f"one of {', '.join(known)}")


def _told(file: str, table: dict[str, Any], said: str) -> BadModel:
    """msgspec's message (what - at `$.path`), with the value that stands there."""
    what, _, path = said.partition(" - at `$")
    key = path.rstrip("`").lstrip(".")
    missing = re.search(r"missing required field `(\w+)`", what)
    if missing is not None:
        return BadModel(file, f"{key}.{missing[1]}".lstrip("."), "nothing", "a value")
    value: Any = table
    for name, index in re.findall(r"(\w+)|\[(\d+)\]", key):
        value = value[int(index)] if index else value[name]
    types = ", ".join(type_.value for type_ in RegisterType)
    expected = f"one of {types}" if key.endswith(".type") else what.partition(", got ")[0].replace(
        "Expected ", "")
    return BadModel(file, key, repr(value), expected)
