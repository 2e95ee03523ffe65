"""What must hold inside a meter model beyond its shape. Pure."""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from edge.bus.url import BAUDS
from edge.meter.decode import wh_per_count
from edge.meter.model import Identity, MeterModel, Register, RegisterType

_UNITS = {"voltage": "V", "current": "A", "power": "W", "import_power": "W", "export_power": "W",
          "apparent_power": "VA", "reactive_power": "var", "power_factor": "1", "frequency": "Hz",
          "energy_import": "kWh", "energy_export": "kWh", "energy_total": "kWh",
          "energy_import_fine": "kWh", "energy_export_fine": "kWh", "reactive_energy_import": "kvarh",
          "reactive_energy_export": "kvarh", "reactive_energy_total": "kvarh"}
_FLOATS = frozenset({RegisterType.FLOAT32, RegisterType.FLOAT64})
_OWN_EXPONENT = frozenset({RegisterType.T5, RegisterType.T6})
_UNSIGNED = frozenset({RegisterType.UINT16, RegisterType.UINT32, RegisterType.UINT64,
                       RegisterType.ACC32, RegisterType.T5})
#: Whole imported energy. Nothing else may be billed: a phase is a part, a sum may hold export.
BILLED = ("energy_import", "energy_import_fine")


def problems(model: MeterModel) -> list[str]:
    """Every fault of the description, in words (key, got, expected); empty: it may be used."""
    return [*_of_the_product(model), *_of_the_map(model), *_of_tiers(model), *_of_billing(model),
            *(_of_identity(model, model.identity) if model.identity is not None else ()),
            *(text for register in model.registers for text in _of_register(model, register))]


def _of_the_product(model: MeterModel) -> Iterator[str]:
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", model.slug):
        yield f"slug: got {model.slug!r}, expected small letters, digits and single dashes"
    for key, text in (("name", model.name), ("maker", model.maker)):
        if not text.strip():
            yield f"{key}: got nothing, expected a text"
    if model.phases not in (1, 2, 3):
        yield f"phases: got {model.phases}, expected 1, 2 or 3"
    for key, number in (("max_current_a", model.max_current_a), ("refresh_s", model.refresh_s)):
        if not number > 0:
            yield f"{key}: got {number:g}, expected more than 0"
    if model.serial.baud not in BAUDS:
        yield f"serial.baud: got {model.serial.baud}, expected one of {', '.join(map(str, BAUDS))}"
    if model.serial.parity not in ("N", "E", "O"):
        yield f"serial.parity: got {model.serial.parity!r}, expected N, E or O"
    if model.serial.stop not in (1, 2):
        yield f"serial.stop: got {model.serial.stop}, expected 1 or 2"
    if model.sunspec is not None and model.identity is not None:
        yield "identity: got one, expected none, because the walk to a SunSpec model tells it"


def _of_the_map(model: MeterModel) -> Iterator[str]:
    if not model.registers:
        yield "registers: got none, expected at least one"
    yield from _twice("registers", (register.quantity for register in model.registers))
    ordered = sorted(model.registers, key=lambda register: (register.function, register.address))
    for first, second in pairwise(ordered):
        apart = first.function != second.function or first.end <= second.address
        if not apart and not model.suspect:
            yield (f"{second.quantity}: got address {second.address} inside {first.quantity}, "
                   "expected one of its own")
    if list(model.barriers) != sorted(set(model.barriers)):
        yield f"barriers: got {list(model.barriers)}, expected rising addresses"


def _of_register(model: MeterModel, register: Register) -> Iterator[str]:
    name, size = register.quantity, register.type.words * 4
    unit = _UNITS.get(re.sub(r"_l[123]$", "", name))
    if unit is None:
        yield f"{name}: got an unknown quantity, expected one of {', '.join(_UNITS)}, or with _l1"
    elif register.unit != unit:
        yield f"{name}: got unit {register.unit!r}, expected {unit!r}"
    if register.function not in (3, 4):
        yield f"{name}: got function {register.function}, expected 3 or 4"
    if not register.scale > 0:
        yield f"{name}: got scale {register.scale}, expected more than 0"
    if register.sentinel and not re.fullmatch(rf"[0-9a-f]{{{size}}}", register.sentinel):
        yield (f"{name}: got sentinel {register.sentinel!r} of {len(register.sentinel)} digits, "
               f"expected {size} small hex digits")
    if register.end > 0x10000 or register.type.words > model.max_block:
        yield f"{name}: got {register.type.words} registers at {register.address}, expected them to fit"
    if any(register.address < barrier < register.end for barrier in model.barriers):
        yield f"{name}: lies across a barrier"
    if register.magnitude and register.type in _UNSIGNED:
        yield f"{name}: got magnitude with {register.type}, expected a type that has a sign"
    if model.sunspec is not None and (register.function != 3 or register.address < 2):
        yield (f"{name}: got function {register.function} at {register.address}, "
               "expected 3 and an address behind the header's two")
    if register.scale_register is not None:
        yield from _of_scale_register(model, register, register.scale_register)


def _of_scale_register(model: MeterModel, register: Register, address: int) -> Iterator[str]:
    if register.type in (_FLOATS | _OWN_EXPONENT | {RegisterType.INT32_MILLI}):
        yield f"{register.quantity}: got a scale_register with {register.type}, expected a whole number"
    if any(each.address <= address < each.end and each.function == register.function
           for each in model.registers):
        yield f"{register.quantity}: got scale_register {address} inside a value, expected its own"


def _of_tiers(model: MeterModel) -> Iterator[str]:
    names = {register.quantity for register in model.registers}
    for key, tier in (("fast", model.fast), ("slow", model.slow)):
        yield from (f"{key}: {name} has no register" for name in tier if name not in names)
    yield from _twice("fast and slow", (*model.fast, *model.slow))
    powers = ({"power"}, {"import_power", "export_power"}, {f"power_l{n}" for n in (1, 2, 3)})
    if not any(wanted <= set(model.fast) for wanted in powers):
        yield "fast: got no power, expected power, import_power and export_power, or all of power_l1..3"


def _of_billing(model: MeterModel) -> Iterator[str]:
    billing = model.billing
    if billing is None:
        return
    if model.generator:
        yield "billing: got one, expected none for a generator"
    if billing.quantity not in BILLED:
        yield f"billing.quantity: got {billing.quantity!r}, expected {' or '.join(BILLED)}"
    register = model.register(billing.quantity)
    if register is None:
        yield f"billing.quantity: {billing.quantity} has no register"
    elif not billing.resolution_wh > 0:
        yield f"billing.resolution_wh: got {billing.resolution_wh}, expected more than 0"
    elif (register.unit == "kWh" and register.type not in _FLOATS | _OWN_EXPONENT
          and billing.resolution_wh != wh_per_count(register)):
        yield (f"billing.resolution_wh: got {billing.resolution_wh}, expected "
               f"{wh_per_count(register).normalize():f}, which is one count of {register.quantity}")


def _of_identity(model: MeterModel, identity: Identity) -> Iterator[str]:
    if identity.function not in (3, 4):
        yield f"identity.function: got {identity.function}, expected 3 or 4"
    if not 1 <= identity.count <= model.max_block:
        yield f"identity.count: got {identity.count}, expected 1 to {model.max_block}"
    if not identity.values:
        yield "identity.values: got none, expected at least one"
    yield from _twice("identity.values", identity.values)
    yield from (f"identity.values: got {value!r}, expected {4 * identity.count} small hex digits"
                for value in identity.values
                if not re.fullmatch(rf"[0-9a-f]{{{4 * identity.count}}}", value))


def _twice(key: str, names: Iterable[str]) -> Iterator[str]:
    seen = list(names)
    yield from (f"{key}: {name} twice" for name in sorted(set(seen)) if seen.count(name) > 1)
