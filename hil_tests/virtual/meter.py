"""Virtual Modbus meters: registers that follow a load, served over RTU. Own codec, nothing of `edge`.

A meter's registers change only at its refresh instants, as real ones do: `register_wh()` is what a
master would read now, `true_wh()` what has flowed. Register layouts after Eastron's "SDM630 Modbus V2"
and "SDM120 Modbus" protocol documents: FC 4, IEEE 754 floats in two registers, high word first.
"""

import math
import struct
import time
from collections.abc import Callable
from typing import NamedTuple

from hil_tests.virtual.line import crc

Phases = tuple[float, float, float]


class Sample(NamedTuple):
    """What the registers show: latched at one instant."""

    voltage_v: Phases
    current_a: Phases
    power_w: Phases
    import_wh: float
    export_wh: float


class MeterPhysics:
    """The load through one meter, integrated by its own monotonic clock. Negative power is export."""

    def __init__(self, *, import_wh: float = 0.0, export_wh: float = 0.0, refresh_s: float = 0.5,
                 now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._refresh_s = now, refresh_s
        self._voltage_v: Phases = (230.0, 230.0, 230.0)
        self._current_a: Phases = (0.0, 0.0, 0.0)
        self._power_w: Phases = (0.0, 0.0, 0.0)
        self._import_wh, self._export_wh = import_wh, export_wh
        self._at_s = now()
        self._latch_due_s = self._at_s + refresh_s
        self._latched = self._present()

    def set_load(self, current_a: Phases, voltage_v: Phases = (230.0, 230.0, 230.0), *,
                 power_factor: float = 1.0) -> None:
        """From now on this flows, per phase L1..L3; a negative current flows back to the grid."""
        self._advance()
        self._current_a, self._voltage_v = current_a, voltage_v
        self._power_w = (current_a[0] * voltage_v[0] * power_factor,
                         current_a[1] * voltage_v[1] * power_factor,
                         current_a[2] * voltage_v[2] * power_factor)

    def jump(self, by_wh: float) -> None:
        """The register is so much further (or back) all at once."""
        self._advance()
        self._import_wh += by_wh
        self._latched = self._present()

    def sample(self) -> Sample:
        """What the registers show now."""
        self._advance()
        return self._latched

    def true_wh(self) -> float:
        """Imported energy up to this moment, unrounded."""
        self._advance()
        return self._import_wh

    def _advance(self) -> None:
        """Integrate to now, latching at the last refresh instant on the way."""
        now_s = self._now()
        if now_s >= self._latch_due_s:
            missed = math.floor((now_s - self._latch_due_s) / self._refresh_s)
            latch_s = self._latch_due_s + missed * self._refresh_s
            self._integrate(latch_s)
            self._latched = self._present()
            self._latch_due_s = latch_s + self._refresh_s
        self._integrate(now_s)

    def _integrate(self, to_s: float) -> None:
        hours = max(0.0, to_s - self._at_s) / 3600
        total_w = sum(self._power_w)
        if total_w >= 0:
            self._import_wh += total_w * hours
        else:
            self._export_wh -= total_w * hours
        self._at_s = max(self._at_s, to_s)

    def _present(self) -> Sample:
        return Sample(self._voltage_v, self._current_a, self._power_w, self._import_wh, self._export_wh)


def _sdm630(sample: Sample) -> dict[int, float]:
    """Parameter start addresses of the SDM630 (input registers 3X - 30001)."""
    volt, amp, watt = sample.voltage_v, sample.current_a, sample.power_w
    table = {0: volt[0], 2: volt[1], 4: volt[2], 6: amp[0], 8: amp[1], 10: amp[2],
             12: watt[0], 14: watt[1], 16: watt[2], 42: sum(volt) / 3, 46: sum(amp) / 3, 48: sum(amp),
             52: sum(watt), 70: 50.0, 72: sample.import_wh / 1000, 74: sample.export_wh / 1000,
             342: (sample.import_wh + sample.export_wh) / 1000}
    for phase in range(3):
        table[18 + 2 * phase] = abs(volt[phase] * amp[phase])
        table[30 + 2 * phase] = 1.0
    return table


def _sdm120(sample: Sample) -> dict[int, float]:
    """Parameter start addresses of the SDM120; one phase."""
    return {0: sample.voltage_v[0], 6: sample.current_a[0], 12: sample.power_w[0],
            18: abs(sample.voltage_v[0] * sample.current_a[0]), 30: 1.0, 70: 50.0,
            72: sample.import_wh / 1000, 74: sample.export_wh / 1000,
            342: (sample.import_wh + sample.export_wh) / 1000}


_IMPORT = 72  # address of the import register, of both models
SHOWN = ("true", "frozen", "nan", "negative")


class _Model(NamedTuple):
    registers: Callable[[Sample], dict[int, float]]
    end: int  # first address that does not exist
    most: int  # registers in one request


MODELS = {"eastron-sdm630": _Model(_sdm630, 382, 80), "eastron-sdm120": _Model(_sdm120, 346, 80)}


class VirtualMeter:
    """One RTU slave with its physics. Attach it to a `Line`."""

    def __init__(self, unit: int, model: str = "eastron-sdm630", *, physics: MeterPhysics | None = None,
                 turnaround_s: float = 0.008, baud: int | None = None) -> None:
        if model not in MODELS:
            raise ValueError(f"model: got {model!r}, expected one of {', '.join(MODELS)}")
        self.unit, self.model, self.turnaround_s, self.baud = unit, model, turnaround_s, baud
        self.physics = physics or MeterPhysics()
        self.powered = True  # a meter behind an open contactor is dead
        self.forced: dict[int, float] = {}  # address -> value shown instead, `nan` for instance
        self.requests = 0

    def register_wh(self) -> float:
        """The import register as a master would read it now, in Wh (float32 kWh on the wire)."""
        kwh = struct.unpack(">f", struct.pack(">f", self.physics.sample().import_wh / 1000))[0]
        return float(kwh) * 1000

    def show(self, how: str) -> None:
        """What the import register shows from now on: one of `SHOWN`."""
        if how not in SHOWN:
            raise ValueError(f"how: got {how!r}, expected one of {', '.join(SHOWN)}")
        shown = {"frozen": self.physics.sample().import_wh / 1000, "nan": math.nan, "negative": -1.0}
        self.forced.pop(_IMPORT, None)
        if how in shown:
            self.forced[_IMPORT] = shown[how]

    def answer(self, frame: bytes) -> bytes | None:
        """See `hil_tests.virtual.line.Slave`."""
        if not self.powered or len(frame) < 4 or frame[0] != self.unit or crc(frame[:-2]) != frame[-2:]:
            return None
        if len(frame) != 8:
            return None  # another's answer that happens to carry our unit id
        self.requests += 1
        body = bytes((self.unit,)) + self._respond(frame[1:-2])
        return body + crc(body)

    def _respond(self, pdu: bytes) -> bytes:
        function = pdu[0]
        if function != 4:
            return bytes((function | 0x80, 1))
        address, count = struct.unpack(">HH", pdu[1:5])
        model = MODELS[self.model]
        if not 1 <= count <= model.most:
            return bytes((function | 0x80, 3))
        if address % 2 or count % 2 or address + count > model.end:
            return bytes((function | 0x80, 2))
        values = model.registers(self.physics.sample()) | self.forced
        data = b"".join(struct.pack(">f", values.get(at, 0.0))
                        for at in range(address, address + count, 2))
        return bytes((function, len(data))) + data
