"""Modbus RTU frames: CRC, and what the answer that fits the request in flight looks like.

Pure. An answer counts only if unit, function and byte count (or the echo of a write) are those of the
request and the CRC over exactly that length is right; `hunt.py` finds it among what else is heard.
"""

from collections.abc import Iterator
from typing import NamedTuple

from edge.bus.pdu import EXCEPTION_BIT, READ_IDENTITY, READS, WRITE_MANY, WRITE_ONE, identity_size


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
        table.append(value)
    return tuple(table)


_TABLE = _crc_table()


def crc16(data: bytes) -> bytes:
    """CRC-16/MODBUS, low byte first as on the wire (serial line spec 6.2.2)."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return bytes((crc & 0xFF, crc >> 8))


def crc_ends(data: bytes) -> Iterator[int]:
    """Every length at which the bytes from the beginning have a right CRC."""
    crc = 0xFFFF
    for at, byte in enumerate(data):
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
        if crc == 0 and at >= 3:  # the rest of a division without remainder; unit, function, CRC
            yield at + 1


LONGEST = 256  # bytes of a frame; serial line spec 2.5.1


class Expected(NamedTuple):
    """What the answer to one request looks like on the wire."""

    unit: int
    head: bytes  # unit, function, and byte count or echo
    refusal: bytes  # unit, function with the exception bit
    length: int  # of the whole frame, with CRC; of an identity: the longest that it can be
    sized: bool = True  # False: an identity says itself how long it is

    def candidates(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Where in `data` a frame begins and ends that is the answer (or a refusal), in their order."""
        unit = self.head[:1]
        at = data.find(unit)
        while at >= 0:
            length = 0
            if data.startswith(self.head, at):
                length = self.length if self.sized else self._size(data[at:])
            elif data.startswith(self.refusal, at):
                length = 5
            end = at + length
            if length and end <= len(data) and crc16(data[at:end - 2]) == data[end - 2:end]:
                yield at, end
            at = data.find(unit, at + 1)

    def fits(self, pdu: bytes) -> bool:
        """Whether an answer PDU without RTU framing (Modbus TCP) is the answer, or a refusal."""
        framed = bytes((self.unit,)) + pdu
        length = self.length if self.sized else self._size(framed)
        whole = framed.startswith(self.head) and len(framed) == length - 2
        return whole or (framed.startswith(self.refusal) and len(pdu) == 2)

    def _size(self, data: bytes) -> int:
        """Of the frame that `data` begins with, as far as it says."""
        size = identity_size(data[1:])
        return self.length if size is None else size + 3

    def diagnose(self, data: bytes) -> tuple[str, bool]:
        """What `data`, in which no answer was found, looks like; and whether it is a bad CRC."""
        at = data.find(self.head)
        if at >= 0 and at + self.length <= len(data):
            return f"the frame with a bad CRC ({_hex(data)})", True
        if at >= 0:
            return f"{len(data) - at} bytes of {self.length} ({_hex(data)})", False
        for at in range(min(len(data), LONGEST) - 4):  # all that babbles would hold up every line
            size = next((size for size in crc_ends(data[at:at + LONGEST]) if size >= 5), None)
            if size is not None:
                return (f"unit {data[at]} function {data[at + 1]} with {size} bytes "
                        f"({_hex(data)})"), False
        return f"noise ({_hex(data)})", False


def expect(unit: int, pdu: bytes) -> Expected:
    """What may answer `pdu` from `unit`. Raises `ValueError` for a request that we cannot match."""
    if not 0 < unit <= 255:
        raise ValueError(f"unit: got {unit}, expected 1..247 (255 for a gateway)")
    function = pdu[0] if pdu else 0
    if function in READS and len(pdu) == 5:
        size = 2 * int.from_bytes(pdu[3:5], "big")
        head = bytes((unit, function, size))
        length = 5 + size
    elif function == WRITE_ONE and len(pdu) == 5:
        head, length = bytes((unit,)) + pdu, 8
    elif function == WRITE_MANY and len(pdu) > 6:
        head, length = bytes((unit,)) + pdu[:5], 8
    elif function == READ_IDENTITY and len(pdu) == 4:
        return Expected(unit, bytes((unit,)) + pdu[:3], bytes((unit, function | EXCEPTION_BIT)),
                        LONGEST, sized=False)
    else:
        raise ValueError(f"request: got {pdu.hex(' ') or 'nothing'}, "
                         "expected function 3, 4, 6, 16 or 43 with its data")
    return Expected(unit, head, bytes((unit, function | EXCEPTION_BIT)), length)


def frame_of(unit: int, pdu: bytes) -> bytes:
    """Unit, PDU, CRC."""
    body = bytes((unit,)) + pdu
    return body + crc16(body)


def _hex(data: bytes) -> str:
    return data[:40].hex(" ") + (" ..." if len(data) > 40 else "")
