"""`forecourt meter models`: what ships, for people and for machines."""

import msgspec

from edge.controller.struct import Value
from edge.meter.catalogue import models, twins, why_not_billable
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
    print("\n".join(map(_line, rows)))
    return 0


def _line(row: ModelRow) -> str:
    serial = f"{row.serial.baud} 8{row.serial.parity}{row.serial.stop}"
    return (f"{row.slug:<22} {row.name:<32} {row.phases} ph  {serial:<11} "
            f"{row.confirmed:>2} of {row.registers:>2} confirmed  {_bills(row)}")


def _bills(row: ModelRow) -> str:
    """Whether it may bill; a reason does not say the name again."""
    if row.why_not is None:
        return "may bill"
    reason = row.why_not.removeprefix(row.name).removeprefix(":").strip()
    return f"no bills: {reason}"


def _row(model: MeterModel, known: tuple[MeterModel, ...]) -> ModelRow:
    why_not = why_not_billable(model)
    return ModelRow(
        slug=model.slug, name=model.name, maker=model.maker, phases=model.phases,
        billable=why_not is None, why_not=why_not, registers=len(model.registers),
        confirmed=sum(register.confirmed for register in model.registers), serial=model.serial,
        has_code=model.identity is not None, twins=twins(model.slug, known), sunspec=model.sunspec,
        suspect=model.suspect)
