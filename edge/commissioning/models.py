"""`forecourt meter models`: what ships, for people and for machines."""

import msgspec

from edge.controller.struct import Value
from edge.meter.catalogue import load, slugs, why_not_billable
from edge.meter.model import MeterModel, SerialDefaults


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
    suspect: str  # why its whole map is in doubt; empty: it is not


def listing() -> tuple[ModelRow, ...]:
    """Every model, by slug."""
    return tuple(_row(load(slug)) for slug in slugs())


def show(*, as_json: bool) -> int:
    """Print the list. Exit status 0."""
    rows = listing()
    if as_json:
        print(msgspec.json.encode(rows).decode())
        return 0
    for row in rows:
        serial = f"{row.serial.baud} 8{row.serial.parity}{row.serial.stop}"
        print(f"{row.slug:<22} {row.name:<32} {row.phases} ph  {serial:<11} "
              f"{row.confirmed:>2} of {row.registers:>2} confirmed  {row.why_not or 'may bill'}")
    return 0


def _row(model: MeterModel) -> ModelRow:
    why_not = why_not_billable(model)
    return ModelRow(
        slug=model.slug, name=model.name, maker=model.maker, phases=model.phases,
        billable=why_not is None, why_not=why_not, registers=len(model.registers),
        confirmed=sum(register.confirmed for register in model.registers), serial=model.serial,
        suspect=model.suspect)
