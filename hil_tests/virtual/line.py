"""A virtual RS-485 line: a pty for the master, any number of slaves, bytes at their true wire time.

Half duplex, multi-drop: what the master sends reaches every slave when its last bit is through; a
slave's answer reaches the master (and the other slaves, which have to ignore it) no sooner than the
wire allows. Two talkers at once spoil both. Slaves are in-process (`attach`) or raw byte pipes of
another process, such as the UART of a pilot board (`attach_fd`). Imports nothing of the product.

Faults (`line.fault(kind, unit=None, ...)`; no unit: every slave):

  silent        no answer
  late          the answer comes `delay_s` later (so that it meets the next request)
  noise_before  `data` (default one byte 0x55) just before the answer
  noise_after   `data` just after it
  bad_crc       last byte of the answer inverted
  wrong_unit    answered in the name of the next unit, with a right CRC
  wrong_function  function 3 for 4 and 4 for 3, with a right CRC
  wrong_count   one register less, with a right CRC
  cut           nothing passes, in either direction
"""

import asyncio
import os
import termios
import tty
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

FAULTS = ("silent", "late", "noise_before", "noise_after", "bad_crc", "wrong_unit", "wrong_function",
          "wrong_count", "cut")
_MASTER = 0  # talker id of the master; no slave has unit 0


class Slave(Protocol):
    """An in-process device."""

    unit: int
    turnaround_s: float  # from the silence after the request to the first bit of the answer

    def answer(self, frame: bytes) -> bytes | None:
        """The answer frame to a request frame (with CRC), `None` if it is not for this device."""
        ...


class Fault(NamedTuple):
    """One fault that stands. `left`: for how many more answers, `None` until cleared."""

    kind: str
    unit: int | None
    delay_s: float
    data: bytes
    left: int | None


class _Talk:
    """One transmission on the wire."""

    def __init__(self, talker: int, end_s: float) -> None:
        self.talker, self.end_s, self.spoiled = talker, end_s, False


class Traffic:
    """What passed on the line."""

    def __init__(self) -> None:
        self.requests = 0  # bursts of the master
        self.answers = 0
        self.bytes_down = 0
        self.bytes_up = 0
        self.busy_s = 0.0
        self.collisions = 0
        self.answers_by_unit: dict[int, int] = {}


class Line:
    """One line. `path`: a stable symlink to the pty, for the master's configuration.

    `bits_per_char` 11 is 8E1 or 8N2, 10 is 8N1. `hear_all`: slaves hear each other, as they do.
    """

    def __init__(self, path: Path, *, baud: int = 19200, bits_per_char: int = 11,
                 hear_all: bool = True) -> None:
        self.path = Path(path)
        self.baud = baud
        self.char_s = bits_per_char / baud
        self.silence_s = 3.5 * self.char_s if baud <= 19200 else 0.00175
        self.traffic = Traffic()
        self.faults: list[Fault] = []
        self._hear_all = hear_all
        self._slaves: dict[int, Slave] = {}
        self._fds: dict[int, int] = {}  # unit -> descriptor
        self._master_fd = self._slave_fd = -1
        self._talk: _Talk | None = None
        self._timers: set[asyncio.TimerHandle] = set()

    async def start(self) -> None:
        """Create the pty and listen."""
        if self._master_fd < 0:
            self.plug()

    async def stop(self) -> None:
        """Close everything; attached descriptors stay their owner's."""
        self.unplug()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        for unit in list(self._fds):
            self.detach(unit)

    def plug(self) -> None:
        """The adapter appears (again): a new pty behind the same path."""
        self._master_fd, self._slave_fd = os.openpty()
        tty.setraw(self._slave_fd, termios.TCSANOW)
        os.set_blocking(self._master_fd, False)
        fresh = self.path.with_name(self.path.name + ".new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(self._slave_fd))
        fresh.replace(self.path)
        asyncio.get_running_loop().add_reader(self._master_fd, self._from_master)

    def unplug(self) -> None:
        """The adapter is pulled out: the master's descriptor hangs up and the path is gone."""
        if self._master_fd < 0:
            return
        asyncio.get_running_loop().remove_reader(self._master_fd)
        os.close(self._master_fd)
        os.close(self._slave_fd)
        self._master_fd = self._slave_fd = -1
        self.path.unlink(missing_ok=True)

    def attach(self, slave: Slave) -> None:
        """Add an in-process device. `ValueError` for a unit id that is taken."""
        self._check_free(slave.unit)
        self._slaves[slave.unit] = slave

    def attach_fd(self, fd: int, unit: int) -> None:
        """Add a device behind a descriptor (pty, socket): raw bytes both ways, made non-blocking."""
        self._check_free(unit)
        os.set_blocking(fd, False)
        self._fds[unit] = fd
        asyncio.get_running_loop().add_reader(fd, self._from_fd, unit, fd)

    def detach(self, unit: int) -> None:
        """Take a device off the line."""
        self._slaves.pop(unit, None)
        fd = self._fds.pop(unit, None)
        if fd is not None:
            asyncio.get_running_loop().remove_reader(fd)

    @property
    def units(self) -> set[int]:
        """Who is attached now."""
        return {*self._slaves, *self._fds}

    def fault(self, kind: str, unit: int | None = None, *, delay_s: float = 0.5,
              data: bytes = b"\x55", times: int | None = None) -> None:
        """Switch a fault on, for `times` answers or until `clear`."""
        if kind not in FAULTS:
            raise ValueError(f"fault: got {kind!r}, expected one of {', '.join(FAULTS)}")
        self.faults.append(Fault(kind, unit, delay_s, data, times))

    def clear(self, kind: str | None = None, unit: int | None = None) -> None:
        """Switch faults off: all of them, or those of a kind and unit."""
        self.faults = [fault for fault in self.faults
                       if (kind is not None and fault.kind != kind)
                       or (unit is not None and fault.unit != unit)]

    def _check_free(self, unit: int) -> None:
        if not 1 <= unit <= 247 or unit in self._slaves or unit in self._fds:
            raise ValueError(f"unit: got {unit} (taken or out of range), expected a free one of 1..247")

    # --- the wire

    def _from_master(self) -> None:
        try:
            data = os.read(self._master_fd, 4096)
        except BlockingIOError:
            return
        except OSError:
            return
        self.traffic.requests += 1
        self.traffic.bytes_down += len(data)
        if not self._cut(None):
            self._transmit(_MASTER, data, self._now_s(),
                           lambda heard, end_s: self._to_slaves(heard, _MASTER, end_s))

    def _from_fd(self, unit: int, fd: int) -> None:
        try:
            data = os.read(fd, 4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # the device's process is gone
            self.detach(unit)
            return
        self._answer(unit, data, self._now_s())

    def _to_slaves(self, data: bytes, talker: int, end_s: float) -> None:
        """`end_s`: when the last bit was through, however late this timer fired."""
        for unit, fd in list(self._fds.items()):
            if unit != talker and not self._cut(unit):
                try:
                    os.write(fd, data)
                except OSError:
                    pass  # a device that does not listen loses bytes, as on a wire
        for slave in list(self._slaves.values()):
            if slave.unit != talker and not self._cut(slave.unit):
                answer = slave.answer(data)
                if answer is not None:
                    self._answer(slave.unit, answer, end_s + self.silence_s + slave.turnaround_s)

    def _answer(self, unit: int, frame: bytes, at_s: float) -> None:
        """Spoil the answer as told, then put it on the wire at the loop's time `at_s`."""
        for fault in self._use(unit):
            if fault.kind in ("silent", "cut"):
                return
            frame = _SPOIL.get(fault.kind, _as_is)(frame)
            if fault.kind == "late":
                at_s += fault.delay_s
            elif fault.kind == "noise_before":
                frame = fault.data + frame
            elif fault.kind == "noise_after":
                frame = frame + fault.data
        if at_s <= self._now_s():
            self._speak(unit, frame, at_s)
        else:
            self._at(at_s, lambda: self._speak(unit, frame, at_s))

    def _speak(self, unit: int, frame: bytes, at_s: float) -> None:
        self._transmit(unit, frame, at_s, lambda heard, end_s: self._to_master(unit, heard, end_s))

    def _to_master(self, unit: int, data: bytes, end_s: float) -> None:
        self.traffic.answers += 1
        self.traffic.answers_by_unit[unit] = self.traffic.answers_by_unit.get(unit, 0) + 1
        self.traffic.bytes_up += len(data)
        if self._master_fd >= 0:
            try:
                os.write(self._master_fd, data)
            except OSError:
                pass
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
        self._at(talk.end_s, lambda: deliver(_garble(data) if talk.spoiled else data, talk.end_s))

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

    def _use(self, unit: int) -> list[Fault]:
        """The faults for this answer, counted down; frame spoilers first, then what surrounds it."""
        used = [fault for fault in self.faults if fault.unit in (None, unit)]
        left = [fault._replace(left=fault.left - 1) if fault in used and fault.left else fault
                for fault in self.faults]
        self.faults = [fault for fault in left if fault.left != 0]
        return sorted(used, key=lambda fault: fault.kind not in _SPOIL)


def _as_is(frame: bytes) -> bytes:
    return frame


def _garble(data: bytes) -> bytes:
    return bytes(byte ^ 0x5A for byte in data)


def crc(data: bytes) -> bytes:
    """CRC-16/MODBUS bit by bit, low byte first."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0xA001 if value & 1 else 0)
    return value.to_bytes(2, "little")


def _bad_crc(frame: bytes) -> bytes:
    return frame[:-1] + bytes((frame[-1] ^ 0xFF,))


def _wrong_unit(frame: bytes) -> bytes:
    body = bytes((frame[0] % 247 + 1,)) + frame[1:-2]
    return body + crc(body)


def _wrong_function(frame: bytes) -> bytes:
    body = frame[:1] + bytes(({3: 4, 4: 3}.get(frame[1], 3),)) + frame[2:-2]
    return body + crc(body)


def _wrong_count(frame: bytes) -> bytes:
    if frame[1] not in (3, 4) or frame[2] < 2:
        return _bad_crc(frame)
    body = frame[:2] + bytes((frame[2] - 2,)) + frame[3:-4]
    return body + crc(body)


_SPOIL: dict[str, Callable[[bytes], bytes]] = {
    "bad_crc": _bad_crc, "wrong_unit": _wrong_unit, "wrong_function": _wrong_function,
    "wrong_count": _wrong_count}
