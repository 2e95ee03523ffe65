"""MIFARE DESFire: one application, AuthenticateAES (EV1) and AuthenticateEV2First (EV2, EV3).

Sources: NXP AN12343 (EV2), and for EV1 published transcripts; EV1's GetCardUID (a checksum and zeros
under the session key) has not been compared with a real card. Not there: files, writing, DES keys.
"""

import hmac
from collections.abc import Callable, Mapping

from hil_tests.virtual.applets import crypto, native
from hil_tests.virtual.card import made_up

ATS = bytes.fromhex("067577810280")
ATQA, SAK = b"\x44\x03", 0x20
MAJOR = {1: 0x01, 2: 0x12, 3: 0x33}  # by EV
_PICC = bytes(3)  # the card itself, before an application is selected
_AID = 3


class DesfireEv1:
    """Selects, authenticates with 0xAA, tells its UID. `application` as people write it."""

    EV = 1

    def __init__(self, uid: bytes, application: bytes, keys: Mapping[int, bytes], *,
                 hides_uid: bool = False, random_bytes: Callable[[int], bytes] = made_up) -> None:
        self._uid, self._application, self._keys = uid, application[::-1], keys
        self._random_bytes = random_bytes
        parts = bytes([0x04, 0x01, 0x01, MAJOR[self.EV], 0x00, 0x1A, 0x05])
        self._version = native.Version(parts, parts, bytes(_AID + 4) if hides_uid else uid)
        self.failures = 0
        self.reset()

    def reset(self) -> None:
        """The card itself is selected."""
        self._selected = _PICC
        self._over()

    def apdu(self, command: bytes) -> bytes:
        """Wrapped native commands."""
        if len(command) < 4 or command[0] != native.WRAPPED:
            return native.CLASS_NOT_KNOWN
        body = native.body_of(command)
        if body is None:
            return native.LENGTH_ERROR
        ins = command[1]
        if ins != native.CONTINUE:
            self._version.reset()
        return self._native(ins, body)

    def _over(self) -> None:
        """No session, and none begun."""
        self._version.reset()
        self._waiting: tuple[bytes, bytes, bytes] | None = None  # key, our number, its cryptogram
        self._session_key: bytes | None = None
        self._iv = crypto.ZEROS

    def _native(self, ins: int, body: bytes) -> bytes:
        if ins == 0x5A:
            return self._select(body)
        if ins == 0x60:
            return self._version.tell() if not body else native.LENGTH_ERROR
        if ins == 0xAA:
            return self._begin(body)
        if ins == native.CONTINUE:
            if self._waiting is not None:
                return self._finish(body)
            return self._version.tell() if self._version.waits else native.ABORTED
        return self._card_uid(body) if ins == 0x51 else native.ILLEGAL_COMMAND

    def _select(self, body: bytes) -> bytes:
        if len(body) != _AID:
            return native.LENGTH_ERROR
        self._over()
        if body not in (self._application, _PICC):
            return native.NO_SUCH_APPLICATION
        self._selected = body
        return native.OK

    def _key(self, number: int) -> bytes | None:
        return self._keys.get(number) if self._selected == self._application else None

    def _begin(self, body: bytes) -> bytes:
        self._over()
        if len(body) != 1:
            return native.LENGTH_ERROR
        key = self._key(body[0])
        if key is None:
            return native.NO_SUCH_KEY
        ours = self._random_bytes(crypto.BLOCK)
        cryptogram = crypto.encrypted(key, ours)
        self._waiting = key, ours, cryptogram
        return cryptogram + native.MORE

    def _finish(self, body: bytes) -> bytes:
        """Each cryptogram begins where the last one ended, unlike EV2's."""
        assert self._waiting is not None
        (key, ours, cryptogram), self._waiting = self._waiting, None
        if len(body) != 2 * crypto.BLOCK:
            return native.LENGTH_ERROR
        plain = crypto.decrypted(key, body, cryptogram)
        if not hmac.compare_digest(plain[crypto.BLOCK:], crypto.turned_left(ours)):
            self.failures += 1
            return native.AUTHENTICATION_ERROR
        theirs = plain[:crypto.BLOCK]
        self._session_key = crypto.ev1_key(theirs, ours)
        return crypto.encrypted(key, crypto.turned_left(theirs), body[-crypto.BLOCK:]) + native.OK

    def _card_uid(self, body: bytes) -> bytes:
        if self._session_key is None:
            return native.AUTHENTICATION_ERROR
        if body:
            return native.LENGTH_ERROR
        self._iv = crypto.chained_cmac(self._session_key, b"\x51", self._iv)
        told = self._uid + crypto.ev1_checksum(self._uid + b"\x00")
        told += bytes(-len(told) % crypto.BLOCK)
        answer = crypto.encrypted(self._session_key, told, self._iv)
        self._iv = answer[-crypto.BLOCK:]
        return answer + native.OK


class DesfireEv2(DesfireEv1):
    """The same and EV2First."""

    EV = 2

    def __init__(self, uid: bytes, application: bytes, keys: Mapping[int, bytes], *,
                 hides_uid: bool = False, random_bytes: Callable[[int], bytes] = made_up) -> None:
        self.lock = native.Ev2Lock(keys, random_bytes)
        super().__init__(uid, application, keys, hides_uid=hides_uid, random_bytes=random_bytes)

    def _over(self) -> None:
        super()._over()
        self.lock.reset()

    def _native(self, ins: int, body: bytes) -> bytes:
        if ins == 0x71:
            self._over()
            return self.lock.begin(body) if self._selected == self._application else native.NO_SUCH_KEY
        if ins == native.CONTINUE and self.lock.waits:
            return self.lock.finish(body)
        session = self.lock.session
        if ins == 0x51 and session is not None:
            if session.heard(ins, body) != b"":
                self._over()
                return native.INTEGRITY_ERROR
            return session.answer(self._uid)
        return super()._native(ins, body)


class DesfireEv3(DesfireEv2):
    """As EV2, as far as a reader sees here."""

    EV = 3
