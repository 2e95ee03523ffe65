"""Modbus TCP frames (Modbus Messaging on TCP/IP v1.0b, 3.1.3). Pure."""

import struct
from typing import NamedTuple

from edge.bus.frame import Expected

_HEADER = struct.Struct(">HHHB")  # transaction, protocol (0), bytes that follow, unit
LONGEST = 260  # bytes of a frame


class Mbap(NamedTuple):
    """One frame."""

    transaction: int
    unit: int
    pdu: bytes


def mbap_frame(transaction: int, unit: int, pdu: bytes) -> bytes:
    """Header and PDU. `transaction`: 1..65535; 0 is what a gateway says that does not keep it."""
    return _HEADER.pack(transaction, 0, len(pdu) + 1, unit) + pdu


def first_frame(data: bytes) -> tuple[Mbap, bytes] | None:
    """The frame that `data` begins with, and what follows; `None`: not whole yet.

    Raises `ValueError` for what is no such frame: from there on the stream has lost its step.
    """
    if len(data) >= 4 and data[2:4] != b"\x00\x00":
        raise ValueError(f"protocol id {int.from_bytes(data[2:4], 'big')}")
    if len(data) < _HEADER.size:
        return None
    transaction, _, follows, unit = _HEADER.unpack_from(data)
    if not 3 <= follows <= LONGEST - 6:
        raise ValueError(f"a length of {follows}")
    end = 6 + follows
    if len(data) < end:
        return None
    return Mbap(transaction, unit, data[_HEADER.size:end]), data[end:]


def is_answer(frame: Mbap, transaction: int, expected: Expected) -> bool:
    """Whether it is the answer to the request in flight; id 0 is no wildcard."""
    return frame.transaction == transaction and frame.unit == expected.unit \
        and expected.fits(frame.pdu)
