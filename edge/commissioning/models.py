"""`forecourt meter models`: what ships, for people and for machines."""

import textwrap
from collections.abc import Iterator, Sequence

import msgspec

from edge.controller.struct import Value
from edge.meter.catalogue import models, twins, why_not_billable
from edge.meter.model import MeterModel, SerialDefaults

_WIDE = 79  # a terminal's least


class ModelRow(Value):
    """One model as it is listed."""

    slug: str
    name: str
    maker: str
    phases: int
    billable: bool
    why_not: str | None
    registers: int
    confirmed: int  # registers that two independent sources agree on
    serial: SerialDefaults
    has_code: bool  # a register says which product it is
    twins: tuple[str, ...]  # models that a scan cannot tell from it
    sunspec: int | None  # the SunSpec model's id
    suspect: str  # why its whole map is in doubt; empty: it is not


def listing() -> tuple[ModelRow, ...]:
    """Every model, by slug."""
    known = models()
    return tuple(_row(model, known) for model in known)


def show(*, as_json: bool) -> int:
    """Print the list. Exit status 0."""
    rows = listing()
    if as_json:
        print(msgspec.json.encode(rows).decode())
        return 0
    print("\n".join(_lines(rows)))
    return 0


def _lines(rows: Sequence[ModelRow]) -> Iterator[str]:
    yield _row_of("model", "product", "", "serial", "sure", "bills")
    for row in rows:
        serial = f"{row.serial.baud} 8{row.serial.parity}{row.serial.stop}"
        sure = f"{row.confirmed:>2}/{row.registers}"
        yield _row_of(row.slug, row.name, f"{row.phases}", serial, sure,
                      "yes" if row.why_not is None else "no")
    yield from ("", "After the product: phases. serial: as it leaves its factory. sure: registers",
                "that two sources agree on, of all. bills: whether a bill may rest on it. Those",
                "that may not bill can still watch over a fuse:")
    for row in rows:
        if row.why_not is not None:
            reason = row.why_not.removeprefix(row.name).removeprefix(":").strip()  # no name twice
            yield from textwrap.wrap(f"{row.slug}: {reason}", _WIDE, initial_indent="  ",
                                     subsequent_indent="    ", break_on_hyphens=False)


def _row_of(slug: str, name: str, phases: str, serial: str, sure: str, bills: str) -> str:
    return f"{slug:<21} {name:<32} {phases:<1} {serial:<10} {sure:<5} {bills}"


def _row(model: MeterModel, known: tuple[MeterModel, ...]) -> ModelRow:
    why_not = why_not_billable(model)
    return ModelRow(
        slug=model.slug, name=model.name, maker=model.maker, phases=model.phases,
        billable=why_not is None, why_not=why_not, registers=len(model.registers),
        confirmed=sum(register.confirmed for register in model.registers), serial=model.serial,
        has_code=model.identity is not None, twins=twins(model.slug, known), sunspec=model.sunspec,
        suspect=model.suspect)
