"""The answer to select (ATS) of an ISO-DEP card: ISO/IEC 14443-4, 5.2. None of TA, TB, TC is assumed.

nfcpy indexes TA and TB whether they are there or not, and dies of the short forms `01`, `0278`,
`032881` that the standard allows; so the bytes are read here.
"""

from edge.controller.struct import Value
from edge.controller.trouble import BadAnswer

CARRIER_HZ = 13_560_000
_RATS = 0xE0
_FSC = (16, 24, 32, 40, 48, 64, 96, 128, 256)
_DEFAULT_FSCI, _DEFAULT_FWI = 2, 4  # 5.2.3 and 5.2.5: what holds when the byte is absent
_HAS_TA, _HAS_TB, _HAS_TC = 0x10, 0x20, 0x40


def rats(frame_size: int) -> bytes:
    """The request for a reader that takes frames of so many bytes, PCB and CRC included; CID is 0."""
    largest = max((code for code, size in enumerate(_FSC) if size <= frame_size), default=0)
    return bytes([_RATS, largest << 4])


class Ats(Value):
    """What a card says about its ISO-DEP half. Sizes in bytes, times in seconds."""

    frame_size: int = _FSC[_DEFAULT_FSCI]
    frame_wait_s: float = 4096 / CARRIER_HZ * 2**_DEFAULT_FWI
    guard_s: float = 0.0
    same_rate_only: bool = True
    bit_rates: int = 0
    takes_nad: bool = False
    takes_cid: bool = True
    historical: bytes = b""


def parse_ats(data: bytes) -> Ats:
    """Reads TL, T0 and whatever of TA, TB, TC is announced; raises BadAnswer."""
    if not data or data[0] != len(data):
        raise _bad(data, f"length byte of {len(data)}")
    if len(data) == 1:
        return Ats()
    t0, rest = data[1], list(data[2:])
    present = [bit for bit in (_HAS_TA, _HAS_TB, _HAS_TC) if t0 & bit]
    if len(rest) < len(present):
        raise _bad(data, f"{len(present)} interface bytes")
    interface = {bit: rest.pop(0) for bit in present}
    tb = interface.get(_HAS_TB, _DEFAULT_FWI << 4)
    fwi, sfgi = tb >> 4, tb & 0x0F
    fwi = _DEFAULT_FWI if fwi == 15 else fwi  # RFU: treated as the default
    sfgi = 0 if sfgi == 15 else sfgi
    ta, tc = interface.get(_HAS_TA, 0x80), interface.get(_HAS_TC, 0x02)
    return Ats(
        frame_size=_FSC[min(t0 & 0x0F, len(_FSC) - 1)],  # RFU: the largest we take
        frame_wait_s=4096 / CARRIER_HZ * 2**fwi,
        guard_s=4096 / CARRIER_HZ * 2**sfgi if sfgi else 0.0,
        same_rate_only=bool(ta & 0x80), bit_rates=ta & 0x77,
        takes_nad=bool(tc & 0x01), takes_cid=bool(tc & 0x02),
        historical=bytes(rest))


def _bad(data: bytes, expected: str) -> BadAnswer:
    return BadAnswer("answer to select", where="card", got=f"{len(data)} bytes, first "
                     f"{data[:1].hex() or 'none'}", expected=expected)
