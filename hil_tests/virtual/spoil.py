"""What can go wrong with one answer on a line: kinds of faults, and what each makes of a frame.

Of an answer (counted by `times`):

  silent        none
  late          it comes `delay_s` later (so that it may meet the next request)
  held          it comes when the next request has been sent, before that one's answer
  creep         each comes `delay_s` later than the one before
  swapped       the answer to the request before, in place of this one's
  truncated     only the first half
  noise_before  `data` (default one byte 0x55) just before it
  noise_after   `data` just after it
  bad_crc       its last byte inverted
  wrong_unit    given in the name of the next unit, with a right CRC
  wrong_function  function 3 for 4 and 4 for 3, with a right CRC
  wrong_count   one register less, with a right CRC
  exception     refused with the code in `data` (default 0x0B: a gateway whose device is silent)

Of the line (not counted, but for `echo`):

  echo          the master hears its own request first, as behind a two-wire adapter
  cut           nothing passes, in either direction
"""

from collections.abc import Callable
from typing import NamedTuple

SPOILED = ("swapped", "truncated", "bad_crc", "wrong_unit", "wrong_function", "wrong_count",
           "exception")
FAULTS = ("silent", "late", "held", "creep", *SPOILED, "noise_before", "noise_after", "echo", "cut")
NOISE, GATEWAY_SILENT = b"\x55", b"\x0b"


class Fault(NamedTuple):
    """One fault that stands. `left`: for how many more answers, `None` until cleared."""

    kind: str
    unit: int | None
    delay_s: float
    data: bytes
    left: int | None


def crc(data: bytes) -> bytes:
    """CRC-16/MODBUS bit by bit, low byte first."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0xA001 if value & 1 else 0)
    return value.to_bytes(2, "little")


def garble(data: bytes) -> bytes:
    """What is heard of two talkers at once, or at another baud."""
    return bytes(byte ^ 0x5A for byte in data)


def spoil(fault: Fault, frame: bytes, before: bytes | None) -> bytes:
    """The frame as the fault has it. `before`: the answer to the request before, if there was one."""
    if fault.kind == "swapped":
        return b"" if before is None else before
    if fault.kind == "exception":
        return _framed(frame[:1] + bytes((frame[1] | 0x80,)) + fault.data[:1])
    if fault.kind in _SPOIL:
        return _SPOIL[fault.kind](frame)
    if fault.kind == "noise_before":
        return fault.data + frame
    return frame + fault.data if fault.kind == "noise_after" else frame


def _framed(body: bytes) -> bytes:
    return body + crc(body)


def _truncated(frame: bytes) -> bytes:
    return frame[:len(frame) // 2]


def _bad_crc(frame: bytes) -> bytes:
    return frame[:-1] + bytes((frame[-1] ^ 0xFF,))


def _wrong_unit(frame: bytes) -> bytes:
    return _framed(bytes((frame[0] % 247 + 1,)) + frame[1:-2])


def _wrong_function(frame: bytes) -> bytes:
    return _framed(frame[:1] + bytes(({3: 4, 4: 3}.get(frame[1], 3),)) + frame[2:-2])


def _wrong_count(frame: bytes) -> bytes:
    if frame[1] not in (3, 4) or frame[2] < 2:
        return _bad_crc(frame)
    return _framed(frame[:2] + bytes((frame[2] - 2,)) + frame[3:-4])


_SPOIL: dict[str, Callable[[bytes], bytes]] = {
    "truncated": _truncated, "bad_crc": _bad_crc, "wrong_unit": _wrong_unit,
    "wrong_function": _wrong_function, "wrong_count": _wrong_count}
