"""Secure unique NFC messages (SUN, SDM) of NTAG 424 DNA and DESFire EV3: read here, judged elsewhere.

A card puts its number and a counter into the URL that it is read with, with a MAC. The reader process
reads the message (`read`); who holds the keys judges it (`judge`), and a store knows the counters.
Source: NXP AN12196, section 4.4 (secure dynamic messaging).
"""

import binascii
import hmac
import re
from collections.abc import Callable

from edge.controller.idtoken import Unproven
from edge.controller.struct import Value
from edge.rfid.proof import aes
from edge.rfid.proof.apdu import OK, Exchange, ask, command, refusal, select_name, want
from edge.rfid.proof.outcome import NotProven

NDEF_APPLICATION = bytes.fromhex("D2760000850101")
NDEF_FILE = 0xE104
_END_OF_FILE = 0x6282  # the file is shorter than 256 bytes
MAX_MESSAGE = 250  # what one READ BINARY gives, less the length; a SUN URL has some 120 bytes
_UID_BYTES, _COUNTER_BYTES = 7, 3
_MAC_INPUT = b"\x3c\xc3\x00\x01\x00\x80"  # SV2 of AN12196
#: NFC Forum, URI record type definition, table 3: the ones that a SUN URL can begin with.
_PREFIXES = (b"", b"http://www.", b"https://www.", b"http://", b"https://")


class Names(Value):
    """What a URL calls its parts; each may have several names. `mac_from`: where the text under the
    MAC begins, a name of its own (its value, up to the MAC's); None: the MAC is over no text.
    """

    picc: tuple[str, ...] = ("picc_data", "e")
    mac: tuple[str, ...] = ("cmac", "m")
    uid: tuple[str, ...] = ("uid",)
    counter: tuple[str, ...] = ("ctr",)
    mac_from: str | None = None


class SunReading(Value):
    """A message that the card's key made. `counter`: of its readings; the store says if it is new."""

    uid: bytes
    counter: int

    def __repr__(self) -> str:
        return f"SunReading(uid=<{len(self.uid)} bytes>)"


def read(exchange: Exchange) -> bytes:
    """The URL of the NDEF file as ASCII; raises NotProven (UNABLE), DeviceError."""
    select_name(exchange, NDEF_APPLICATION, p2=0x0C)
    select_file = command(0x00, 0xA4, 0x00, 0x0C, NDEF_FILE.to_bytes(2, "big"), le=None)
    want(exchange, select_file, OK, 0, "select file")
    # In one go: two halves could be of two messages.
    data, status = ask(exchange, command(0x00, 0xB0))
    if status not in (OK, _END_OF_FILE):
        raise refusal("read file", status)
    length = int.from_bytes(data[:2], "big")
    if len(data) < 2 or not 0 < length <= min(MAX_MESSAGE, len(data) - 2):
        raise _unable(f"a file of {len(data)} bytes that announces {length}")
    return uri(data[2:2 + length])


def uri(message: bytes) -> bytes:
    """The URI of an NDEF message of one short, well-known record; raises NotProven (UNABLE)."""
    if len(message) < 5 or message[0] != 0xD1 or message[1] != 1 or message[3:4] != b"U":
        raise _unable("no message of one URI record")
    payload = message[4:]
    if message[2] != len(payload) or payload[0] >= len(_PREFIXES):
        raise _unable("no URI of the web, or of another length than it says")
    text = _PREFIXES[payload[0]] + payload[1:]
    if not re.fullmatch(rb"[!-~]+", text):
        raise _unable("a URI that is no printable ASCII")
    return text


def judge(message: bytes, meta_key: bytes | None, file_key_of: Callable[[bytes], bytes | None],
          names: Names = Names()) -> SunReading:  # noqa: B008 - a frozen value
    """What a message says once its MAC holds; raises NotProven: UNABLE, or WRONG.

    `meta_key` opens the enciphered number (None: there are only plain ones); `file_key_of`: the key of
    the card with this number, None for a stranger (WRONG: nothing is told apart). Keys of 16 bytes.
    """
    found = _parameters(message)
    _check_keys(meta_key)
    picc = _hex(_one(found, names.picc), aes.BLOCK)
    if picc is not None:
        if meta_key is None:
            raise _unable("the number is enciphered, and there is no key for it")
        uid, counter = _opened(aes.decrypt(meta_key, picc))
    else:
        uid = _needed(_hex(_one(found, names.uid), _UID_BYTES), "number")
        # Written as a number, high byte first; the card computes with the low byte first.
        counter = _needed(_hex(_one(found, names.counter), _COUNTER_BYTES), "counter")[::-1]
    mac = _needed(_hex(_one(found, names.mac), 8), "MAC")
    text, key = _under_mac(message, names), file_key_of(uid)
    _check_keys(key)
    if key is None or not hmac.compare_digest(mac, message_mac(key, uid, counter, text)):
        raise NotProven(Unproven.WRONG, "the message's MAC is not that of this card's key")
    return SunReading(uid=uid, counter=int.from_bytes(counter, "little"))


def message_mac(key: bytes, uid: bytes, counter: bytes, text: bytes) -> bytes:
    """The MAC (8 bytes) over `text`, of a key of 16 bytes; `counter`: 3 bytes, low byte first."""
    session = aes.cmac(key, (_MAC_INPUT + uid + counter).ljust(aes.BLOCK, b"\0"))
    return aes.short(aes.cmac(session, text))


def _check_keys(*keys: bytes | None) -> None:
    if any(key is not None and len(key) != aes.BLOCK for key in keys):
        raise _unable(f"a key that has not {aes.BLOCK} bytes")


def _opened(plain: bytes) -> tuple[bytes, bytes]:
    """Number and counter out of the deciphered block; raises NotProven (WRONG)."""
    # Number (80), counter (40), a number of 7 bytes (07): both are needed for the MAC.
    if plain[0] != 0xC7:
        raise NotProven(Unproven.WRONG, "the number is not enciphered with this key")
    return plain[1:8], plain[8:11]


def _parameters(message: bytes) -> dict[str, str]:
    """Each name once; raises NotProven (UNABLE) for a name that comes twice."""
    query = message.decode("ascii", "replace").partition("?")[2].partition("#")[0]
    pairs = [part.partition("=")[::2] for part in query.split("&") if part]
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _unable("a parameter that comes twice")
    return found


def _one(found: dict[str, str], names: tuple[str, ...]) -> str | None:
    values = [found[name] for name in names if name in found]
    if len(values) > 1:
        raise _unable("a parameter under two names")
    return values[0] if values else None


def _hex(text: str | None, length: int) -> bytes | None:
    """Bytes of exactly this length; None where there is no such parameter; raises NotProven."""
    if text is None:
        return None
    try:
        data = binascii.unhexlify(text)
    except (binascii.Error, ValueError):
        raise _unable("a parameter that is not hex") from None
    if len(data) != length:
        raise _unable(f"a parameter of {len(data)} bytes, expected {length}")
    return data


def _needed(data: bytes | None, what: str) -> bytes:
    if data is None:
        raise _unable(f"no {what} in the message")
    return data


def _under_mac(message: bytes, names: Names) -> bytes:
    """The text from SDMMACInputOffset up to the MAC itself, in the card's own writing."""
    if names.mac_from is None:
        return b""
    begin = _value_at(message, names.mac_from)
    ends = [end for name in names.mac if (end := _value_at(message, name)) is not None]
    if begin is None or not ends or begin > ends[0]:
        raise _unable("the text under the MAC is not where it should be")
    return message[begin:ends[0]]


def _value_at(message: bytes, name: str) -> int | None:
    found = re.search(rb"[?&]" + re.escape(name.encode()) + b"=", message)
    return found.end() if found else None


def _unable(detail: str) -> NotProven:
    return NotProven(Unproven.UNABLE, f"SUN message: {detail}")
