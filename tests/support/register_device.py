"""A device behind the port of the bus: registers by function and address, and how it refuses."""

import asyncio
import struct
from typing import Any

from edge.bus.port import BusClass
from edge.controller.trouble import DeviceRefused, DeviceTimeout


class RegisterDevice:
    """Answers FC 3 and 4. `troubles` are raised first, one for each request; `None` lets one pass."""

    def __init__(self, *, strict: bool = False, longest: int = 125, frame_s: float = 0.05) -> None:
        """`strict`: it refuses what holds a register that it does not have; else that reads as 0."""
        self.strict, self.longest, self.frame_s = strict, longest, frame_s
        self.words: dict[tuple[int, int], int] = {}
        self.refuses: set[tuple[int, int]] = set()
        self.silent: set[tuple[int, int]] = set()
        self.silent_above: int | None = None  # registers in one request
        self.dead = False
        self.learnt_s: float | None = None
        self.troubles: list[Exception | None] = []
        self.asked: list[tuple[int, int, int]] = []  # function, address, count
        self.classes: list[BusClass] = []
        self.timeouts: list[float | None] = []
        self.now_ns = 5_000_000_000

    def clock_ns(self) -> int:
        return self.now_ns

    def pass_s(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)

    def turnaround_s(self, unit: int) -> float | None:
        return self.learnt_s

    def put(self, function: int, address: int, data: bytes) -> None:
        for at in range(0, len(data), 2):
            self.words[function, address + at // 2] = int.from_bytes(data[at:at + 2], "big")

    def floats(self, values: dict[int, float], function: int = 4) -> None:
        for address, value in values.items():
            self.put(function, address, struct.pack(">f", value))

    async def transact(self, unit: int, pdu: bytes, klass: BusClass, *,
                       timeout_s: float | None = None) -> bytes:
        await asyncio.sleep(0)
        function, (address, count) = pdu[0], struct.unpack(">HH", pdu[1:])
        self.asked.append((function, address, count))
        self.classes.append(klass)
        self.timeouts.append(timeout_s)
        self.pass_s(self.frame_s)
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble is not None:
            raise trouble
        wanted = [(function, at) for at in range(address, address + count)]
        if self.dead or self.silent & set(wanted) or (self.silent_above or 999) < count:
            raise silence()
        absent = self.strict and not set(wanted) <= self.words.keys()
        if count > self.longest or absent or self.refuses & set(wanted):
            raise refusal()
        data = b"".join(self.words.get(at, 0).to_bytes(2, "big") for at in wanted)
        return bytes((function, len(data))) + data

    def told(self) -> list[tuple[int, int, int]]:
        """What was asked since the last call."""
        asked, self.asked = self.asked, []
        return asked


def silence() -> Any:
    return DeviceTimeout("no answer", where="unit 7", got="nothing", expected="one")


def refusal(code: int = 2) -> Any:
    return DeviceRefused("refused", where="unit 7", got=f"exception {code}", expected="values",
                         code=code)
