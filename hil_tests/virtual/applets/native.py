"""Native commands of NXP's cards in their wrapping (class 90), and AuthenticateEV2First on the card.

Shared by NTAG 424 DNA and DESFire. Status words are 91 and a code: NXP AN12343, section 4.
"""

import hmac
from collections.abc import Callable, Mapping

from hil_tests.virtual.applets import crypto

OK, MORE = b"\x91\x00", b"\x91\xaf"
ILLEGAL_COMMAND, INTEGRITY_ERROR, NO_SUCH_KEY = b"\x91\x1c", b"\x91\x1e", b"\x91\x40"
LENGTH_ERROR, PERMISSION_DENIED, NO_SUCH_APPLICATION = b"\x91\x7e", b"\x91\x9d", b"\x91\xa0"
AUTHENTICATION_ERROR, ABORTED, SIGNATURE_OK = b"\x91\xae", b"\x91\xca", b"\x91\x90"
CLASS_NOT_KNOWN, INS_NOT_KNOWN = b"\x6e\x00", b"\x6d\x00"
WRAPPED = 0x90
CONTINUE = 0xAF
_MAC = 8

RandomBytes = Callable[[int], bytes]
Command = Callable[[bytes], bytes]


def body_of(command: bytes) -> bytes | None:
    """The data of a short wrapped command with Le 00; None when its length is not as it says."""
    if len(command) == 5 and command[4] == 0:
        return b""
    if len(command) < 7 or len(command) != command[4] + 6 or command[-1]:
        return None
    return command[5:-1]


class Session:
    """Keys, transaction id and counter after AuthenticateEV2First: AN12196, secure messaging."""

    def __init__(self, enc: bytes, mac: bytes, transaction: bytes) -> None:
        self._enc, self._mac, self._transaction = enc, mac, transaction
        self._counter = 0

    def heard(self, ins: int, body: bytes) -> bytes | None:
        """What a command says before its MAC; None when that is not of this session."""
        data, mac = body[:-_MAC], body[-_MAC:]
        if not hmac.compare_digest(mac, self._mac_of(ins, data)):
            return None
        self._counter += 1
        return data

    def answer(self, data: bytes) -> bytes:
        """A good answer in CommMode.FULL: data enciphered, and a MAC."""
        if data:
            start = b"\x5a\xa5" + self._transaction + self._counter.to_bytes(2, "little") + bytes(8)
            data = crypto.encrypted(self._enc, crypto.filled(data), crypto.encrypted(self._enc, start))
        return data + self._mac_of(0, data) + OK

    def _mac_of(self, code: int, data: bytes) -> bytes:
        head = bytes([code]) + self._counter.to_bytes(2, "little") + self._transaction
        return crypto.short_cmac(self._mac, head + data)


class Ev2Lock:
    """AuthenticateEV2First with AES, the card's half. `keys`: those of the selected application."""

    def __init__(self, keys: Mapping[int, bytes], random_bytes: RandomBytes) -> None:
        self.keys = keys
        self.failures = 0
        self.session: Session | None = None
        self._random_bytes = random_bytes
        self._waiting: tuple[bytes, bytes] | None = None  # key, our random number

    def reset(self) -> None:
        """Whatever was begun or agreed is over."""
        self.session, self._waiting = None, None

    def begin(self, body: bytes) -> bytes:
        """INS 71: key number, length of capabilities (0 for AES) and those."""
        self.reset()
        if len(body) < 2 or len(body) != 2 + body[1]:
            return LENGTH_ERROR
        key = self.keys.get(body[0])
        if key is None:
            return NO_SUCH_KEY
        ours = self._random_bytes(crypto.BLOCK)
        self._waiting = key, ours
        return crypto.encrypted(key, ours) + MORE

    @property
    def waits(self) -> bool:
        """Whether the next CONTINUE is for us."""
        return self._waiting is not None

    def finish(self, body: bytes) -> bytes:
        """INS AF: the reader's random number, and ours turned."""
        assert self._waiting is not None
        (key, ours), self._waiting = self._waiting, None
        if len(body) != 2 * crypto.BLOCK:
            return LENGTH_ERROR
        plain = crypto.decrypted(key, body)
        theirs = plain[:crypto.BLOCK]
        if not hmac.compare_digest(plain[crypto.BLOCK:], crypto.turned_left(ours)):
            self.failures += 1
            return AUTHENTICATION_ERROR
        transaction = self._random_bytes(4)
        self.session = Session(*crypto.ev2_keys(key, theirs, ours), transaction)
        capabilities = bytes(12)  # of the card, of the reader
        return crypto.encrypted(key, transaction + crypto.turned_left(theirs) + capabilities) + OK


class Version:
    """GetVersion in its three frames."""

    def __init__(self, hardware: bytes, software: bytes, uid: bytes) -> None:
        """`uid`: seven zeros in a card that hides it."""
        self._frames = (hardware, software, uid + bytes(7))  # batch, week and year of production
        self._next = 0

    def reset(self) -> None:
        """From the beginning."""
        self._next = 0

    @property
    def waits(self) -> bool:
        """Whether the next CONTINUE is for us."""
        return self._next > 0

    def tell(self) -> bytes:
        """The next frame."""
        frame = self._frames[self._next]
        self._next = (self._next + 1) % len(self._frames)
        return frame + (MORE if self._next else OK)
