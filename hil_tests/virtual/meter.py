"""Virtual Modbus meters: the registers of any model, that follow a load or show what they are told.

The map of a model comes from the product's data file, the words from own code (`encoding.py`). What a
device refuses is refused: an unknown function (exception 1), an address that it does not have, a block
that crosses a barrier or begins inside a value (2), a block that is too long (3). Attach one to a
`Wire`, or put it behind a socket (`meter_tcp.py`). A meter's registers change only at its refresh
instants, as real ones do: `register_wh()` is what a master would read now, `physics.true_wh()` what
has flowed.
"""

import math
import struct
from collections.abc import Mapping

from hil_tests.virtual.encoding import Shown, Spot, clipped, encode, quantised, word
from hil_tests.virtual.meter_map import MeterMap, load
from hil_tests.virtual.meter_physics import MeterPhysics, Phases, Sample, quantities
from hil_tests.virtual.spoil import crc
from hil_tests.virtual.sunspec_map import EXPONENTS, Layout, layout

__all__ = ["SHOWN", "MeterPhysics", "Phases", "Sample", "VirtualMeter"]

SHOWN = ("true", "frozen", "nan", "negative")
_READS = (3, 4)
_BAD_FUNCTION, _BAD_ADDRESS, _BAD_VALUE = 1, 2, 3
_PER_UNIT = {"kWh": 1000.0, "MWh": 1e6, "kvarh": 1000.0, "kW": 1000.0, "Pct": 0.01}


class Refused(Exception):
    """A Modbus exception, with its code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code}")
        self.code = code


class VirtualMeter:
    """One slave with its physics.

    `holes`: registers between those of the map are "zeros", or "refused". `baud`: that its port is set
    to; None: whatever the line speaks. `sunspec`: where a SunSpec model is found. `product`: which of
    the products of its identity it is; None: an older one, which has no such register.
    """

    def __init__(self, unit: int, model: str = "eastron-sdm630", *,
                 physics: MeterPhysics | None = None, turnaround_s: float = 0.008,
                 baud: int | None = None, holes: str = "zeros", sunspec: Layout | None = None,
                 product: int | None = 0) -> None:
        if holes not in ("zeros", "refused"):
            raise ValueError(f"holes: got {holes!r}, expected 'zeros' or 'refused'")
        self.unit, self.model, self.turnaround_s, self.baud = unit, model, turnaround_s, baud
        self.map: MeterMap = load(model)
        self.physics = physics or MeterPhysics()
        self.powered = True  # a meter behind an open contactor is dead
        self.forced: dict[int, float] = {}  # address in the map -> value shown instead, `nan` too
        self.absent: set[str] = set()  # quantities that this variant lacks: refused
        self.refuse_above: tuple[int, int] | None = None  # more registers at once: this exception
        self.requests = 0
        self.refusals: list[tuple[int, int]] = []  # address and count of what was refused
        self._identity = None if product is None else self.map.identity
        self._product, self._holes = product or 0, holes
        self._layout = sunspec
        if self.map.sunspec is not None and sunspec is None:
            self._layout = layout(self.map.sunspec, unit=unit)
        self._first = 0 if self._layout is None else self._layout.model_at
        self._told: dict[str, Shown] = {}
        self.exponents = {spot.scale_register: EXPONENTS.get(spot.unit, 0)
                          for spot in self.map.spots if spot.scale_register is not None}
        self._encoded: dict[str, tuple[object, tuple[int, ...]]] = {}

    def put(self, values: Mapping[str, Shown]) -> None:
        """From now on these quantities are so, in the register's unit; None: not available.

        Raises `KeyError` for a quantity that the model has not, `ValueError` for a value that its
        register cannot show.
        """
        for quantity, value in values.items():
            spot = self.map.spot(quantity)
            encode(spot, value, self._exponent(spot))
            self._told[quantity] = value

    def follow(self) -> None:
        """From now on all quantities follow the physics again."""
        self._told.clear()

    def shown(self, quantity: str) -> Shown:
        """What the register shows now, rounded to its steps; None: not available."""
        spot = self.map.spot(quantity)
        value = self._value(spot, quantities(self.physics.sample(), self.map.phases))
        if value is None or not math.isfinite(value):
            return None
        return quantised(spot, value, self._exponent(spot))

    def register_wh(self) -> float:
        """The billing register as a master would read it now, in Wh, unless it is `forced`."""
        spot = self.billing_spot()
        value = self._told.get(spot.quantity, self.physics.sample().import_wh / _PER_UNIT[spot.unit])
        if value is None:
            return math.nan
        return float(quantised(spot, value, self._exponent(spot))) * _PER_UNIT[spot.unit]

    def billing_spot(self) -> Spot:
        """The register that a bill rests on, or would."""
        return self.map.spot(self.map.billed or "energy_import")

    def show(self, how: str) -> None:
        """What the billing register shows from now on: one of `SHOWN`."""
        if how not in SHOWN:
            raise ValueError(f"how: got {how!r}, expected one of {', '.join(SHOWN)}")
        spot = self.billing_spot()
        frozen = self.physics.sample().import_wh / _PER_UNIT[spot.unit]
        shown = {"frozen": frozen, "nan": math.nan, "negative": -1.0}
        self.forced.pop(spot.address, None)
        if how in shown:
            encode(spot, shown[how], self._exponent(spot))
            self.forced[spot.address] = shown[how]

    def answer(self, frame: bytes) -> bytes | None:
        """See `hil_tests.virtual.wire.Slave`."""
        if len(frame) < 4 or frame[0] != self.unit or crc(frame[:-2]) != frame[-2:]:
            return None
        if frame[1] & 0x80 or (len(frame) != 8 and frame[1] in _READS):
            return None  # another's answer that happens to carry our unit id
        pdu = self.respond(frame[1:-2])
        if pdu is None:
            return None
        body = bytes((self.unit,)) + pdu
        return body + crc(body)

    def respond(self, pdu: bytes) -> bytes | None:
        """The answer to a request without framing; None: the meter is dead."""
        if not self.powered:
            return None
        self.requests += 1
        try:
            if pdu[0] not in _READS or len(pdu) != 5:
                raise Refused(_BAD_FUNCTION)
            address, count = struct.unpack(">HH", pdu[1:5])
            words = self._words(pdu[0], address, count)
        except Refused as refused:
            if pdu[0] in _READS and len(pdu) == 5:
                self.refusals.append(struct.unpack(">HH", pdu[1:5]))
            return bytes((pdu[0] | 0x80, refused.code))
        return struct.pack(f">BB{count}H", pdu[0], 2 * count, *words)

    def _words(self, function: int, address: int, count: int) -> list[int]:
        identity, end = self._identity, address + count
        spots = [spot for spot in self.map.spots if self.map.alike or spot.function == function]
        if not spots and (identity is None or identity.function != function):
            raise Refused(_BAD_FUNCTION)
        if not 1 <= count <= self.map.max_block:
            raise Refused(_BAD_VALUE)
        if self.refuse_above is not None and count > self.refuse_above[0]:
            raise Refused(self.refuse_above[1])
        if identity is not None and (function, address, count) == identity[:3]:
            return list(identity.words[self._product])
        self._check(address, end)
        touched = [spot for spot in spots
                   if spot.address + self._first < end and address < spot.end + self._first]
        self._check_spots(touched, address, end)
        image = self._around(function, spots, address, end) | self._image(touched)
        if any(at not in image for at in range(address, end)):
            raise Refused(_BAD_ADDRESS)
        return [image[at] for at in range(address, end)]

    def _check(self, address: int, end: int) -> None:
        if self.map.even and (address % 2 or end % 2):
            raise Refused(_BAD_ADDRESS)
        if any(address < barrier + self._first < end for barrier in self.map.barriers):
            raise Refused(_BAD_ADDRESS)

    def _check_spots(self, touched: list[Spot], address: int, end: int) -> None:
        for spot in touched:
            if spot.quantity in self.absent:
                raise Refused(_BAD_ADDRESS)
            first, last = spot.address + self._first, spot.end + self._first
            if self.map.whole and (first < address < last or first < end < last):
                raise Refused(_BAD_ADDRESS)

    def _around(self, function: int, spots: list[Spot], address: int, end: int) -> dict[int, int]:
        """What there is besides values from `address` to `end`: zeros up to the last register, unless
        holes are refused; or the rest of a SunSpec device.
        """
        if self._layout is not None:
            known = self._layout.words
            return {at: known[at] for at in range(address, end) if at in known}
        identity, there = self._identity, {}
        if self._holes == "zeros" and spots:
            first = min(spot.address for spot in spots)
            first = 0 if first < self.map.max_block else first
            last = max(spot.end for spot in spots)
            there = dict.fromkeys(range(max(first, address), min(last, end)), 0)
        if identity is not None and identity.function == function and not identity.alone:
            there |= _from(identity.address, identity.words[self._product])
        return there

    def _image(self, touched: list[Spot]) -> dict[int, int]:
        """The words of these registers, and of all scale registers, at their addresses."""
        flow = quantities(self.physics.sample(), self.map.phases)
        image = {self._first + at: word(exponent) for at, exponent in self.exponents.items()}
        for spot in touched:
            value = self._value(spot, flow)
            key = (value, self._exponent(spot))
            known = self._encoded.get(spot.quantity)
            if known is None or known[0] != key:
                known = self._encoded[spot.quantity] = key, encode(spot, *key)
            image |= _from(self._first + spot.address, known[1])
        return image

    def _value(self, spot: Spot, flow: Mapping[str, float]) -> Shown:
        if spot.address in self.forced:
            return self.forced[spot.address]
        if spot.quantity in self._told:
            return self._told[spot.quantity]
        value = flow.get(spot.quantity, 0.0) / _PER_UNIT.get(spot.unit, 1.0)
        if spot.quantity.startswith("current"):
            value = abs(value) if spot.type.startswith("u") else value
        return clipped(spot, value, self._exponent(spot))

    def _exponent(self, spot: Spot) -> int:
        return 0 if spot.scale_register is None else self.exponents[spot.scale_register]


def _from(address: int, words: tuple[int, ...]) -> dict[int, int]:
    """Each word at its address."""
    return {address + at: word for at, word in enumerate(words)}
