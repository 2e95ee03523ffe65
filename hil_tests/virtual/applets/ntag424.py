"""NTAG 424 DNA: five keys, EV2First, GetCardUID, GetVersion, Read_Sig, an NDEF file with SUN messages.

Source: NXP AN12196. Not there: LRP, writing, changing keys, the limit of failed authentications.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hil_tests.virtual.applets import crypto, native
from hil_tests.virtual.card import made_up

ATS = bytes.fromhex("067777710280")
ATQA, SAK = b"\x44\x03", 0x20
DF_NAME = bytes.fromhex("D2760000850101")
CC_FILE, NDEF_FILE = 0xE103, 0xE104
_HARDWARE = bytes.fromhex("04040230001105")
_SOFTWARE = bytes.fromhex("04040201021105")
_CC = bytes.fromhex("0017 20 0100 00FF 0406E104010000FF 0506E10500808283")
_NDEF_BYTES = 256
_SELECT, _READ_BINARY = 0xA4, 0xB0
_OK, _NO_FILE, _LENGTH = b"\x90\x00", b"\x6a\x82", b"\x67\x00"
_BEYOND, _NOT_ALLOWED, _PARAMETER = b"\x6b\x00", b"\x69\x82", b"\x6a\x86"
_UID_AND_COUNTER = b"\xc7"  # PICCDataTag: both there, the UID has 7 bytes
_SHORT_FILES = {0x03: CC_FILE, 0x04: NDEF_FILE}


@dataclass
class Sun:
    """A SUN message and what makes it. `url`: the address before its parameters, as a phone opens it.

    `mac_input`: the parameters that the MAC covers, "" for none. `again`: the last message is told
    again, whatever the counter says, as by somebody who has recorded it.
    """

    meta_key: bytes
    file_key: bytes
    url: str = "example.org/t"
    counter: int = 0
    again: bool = False
    last: bytes = b""

    def message(self, uid: bytes, random_bytes: Callable[[int], bytes]) -> bytes:
        """The NDEF file, with the next count."""
        if not self.again or not self.last:
            self.counter += 1
            count = self.counter.to_bytes(3, "little")
            data = _UID_AND_COUNTER + uid + count + random_bytes(5)
            mac = crypto.short_cmac(crypto.sun_keys(self.file_key, uid, count)[1], b"")
            picc = crypto.encrypted(self.meta_key, data)
            self.last = ndef(f"{self.url}?picc_data={picc.hex().upper()}&cmac={mac.hex().upper()}")
        return self.last


def ndef(url: str) -> bytes:
    """An NDEF file with one record: a URI that begins with https:// (NFC Forum, Type 4 Tag)."""
    payload = b"\x04" + url.encode("ascii")
    record = b"\xd1\x01" + bytes([len(payload)]) + b"U" + payload
    return (len(record).to_bytes(2, "big") + record).ljust(_NDEF_BYTES, b"\x00")


class Ntag424:
    """The applet. `signature`: of the maker (56 bytes), where the card is to have one."""

    def __init__(self, uid: bytes, keys: Mapping[int, bytes], *, sun: Sun | None = None,
                 signature: bytes | None = None, hides_uid: bool = False,
                 random_bytes: Callable[[int], bytes] = made_up) -> None:
        self.sun = sun
        self._uid, self._signature, self._random_bytes = uid, signature, random_bytes
        self.lock = native.Ev2Lock(keys, random_bytes)
        self._version = native.Version(_HARDWARE, _SOFTWARE, bytes(7) if hides_uid else uid)
        self._hides_uid = hides_uid
        self.reset()

    def reset(self) -> None:
        """The counter and keys stay."""
        self.lock.reset()
        self._version.reset()
        self._application, self._file = False, 0
        self._told: bytes | None = None  # the message of this reading, however many parts it takes

    def apdu(self, command: bytes) -> bytes:
        """ISO and wrapped native commands."""
        if len(command) < 4:
            return _LENGTH
        if command[:2] != bytes([0x00, _READ_BINARY]):
            self._told = None
        if command[0] == 0x00:
            if command[1] == _SELECT:
                return self._select(command)
            return self._read(command) if command[1] == _READ_BINARY else native.INS_NOT_KNOWN
        if command[0] != native.WRAPPED:
            return native.CLASS_NOT_KNOWN
        body = native.body_of(command)
        return native.LENGTH_ERROR if body is None else self._native(command[1], body)

    def _native(self, ins: int, body: bytes) -> bytes:
        if ins == native.CONTINUE:
            if self.lock.waits:
                return self.lock.finish(body)
            return self._version.tell() if self._version.waits else native.ABORTED
        self._version.reset()
        if ins == 0x60:
            return self._version.tell() if not body else native.LENGTH_ERROR
        if ins == 0x3C:
            return self._read_signature(body)
        if not self._application:
            return native.ILLEGAL_COMMAND
        if ins == 0x71:
            return self.lock.begin(body)
        if ins == 0x51:
            return self._card_uid(body)
        return native.ILLEGAL_COMMAND

    def _card_uid(self, body: bytes) -> bytes:
        session = self.lock.session
        if session is None:
            return native.PERMISSION_DENIED
        if session.heard(0x51, body) != b"":
            self.lock.reset()
            return native.INTEGRITY_ERROR
        return session.answer(self._uid)

    def _read_signature(self, body: bytes) -> bytes:
        if self._signature is None or self._hides_uid:
            return native.ILLEGAL_COMMAND
        return self._signature + native.SIGNATURE_OK if body == b"\x00" else native.LENGTH_ERROR

    def _select(self, command: bytes) -> bytes:
        if len(command) < 5 or len(command) not in (5 + command[4], 6 + command[4]):
            return _LENGTH
        name = command[5:5 + command[4]]
        if command[2] == 0x04 and command[3] in (0x00, 0x0C):
            if name != DF_NAME:
                return _NO_FILE
            self.reset()
            self._application = True
            return _OK
        if command[2] != 0x00 or command[3] != 0x0C:
            return _PARAMETER
        number = int.from_bytes(name, "big")
        if not self._application or number not in (CC_FILE, NDEF_FILE):
            return _NO_FILE
        self._file = number
        return _OK

    def _read(self, command: bytes) -> bytes:
        """READ BINARY; the counter goes on at the first one of a reading, as on the card."""
        if len(command) != 5:
            return _LENGTH
        if not self._application:
            return _NOT_ALLOWED
        start = int.from_bytes(command[2:4], "big")
        if command[2] & 0x80:
            self._file, start = _SHORT_FILES.get(command[2] & 0x1F, 0), command[3]
        if not self._file:
            return _NO_FILE
        content = self._content()
        if start >= len(content):
            return _BEYOND
        return content[start:start + (command[4] or 256)] + _OK

    def _content(self) -> bytes:
        if self._file == CC_FILE:
            return _CC
        if self.sun is None:
            return ndef("example.org")
        if self._told is None:
            self._told = self.sun.message(self._uid, self._random_bytes)
        return self._told
