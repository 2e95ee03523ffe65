"""AuthenticateEV2First with AES, and the secure messages after it: NTAG 424 DNA, DESFire EV2 and EV3.

Source: NXP AN12196 (NTAG 424 DNA) and AN12343 (DESFire Light), sections on AuthenticateEV2First and
secure messaging. Both sides prove that they hold the key; GetCardUID then binds the true UID to it.
"""

import hmac
from collections.abc import Callable

from edge.controller.idtoken import Unproven
from edge.rfid.proof import aes
from edge.rfid.proof.apdu import (
    MORE,
    NATIVE_OK,
    Exchange,
    ask,
    native,
    refusal,
    select_application,
    want,
)
from edge.rfid.proof.outcome import NotProven
from edge.rfid.uid import is_random

AUTHENTICATE, CONTINUE, GET_CARD_UID = 0x71, 0xAF, 0x51
UID_LENGTHS = (4, 7, 10)
_MAC_BYTES = 8
_TO_CARD, _FROM_CARD = b"\xa5\x5a", b"\x5a\xa5"


class Session:
    """The keys, the transaction id and the counter that both sides share after authentication."""

    def __init__(self, enc: bytes, mac: bytes, transaction: bytes, counter: int = 0) -> None:
        self._enc, self._mac, self._transaction, self._counter = enc, mac, transaction, counter

    def wrap(self, ins: int, header: bytes = b"", data: bytes = b"", *, full: bool = True) -> bytes:
        """A wrapped command with its MAC; `full`: its data (not its header) is enciphered."""
        if full and data:
            data = aes.encrypt(self._enc, aes.padded(data), self._iv(_TO_CARD))
        mac = self._mac_of(ins, header + data)
        self._counter += 1
        return native(ins, header + data + mac)

    def unwrap(self, reply: bytes, status: int, *, full: bool = True) -> bytes:
        """The data of an answer to `wrap`; raises NotProven."""
        if status != NATIVE_OK:
            raise refusal("secure command", status)
        data, mac = reply[:-_MAC_BYTES], reply[-_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac_of(status & 0xFF, data)):
            raise NotProven(Unproven.WRONG, "the answer's MAC is not that of the session")
        if not full or not data:
            return data
        plain = None if len(data) % aes.BLOCK else aes.unpadded(
            aes.decrypt(self._enc, data, self._iv(_FROM_CARD)))
        if plain is None:
            raise NotProven(Unproven.UNABLE, "the answer is not enciphered as it should be")
        return plain

    def _mac_of(self, code: int, data: bytes) -> bytes:
        head = bytes([code]) + self._counter.to_bytes(2, "little") + self._transaction
        return aes.short(aes.cmac(self._mac, head + data))

    def _iv(self, label: bytes) -> bytes:
        counter = self._counter.to_bytes(2, "little")
        return aes.encrypt(self._enc, label + self._transaction + counter + bytes(8))


def session_keys(key: bytes, ours: bytes, theirs: bytes) -> tuple[bytes, bytes]:
    """For enciphering and for MACs, from both random numbers (16 bytes each)."""
    context = ours[:2] + aes.xor(ours[2:8], theirs[:6]) + theirs[6:] + ours[8:]
    head = b"\x00\x01\x00\x80"
    return aes.cmac(key, _TO_CARD + head + context), aes.cmac(key, _FROM_CARD + head + context)


def authenticate(exchange: Exchange, key_no: int, key: bytes,
                 random_bytes: Callable[[int], bytes]) -> Session:
    """Raises KeyRefused when the card holds another key, NotProven when it does not hold this one."""
    challenge = want(exchange, native(AUTHENTICATE, bytes([key_no, 0])), MORE, 16, "authenticate")
    theirs, ours = aes.decrypt(key, challenge), random_bytes(16)
    answer = aes.encrypt(key, ours + aes.turned(theirs))
    reply = want(exchange, native(CONTINUE, answer), NATIVE_OK, 32, "authenticate")
    plain = aes.decrypt(key, reply)
    if not hmac.compare_digest(plain[4:20], aes.turned(ours)):
        raise NotProven(Unproven.WRONG, "the card does not hold the key that it accepted")
    return Session(*session_keys(key, ours, theirs), transaction=plain[:4])


def card_uid(exchange: Exchange, session: Session) -> bytes:
    """The true UID, under the session's keys; raises NotProven."""
    reply, status = ask(exchange, session.wrap(GET_CARD_UID))
    uid = session.unwrap(reply, status)
    if len(uid) not in UID_LENGTHS:
        raise NotProven(Unproven.UNABLE, f"a card number of {len(uid)} bytes")
    return uid


def prove(exchange: Exchange, application: bytes, key_no: int, key: bytes, expected: bytes | None,
          random_bytes: Callable[[int], bytes]) -> bytes:
    """The true UID. `expected` None or made up: whatever it is; else WRONG when it is another."""
    select_application(exchange, application)
    uid = card_uid(exchange, authenticate(exchange, key_no, key, random_bytes))
    if expected is None or is_random(expected):
        return uid
    if not hmac.compare_digest(uid, expected):
        raise NotProven(Unproven.WRONG, "the key belongs to another card number than the one shown")
    return uid
