"""Writes docs/meters.md from the files of the meter models.

usage: python scripts/generate_meters.py [--check]     --check: only say whether it is up to date
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from edge.meter.catalogue import models, text, twins, why_not_billable
from edge.meter.model import MeterModel, Register

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "meters.md"

_HEAD = """# Meters

Generated from `edge/meter/models/`: do not edit.
`python scripts/generate_meters.py` writes this page; a test compares the two.

**None of these meters has been read on a real device by us yet.** A register is *confirmed* when two
independent sources agree on its address, type and scale: a maker's document, or public drivers that do
not copy each other. The others rest on one source. Of the SunSpec models the source is the
specification itself. Before a meter of one source bills, compare it with its own display. If you
connect something, please report what you saw.

* **May bill** needs a register of imported energy in steps of 10 Wh or finer, and a map that is not in
  doubt. A sum of import and export is never billed. It says nothing of calibration law. `forecourt
  check` refuses the others at an outlet, and names a model that would do; at a fuse most of them may
  stand.
  Some devices choose the exponent of their steps themselves: one that turns out to count more coarsely
  gives no reading at an outlet, and fault F102 says why.
* The largest current of each model is often a guess, said below, and energy that seems to flow faster
  is refused. For a variant with transformers say `max_current_a` in its `[[meter]]`.
* **Told by** is what says which product it is. Where nothing does, the values themselves must: volts,
  hertz, and watts that fit volts times amperes. *Twins* cannot be told apart even so: look at the type
  plate.
* **Serial** is how it leaves the factory as far as we know, `8` bits always; what is not known to us is
  said below.

The same list for machines: `forecourt meter models --json`.
"""


def page() -> str:
    """The whole page."""
    known = models()
    lines = [_HEAD, *_table(known), ""]
    for model in known:
        lines += [*_section(model, known), ""]
    return "\n".join(lines).rstrip() + "\n"


def _table(known: Iterable[MeterModel]) -> Iterator[str]:
    yield "| model | product | phases | serial | confirmed | told by | may bill |"
    yield "|---|---|---|---|---|---|---|"
    for model in known:
        confirmed = sum(register.confirmed for register in model.registers)
        yield (f"| [`{model.slug}`](#{model.slug}) | {model.name} | {model.phases} | {_serial(model)} "
               f"| {confirmed} of {len(model.registers)} | {_told_by(model)} "
               f"| {'no' if why_not_billable(model) else 'yes'} |")


def _section(model: MeterModel, known: Iterable[MeterModel]) -> Iterator[str]:
    yield f"## {model.slug}"
    yield ""
    yield f"**{model.name}** ({model.maker})."
    yield _head_of(model)
    yield ""
    why_not = why_not_billable(model)
    if why_not is not None:
        yield f"* bills: no: {why_not}"
    elif model.billing is not None:
        yield f"* bills: `{model.billing.quantity}`, {_step(model)}"
    most = f"at most {model.max_block} registers in a request{_barriers(model)}"
    yield f"* serial: {_serial(model)}; {most}"
    yield f"* refused as impossible: more than {model.max_current_a:g} A on each phase"
    if model.identity is not None:
        yield f"* told by: {_identity(model)}"
    alike = twins(model.slug, known)
    if alike:
        yield f"* twins: {', '.join(f'[`{slug}`](#{slug})' for slug in alike)}"
    every = model.registers
    for title, some in (("confirmed", [each for each in every if each.confirmed]),
                        ("one source", [each for each in every if not each.confirmed]),
                        ("may be absent", [each for each in every if each.optional]),
                        ("sign ignored", [each for each in every if each.magnitude])):
        if some:
            yield f"* {title}: {_names(some)}"


def _head_of(model: MeterModel) -> str:
    """What the file says of the product before its first key."""
    said = []
    for line in text(model.slug).splitlines():
        if not line.startswith("#"):
            break
        said.append(line.removeprefix("#").strip())
    return "\n".join(said)


def _serial(model: MeterModel) -> str:
    return f"{model.serial.baud} 8{model.serial.parity}{model.serial.stop}"


def _step(model: MeterModel) -> str:
    register = model.register(model.billing.quantity) if model.billing else None
    if register is None or model.billing is None:
        return ""
    moving = "" if register.scale_register is None else " times ten to the exponent that it holds"
    return f"in steps of {model.billing.resolution_wh} Wh{moving}"


def _barriers(model: MeterModel) -> str:
    if not model.barriers:
        return ""
    return ", none across " + ", ".join(f"0x{address:04X}" for address in model.barriers)


def _told_by(model: MeterModel) -> str:
    if model.sunspec is not None:
        return "SunSpec"
    return "its values" if model.identity is None else f"0x{model.identity.address:04X}"


def _identity(model: MeterModel) -> str:
    identity = model.identity
    if identity is None:
        return ""
    alone = ", read alone" if identity.alone else ""
    sources = "confirmed" if identity.confirmed else "one source"
    return (f"function {identity.function} at 0x{identity.address:04X}{alone}: "
            f"{', '.join(f'`{value}`' for value in identity.values)} ({sources})")


def _names(registers: Iterable[Register]) -> str:
    """Quantities, the phases of one together: `voltage L1 L2 L3`."""
    grouped: dict[str, list[str]] = {}
    for register in registers:
        name = re.sub(r"_l[123]$", "", register.quantity)
        phase = register.quantity.removeprefix(name).removeprefix("_").upper()
        grouped.setdefault(name, []).append(phase)
    return ", ".join(f"{name.replace('_', ' ')}{_phases(phases)}" for name, phases in grouped.items())


def _phases(phases: list[str]) -> str:
    each = " ".join(phase for phase in phases if phase)
    if not each:
        return ""
    return f" (and {each})" if "" in phases else f" {each}"


def is_stale(path: Path) -> bool:
    """Whether this file is not what the models say."""
    return not path.exists() or path.read_text(encoding="utf-8") != page()


def main(argv: list[str]) -> int:
    """Exit status 1: `--check` found a difference."""
    if not is_stale(PAGE):
        return 0
    if "--check" in argv:
        print(f"{PAGE.relative_to(ROOT)}: differs from the models; run {Path(__file__).name}")
        return 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
