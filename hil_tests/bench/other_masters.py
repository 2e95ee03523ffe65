"""How others read the same meters, for comparison: their requests and their pauses, by one plain loop.

Not their code: blocking calls and exact sleeps, so that nothing but what they send and how long they
wait counts. From their sources: mbmd and evcc read one value a request, through a Modbus library that
sleeps 1.5 times the characters of the exchange (and a little) before it reads the answer; mbmd waits
200 ms more before it turns to another unit; openWB sleeps 100 ms before each of three block reads.
"""

import os
import select
import struct
import termios
import time
import tty
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from hil_tests.virtual.line import crc

_READ_INPUT = 4
_PATIENCE_S = 2.0

Read = tuple[int, int]  # first register, how many
TWELVE: tuple[Read, ...] = tuple((at, 2) for at in (*range(0x00, 0x12, 2), 0x34, 0x48, 0x4A))
"""V, I and P of three phases, P, imported and exported energy: what evcc asks a three-phase meter."""
DEFAULT_52: tuple[Read, ...] = tuple((2 * n, 2) for n in range(52))
"""As many as mbmd asks an SDM630 for; which ones makes no difference to the line."""
THREE_BLOCKS: tuple[Read, ...] = ((0x00, 18), (0x1E, 6), (0x46, 6))


class Way(NamedTuple):
    """`pause_s` and `before_s`: after the request (from its registers), and before each request, as
    its library sleeps; `turn_s`: before the first request to another unit.
    """

    name: str
    reads: tuple[Read, ...]
    pause_s: Callable[[int, int], float] = lambda _baud, _count: 0.0
    before_s: Callable[[int], float] = lambda _: 0.0
    turn_s: float = 0.0


def _library_pause_s(baud: int, count: int) -> float:
    """8 characters of a request and those of its answer; above 19200 baud by fixed times."""
    characters = 8 + 5 + 2 * count
    if baud > 19200:
        return (750 * characters + 1750) / 1e6
    return (15e6 * characters + 35e6) / baud / 1e6


def silence_s(baud: int) -> float:
    """t3.5 with 10 bits a character."""
    return 35 / baud if baud <= 19200 else 0.00175


ONE_BY_ONE = Way("one value a request", TWELVE, before_s=silence_s)
EVCC = Way("evcc's way", TWELVE, pause_s=_library_pause_s)
MBMD = Way("mbmd's default", DEFAULT_52, pause_s=_library_pause_s, turn_s=0.2)
OPENWB = Way("openWB's way", THREE_BLOCKS, before_s=lambda _: 0.1)
WAYS = (ONE_BY_ONE, EVCC, OPENWB, MBMD)


def cycle_s(path: Path, baud: int, units: Iterable[int], way: Way) -> float:
    """How long it takes `way` to read all units once. Raises `TimeoutError` if one does not answer."""
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        tty.setraw(fd, termios.TCSANOW)
        attributes = termios.tcgetattr(fd)
        attributes[4] = attributes[5] = getattr(termios, f"B{baud}")
        termios.tcsetattr(fd, termios.TCSANOW, attributes)
        start_s = time.monotonic()
        for unit in units:
            _sleep(way.turn_s)
            for address, count in way.reads:
                _sleep(way.before_s(baud))
                _exchange(fd, unit, address, count, way.pause_s(baud, count))
        return time.monotonic() - start_s
    finally:
        os.close(fd)


def _exchange(fd: int, unit: int, address: int, count: int, pause_s: float) -> None:
    body = struct.pack(">BBHH", unit, _READ_INPUT, address, count)
    os.write(fd, body + crc(body))
    _sleep(pause_s)
    answer = b""
    while len(answer) < 5 + 2 * count:
        if not select.select([fd], [], [], _PATIENCE_S)[0]:
            raise TimeoutError(f"unit {unit}: no answer to a read of {count} at {address}")
        answer += os.read(fd, 4096)


def _sleep(how_long_s: float) -> None:
    if how_long_s > 0:
        time.sleep(how_long_s)
