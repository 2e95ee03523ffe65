"""Which product a unit is: by its own word if it gives one, else by what its registers say.

In this order: the registers in which some makers write a product code, SunSpec, and then every model's
voltage register. The models that show a mains there are read further, and the one whose values fit each
other best is it; models that one cannot tell apart by reading are told as twins.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from edge.bus.pdu import (
    READ_HOLDING,
    identity_of,
    read_holding,
    read_identity,
    read_input,
    registers_of,
)
from edge.bus.port import Bus, BusClass
from edge.commissioning.plausible import implausible
from edge.commissioning.values import printed
from edge.controller.trouble import BadAnswer, DeviceRefused, DeviceTimeout
from edge.meter.decode import value_of
from edge.meter.likeness import likeness, probe_quantities
from edge.meter.model import MeterModel, Register

_SUNSPEC_BASES = (40000, 0, 50000)  # SunSpec Device Information Model Specification, 6.3
_SUNS = (0x5375, 0x6E53)
_COMMON, _END = 1, 0xFFFF
_MOST_SUNSPEC_MODELS = 40
_NAMES = (0, 1)  # objects of an identity: maker, product
_SURE = 2.0  # that a product code is worth, where likeness is 0 to 1
_OTHER_CODE = -0.2  # it may be a variant that we do not know of
_SAME = 0.01  # a difference that says nothing
_MOST_TIE_BREAKS = 16

Words = tuple[int, ...]


class Product(NamedTuple):
    """`slugs`: the model; several if they cannot be told apart. `by`: its "code", "sunspec", the
    "values" of its registers, or the "name" that it says of itself. `says`: evidence in words.
    """

    slugs: tuple[str, ...]
    by: str
    says: str


class Identifier:
    """Reads one unit, each register once. Raises `LineDown` if the line goes.

    `bus` should ask twice (`Patient`): a disturbance must not name another product.
    """

    def __init__(self, bus: Bus, unit: int, models: Iterable[MeterModel], *, timeout_s: float) -> None:
        self._bus, self._unit, self._timeout_s = bus, unit, timeout_s
        self._models = tuple(models)
        self._read: dict[tuple[int, int, int], Words | None] = {}

    async def identify(self) -> Product | None:
        """The product; without `slugs` if it is none of ours, but says what it is; or None."""
        walked = await self._sunspec()
        if walked is not None:
            return walked
        candidates = await self._candidates()
        if not candidates:
            return await self._by_name()
        best = max(candidates.values())
        tied = [model for model in self._models if candidates.get(model.slug, best - 1) > best - _SAME]
        tied.sort(key=_known, reverse=True)
        tied = await self._untied(tied)
        sure = best >= _SURE
        return Product(slugs=tuple(model.slug for model in tied), by="code" if sure else "values",
                       says=await self._sample(tied[0]))

    async def _by_name(self) -> Product | None:
        """What a device that is no model of ours says of itself (function 43/14)."""
        try:
            answer = await self._bus.transact(self._unit, read_identity(), BusClass.BULK,
                                              timeout_s=self._timeout_s)
            objects, _ = identity_of(answer)
        except (DeviceRefused, DeviceTimeout, BadAnswer):
            return None
        named = " ".join(objects[key].strip() for key in _NAMES if objects.get(key, "").strip())
        return Product(slugs=(), by="name", says=f"it says: {named}") if named else None

    async def _candidates(self) -> dict[str, float]:
        """Slug -> points of every model that this may be."""
        found: dict[str, float] = {}
        for model in self._models:
            if model.sunspec is not None:
                continue
            code = await self._code(model)
            volts = model.register("voltage_l1") or model.register("voltage")
            values = await self._values([] if volts is None else [volts])
            if (volts is not None and values.get(volts.quantity) is None) \
                    or implausible(model, values):
                continue
            values = await self._values(filter(None, map(model.register, probe_quantities(model))))
            alike = 0.0 if implausible(model, values) else likeness(model, values)
            if alike > 0:
                found[model.slug] = alike + code
        return found

    async def _code(self, model: MeterModel) -> float:
        """What its code register says for or against this model. Older ones of a make may lack it."""
        told = model.identity
        if told is None:
            return 0.0
        words = await self._words(told.function, told.address, told.count)
        if words is None or not any(words):
            return 0.0
        return _SURE if "".join(f"{word:04x}" for word in words) in told.values else _OTHER_CODE

    async def _untied(self, tied: list[MeterModel]) -> list[MeterModel]:
        """Of models with the same evidence: those whose other registers are there as well."""
        if len(tied) < 2:
            return tied
        common = set.intersection(*({_place(r) for r in model.registers} for model in tied))
        lacks: dict[str, int] = {}
        for model in tied:
            own = [r for r in model.registers if _place(r) not in common and not r.optional]
            missing = [await self._words(r.function, r.address, r.type.words) is None
                       for r in own[:_MOST_TIE_BREAKS]]
            lacks[model.slug] = sum(missing)
        least = min(lacks.values())
        return [model for model in tied if lacks[model.slug] == least]

    async def _values(self, registers: Iterable[Register]) -> Mapping[str, Decimal | None]:
        """Of the registers that can be read."""
        values: dict[str, Decimal | None] = {}
        for register in registers:
            words = await self._words(register.function, register.address, register.type.words)
            if words is not None:
                values[register.quantity] = value_of(register, words)
        return values

    async def _sample(self, model: MeterModel) -> str:
        """What a technician can compare with the display."""
        said = []
        for name in (("voltage_l1", "voltage"), ("frequency",), ("energy_import", "energy_total")):
            register = next(filter(None, map(model.register, name)), None)
            if register is None:
                continue
            value = (await self._values([register])).get(register.quantity)
            shown = printed(register, value)
            if shown is not None:
                said.append(f"{shown:.10g} {register.unit}")
        return ", ".join(said)

    async def _sunspec(self) -> Product | None:
        by_id = {model.sunspec: model.slug for model in self._models if model.sunspec is not None}
        for base in _SUNSPEC_BASES:
            if by_id and await self._words(READ_HOLDING, base, 2) == _SUNS:
                ids, maker = await self._walk(base + 2)
                slugs = tuple(by_id[number] for number in ids if number in by_id)
                listed = ", ".join(map(str, ids))
                return Product(slugs=slugs, by="sunspec",
                               says=f"{maker} with SunSpec models {listed}".strip())
        return None

    async def _walk(self, at: int) -> tuple[list[int], str]:
        """Ids of the SunSpec models from `at`, and what the common one says of maker and product."""
        ids: list[int] = []
        maker = ""
        while len(ids) < _MOST_SUNSPEC_MODELS and at < 0xFFFE:
            head = await self._words(READ_HOLDING, at, 2)
            if head is None or head[0] == _END:
                break
            if head[0] == _COMMON:
                named = await self._words(READ_HOLDING, at + 2, 32)
                maker = " ".join(filter(None, (_text(named[:16]), _text(named[16:])))) if named else ""
            else:
                ids.append(head[0])
            at += 2 + head[1]
        return ids, maker

    async def _words(self, function: int, address: int, count: int) -> Words | None:
        """None: refused, or no answer."""
        key = function, address, count
        if key not in self._read:
            self._read[key] = await self._fetch(*key)
        return self._read[key]

    async def _fetch(self, function: int, address: int, count: int) -> Words | None:
        build = read_holding if function == READ_HOLDING else read_input
        try:
            return registers_of(await self._bus.transact(
                self._unit, build(address, count), BusClass.BULK, timeout_s=self._timeout_s))
        except (DeviceRefused, DeviceTimeout, BadAnswer):
            return None


def _known(model: MeterModel) -> tuple[int, int]:
    """What more sources describe, or has more variants, is met more often: a first guess, no more."""
    return (sum(register.confirmed for register in model.registers),
            len(model.identity.values) if model.identity else 0)


def _place(register: Register) -> tuple[int, int, str, str]:
    return register.function, register.address, register.type.value, register.word_order.value


def _text(words: Words) -> str:
    """A SunSpec string."""
    raw = b"".join(word.to_bytes(2, "big") for word in words)
    return raw.split(b"\0")[0].decode("ascii", "replace").strip()
