"""Commands and answers of ISO/IEC 7816-4, and the native commands of DESFire in their wrapping.

An answer is data and a status word of two bytes. DESFire and NTAG 424 wrap their native commands in
class 90 with Le 00; their status is 91 and a code of their own (NXP AN12343, section 4).
"""

from collections.abc import Callable

from edge.controller.idtoken import Unproven
from edge.controller.trouble import BadAnswer
from edge.rfid.proof.outcome import KeyRefused, NotProven

#: One C-APDU in, the whole R-APDU out, status word included. Raises DeviceError: the card has gone, or
#: the radio failed.
Exchange = Callable[[bytes], bytes]
#: One raw frame of a Type 2 card in, its answer out without CRC. Raises DeviceError, also for a NAK.
RawExchange = Callable[[bytes], bytes]

OK, NATIVE_OK, MORE = 0x9000, 0x9100, 0x91AF
AID_BYTES = 3  # of a DESFire application; a longer name is one of ISO/IEC 7816-4
_DF_NAME_BYTES = range(5, 17)
_WRONG_KEY = 0x91AE
_DELAYED = 0x91AD  # the card refuses to authenticate for a while: no word about its key
_WORDS = {
    0x911C: "command not known", 0x911E: "its check of integrity failed", 0x9140: "no such key",
    0x917E: "length not taken", 0x919D: "not allowed", 0x919E: "parameter not taken",
    0x91A0: "no such application", 0x91AD: "has to wait after failed tries", 0x91AE: "wrong key",
    0x91BE: "beyond its end", 0x91CA: "another command is under way", 0x91F0: "no such file",
    0x6700: "length not taken", 0x6982: "not allowed", 0x6985: "not allowed now",
    0x6A82: "no such application or file", 0x6A86: "parameter not taken", 0x6D00: "command not known",
    0x6E00: "class not known",
}


def command(cla: int, ins: int, p1: int = 0, p2: int = 0, data: bytes = b"", *,
            le: int | None = 0) -> bytes:
    """A short C-APDU. `le` None: no answer is expected; 0: of any length."""
    body = bytes([len(data)]) + data if data else b""
    return bytes([cla, ins, p1, p2]) + body + (b"" if le is None else bytes([le]))


def native(ins: int, data: bytes = b"") -> bytes:
    """A wrapped command of DESFire or NTAG 424."""
    return command(0x90, ins, data=data)


def ask(exchange: Exchange, apdu: bytes) -> tuple[bytes, int]:
    """Data and status word. Raises BadAnswer for less than a status word, DeviceError."""
    reply = exchange(apdu)
    if len(reply) < 2:
        raise BadAnswer("answer of a card", where="card", got=f"{len(reply)} bytes",
                        expected="a status word of two bytes")
    return reply[:-2], int.from_bytes(reply[-2:], "big")


def want(exchange: Exchange, apdu: bytes, status: int, length: int | None, what: str) -> bytes:
    """The data of an answer that has this status and length; raises NotProven, DeviceError."""
    data, got = ask(exchange, apdu)
    if got != status:
        raise refusal(what, got)
    if length is not None and len(data) != length:
        raise NotProven(Unproven.UNABLE, f"{what}: {len(data)} bytes, expected {length}")
    return data


def refusal(what: str, status: int) -> NotProven:
    """What an unexpected status word means for the proof."""
    detail = f"{what}: {status:04X} {_WORDS.get(status, 'unexpected')}"
    if status == _WRONG_KEY:
        return KeyRefused(detail)
    return NotProven(Unproven.TORN if status == _DELAYED else Unproven.UNABLE, detail)


def select_application(exchange: Exchange, name: bytes) -> None:
    """Selects by AID (3 bytes as people write them, sent low byte first) or by DF name; raises
    NotProven.
    """
    if len(name) == AID_BYTES:
        want(exchange, native(0x5A, name[::-1]), NATIVE_OK, 0, "select application")
    elif len(name) in _DF_NAME_BYTES:
        select_name(exchange, name, p2=0x0C)
    else:
        raise NotProven(Unproven.UNABLE, f"application of {len(name)} bytes, expected 3 or 5 to 16")


def select_name(exchange: Exchange, name: bytes, *, p2: int) -> None:
    """ISO SELECT by DF name. `p2` 0C: no file information wanted; 00: as the card likes."""
    want(exchange, command(0x00, 0xA4, 0x04, p2, name), OK, None, "select application")
