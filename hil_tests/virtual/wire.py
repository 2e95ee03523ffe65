"""A model of an RS-485 line, without a line: bytes at their true wire time, on the loop's clock.

Half duplex, multi-drop: what a master sends reaches every slave when its last bit is through; a slave's
answer reaches the masters (and the other slaves, which have to ignore it) no sooner than the wire
allows. Two talkers at once spoil both; a slave set to another baud hears garbage. The clock is the
loop's, so that an hour passes in seconds on a loop in virtual time. Faults: `spoil.py`. Imports nothing
of the product.

    wire = Wire(baud=9600)
    wire.attach(VirtualMeter(1, "eastron-sdm630"))
    send = wire.connect(heard)      # a master's port: `heard(data)` is called with what arrives
    send(request)
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from hil_tests.virtual.spoil import FAULTS, GATEWAY_SILENT, NOISE, SPOILED, Fault, garble, spoil

Hear = Callable[[bytes], None]
_OF_LINE = ("cut", "echo")


class Slave(Protocol):
    """An in-process device."""

    unit: int
    turnaround_s: float  # from the silence after the request to the first bit of the answer
    baud: int | None  # that its port is set to; None: whatever is spoken

    def answer(self, frame: bytes) -> bytes | None:
        """The answer frame to a request frame (with CRC), `None` if it is not for this device."""
        ...


class _Talk:
    """One transmission on the wire."""

    def __init__(self, talker: int, end_s: float) -> None:
        self.talker, self.end_s, self.spoiled = talker, end_s, False


class _Talker:
    """A device that talks when it likes: a board's UART behind a pipe."""

    def __init__(self, hear: Hear, baud: int | None) -> None:
        self.hear, self.baud = hear, baud


class Traffic:
    """What passed on the line."""

    def __init__(self) -> None:
        self.requests = 0  # bursts of a master
        self.answers = 0
        self.bytes_down = 0
        self.bytes_up = 0
        self.busy_s = 0.0
        self.collisions = 0
        self.answers_by_unit: dict[int, int] = {}


class Wire:
    """One line. All methods belong to the running loop.

    `bits_per_char` 11 is 8E1 or 8N2, 10 is 8N1. `hear_all`: slaves hear each other, as they do.
    `paced` False: bytes take no time, where a test is about values and not about the wire.
    """

    def __init__(self, *, baud: int = 19200, bits_per_char: int = 11, hear_all: bool = True,
                 paced: bool = True) -> None:
        self.bits_per_char, self.paced = bits_per_char, paced
        self.traffic = Traffic()
        self.faults: list[Fault] = []
        self._hear_all = hear_all
        self._slaves: dict[int, Slave] = {}
        self._talkers: dict[int, _Talker] = {}
        self._ports: dict[int, Hear] = {}  # talker id (0, -1, ...) -> master
        self._talk: _Talk | None = None
        self._timers: set[asyncio.TimerHandle] = set()
        self._before: dict[int, bytes] = {}  # unit -> its last answer
        self._held: list[tuple[int, bytes]] = []
        self._crept_s: dict[int, float] = {}
        self.speak(baud)

    def speak(self, baud: int) -> None:
        """What the masters' ports are set to from now on; the pace follows."""
        self.baud = baud
        self.char_s = self.bits_per_char / baud if self.paced else 0.0
        self.silence_s = 3.5 * self.char_s if baud <= 19200 or not self.paced else 0.00175

    def connect(self, on_data: Hear) -> Callable[[bytes], None]:
        """A master's port. Returns what it sends with."""
        talker = min(self._ports, default=1) - 1
        self._ports[talker] = on_data
        return lambda data: self._send(talker, data)

    def disconnect(self, on_data: Hear) -> None:
        """Take a master's port off the line."""
        self._ports = {talker: hear for talker, hear in self._ports.items() if hear != on_data}

    def attach(self, slave: Slave) -> None:
        """Add an in-process device. `ValueError` for a unit id that is taken."""
        self._check_free(slave.unit)
        self._slaves[slave.unit] = slave

    def attach_talker(self, unit: int, hear: Hear, *, baud: int | None = None) -> Hear:
        """Add a device of raw bytes: `hear(data)` gets all it hears. Returns what it sends with."""
        self._check_free(unit)
        self._talkers[unit] = _Talker(hear, baud)
        return lambda data: self._answer(unit, data, self._now_s())

    def detach(self, unit: int) -> None:
        """Take a device off the line."""
        self._slaves.pop(unit, None)
        self._talkers.pop(unit, None)

    def close(self) -> None:
        """Nothing that is under way arrives."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    @property
    def units(self) -> set[int]:
        """Who is attached now."""
        return {*self._slaves, *self._talkers}

    def fault(self, kind: str, unit: int | None = None, *, delay_s: float = 0.5,
              data: bytes | None = None, times: int | None = None) -> None:
        """Switch a fault of `spoil.FAULTS` on (no unit: of every slave), for `times` answers or until
        `clear`.
        """
        if kind not in FAULTS:
            raise ValueError(f"fault: got {kind!r}, expected one of {', '.join(FAULTS)}")
        if data is None:
            data = GATEWAY_SILENT if kind == "exception" else NOISE
        self.faults.append(Fault(kind, unit, delay_s, data, times))

    def clear(self, kind: str | None = None, unit: int | None = None) -> None:
        """Switch faults off: all of them, or those of a kind and unit."""
        self.faults = [fault for fault in self.faults
                       if (kind is not None and fault.kind != kind)
                       or (unit is not None and fault.unit != unit)]
        self._crept_s.clear()
        self._held.clear()

    def _check_free(self, unit: int) -> None:
        if not 1 <= unit <= 247 or unit in self.units:
            raise ValueError(f"unit: got {unit} (taken or out of range), expected a free one of 1..247")

    # --- the wire

    def _send(self, talker: int, data: bytes) -> None:
        self.traffic.requests += 1
        self.traffic.bytes_down += len(data)
        if not self._cut(None):
            self._transmit(talker, data, self._now_s(),
                           lambda heard, end_s: self._sent(talker, heard, end_s))

    def _sent(self, talker: int, data: bytes, end_s: float) -> None:
        for unit, frame in self._held:
            self._speak(unit, frame, end_s)
        self._held.clear()
        if data and self._use(data[0], ("echo",)):
            self._ports[talker](data)
        for other, hear in list(self._ports.items()):
            if other != talker:
                hear(data)
        self._to_slaves(data, talker, end_s)

    def _to_slaves(self, data: bytes, talker: int, end_s: float) -> None:
        """`end_s`: when the last bit was through, however late this timer fired."""
        for unit, device in list(self._talkers.items()):
            if unit != talker and not self._cut(unit):
                device.hear(data if device.baud in (None, self.baud) else garble(data))
        for slave in list(self._slaves.values()):
            if slave.unit != talker and not self._cut(slave.unit) \
                    and slave.baud in (None, self.baud):
                answer = slave.answer(data)
                if answer is not None:
                    self._answer(slave.unit, answer, end_s + self.silence_s + slave.turnaround_s)

    def _answer(self, unit: int, frame: bytes, at_s: float) -> None:
        """Spoil the answer as told, then put it on the wire at the loop's time `at_s`."""
        if self._cut(unit):
            return
        faults, before = self._use(unit), self._before.get(unit)
        self._before[unit] = frame
        talker = self._talkers.get(unit)
        if talker is not None and talker.baud not in (None, self.baud):
            frame = garble(frame)
        for fault in faults:
            if fault.kind == "silent":
                return
            frame = spoil(fault, frame, before)
            if fault.kind == "late":
                at_s += fault.delay_s
            elif fault.kind == "creep":
                at_s += self._crept_s.get(unit, 0.0)
                self._crept_s[unit] = self._crept_s.get(unit, 0.0) + fault.delay_s
            elif fault.kind == "held":
                self._held.append((unit, frame))
                return
        if frame and at_s <= self._now_s():
            self._speak(unit, frame, at_s)
        elif frame:
            self._at(at_s, lambda: self._speak(unit, frame, at_s))

    def _speak(self, unit: int, frame: bytes, at_s: float) -> None:
        self._transmit(unit, frame, at_s, lambda heard, end_s: self._to_masters(unit, heard, end_s))

    def _to_masters(self, unit: int, data: bytes, end_s: float) -> None:
        if self._cut(unit):
            return
        self.traffic.answers += 1
        self.traffic.answers_by_unit[unit] = self.traffic.answers_by_unit.get(unit, 0) + 1
        self.traffic.bytes_up += len(data)
        for hear in list(self._ports.values()):
            hear(data)
        if self._hear_all:
            self._to_slaves(data, unit, end_s)

    def _transmit(self, talker: int, data: bytes, at_s: float,
                  deliver: Callable[[bytes, float], None]) -> None:
        """Talk from `at_s` (now, or a timer's lateness ago); deliver when the last bit is through."""
        before, start_s, spoiled = self._talk, at_s, False
        if before is not None and before.end_s > at_s:
            if before.talker == talker:  # goes on talking
                start_s, spoiled = before.end_s, before.spoiled
            else:
                before.spoiled = spoiled = True
                self.traffic.collisions += 1
        talk = _Talk(talker, start_s + len(data) * self.char_s)
        talk.spoiled = spoiled
        self._talk = talk
        self.traffic.busy_s += talk.end_s - start_s
        self._at(talk.end_s, lambda: deliver(garble(data) if talk.spoiled else data, talk.end_s))

    def _at(self, at_s: float, run: Callable[[], None]) -> None:
        def fire() -> None:
            self._timers.discard(timer)
            run()
        timer = asyncio.get_running_loop().call_at(at_s, fire)
        self._timers.add(timer)

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()

    # --- faults

    def _cut(self, unit: int | None) -> bool:
        return any(fault.kind == "cut" and fault.unit in (None, unit) for fault in self.faults)

    def _use(self, unit: int, kinds: tuple[str, ...] | None = None) -> list[Fault]:
        """The faults for this answer (or of these kinds), counted down; frame spoilers first, then
        what surrounds it.
        """
        used = [fault for fault in self.faults if fault.unit in (None, unit)
                and (fault.kind in kinds if kinds else fault.kind not in _OF_LINE)]
        left = [fault._replace(left=fault.left - 1) if fault in used and fault.left else fault
                for fault in self.faults]
        self.faults = [fault for fault in left if fault.left != 0]
        return sorted(used, key=lambda fault: fault.kind not in SPOILED)
