"""One tap from the reader's word to what is known of it: looked up, asked for its proof, judged.

The controller and the technician's commands share it. A number goes from the reader to the look-up and
to whoever asked for it, and no further: nothing here logs one.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable
from typing import NamedTuple, Protocol

import msgspec

from edge.controller.idtoken import IdToken, Level, Source, TokenRecord, Unproven
from edge.controller.struct import Value
from edge.rfid.tokens.secret import CardSecret
from edge.rfid.uid import UidError, check_uid, is_random
from edge.rfid.wanted import SiteProofs, ways_for
from edge.rfid.wire import CardProof, Certificate, Mutual, Originality, RealUid, Sun, TagSeen, Way

PROOF_S = 5.0  # the reader gives up by itself after two proofs of 1.5 s; a lost one is told at once
_LEVELS: tuple[tuple[type[Way], Level], ...] = (  # RealUid first: it is a Mutual, too
    (RealUid, Level.UID), (Mutual, Level.MUTUAL), (Certificate, Level.CERTIFICATE), (Sun, Level.SUN),
    (Originality, Level.ORIGINALITY))

log = logging.getLogger(__name__)


class Found(Protocol):
    """What the store says of a number: always a token, and what it knows of it."""

    @property
    def token(self) -> IdToken: ...

    @property
    def record(self) -> TokenRecord | None: ...

    @property
    def secret(self) -> CardSecret | None: ...

    @property
    def source(self) -> Source: ...

    @property
    def error(self) -> str:
        """Why nobody could look; "" where somebody could. Names no number."""
        ...


class Tokens(Protocol):
    """The store, as a tap needs it. May raise DeviceError; a file that does not obey is an `error`."""

    async def lookup(self, uid: bytes) -> Found: ...

    async def judge_sun(self, message: bytes, uid: bytes, found: Found) -> Unproven | None:
        """None: it is this card's, and newer than any before; that is on the disk then."""
        ...


class Prover(Protocol):
    """The reader, as a tap needs it. Each call with ways is answered by one `CardProof`, or never."""

    def prove(self, tap: int, ways: tuple[Way, ...]) -> None: ...


class Shown(Value):
    """A card that was shown. `uid`: the true one where the card told it; `level`: what was proven."""

    tag: TagSeen
    uid: bytes
    token: IdToken
    record: TokenRecord | None
    source: Source
    level: Level
    unproven: Unproven | None
    random: bool

    def __repr__(self) -> str:
        return (f"Shown(reader_id={self.tag.reader_id!r}, token={self.token.ref[:8]!r}, "
                f"level={self.level}, unproven={self.unproven})")


class _Proven(NamedTuple):
    """What came of the ways. `uid`: empty where none was told."""

    level: Level
    uid: bytes
    unproven: Unproven | None
    message: bytes = b""


_NOTHING_ASKED = _Proven(Level.UID, b"", None)
_TORN = _Proven(Level.UID, b"", Unproven.TORN)
_WRONG = _Proven(Level.UID, b"", Unproven.WRONG)
#: What says nothing of a card that nobody knows, by whether its number is random: it was only a try.
_ONLY_TRIED = {False: (Unproven.UNABLE,), True: (Unproven.UNABLE, Unproven.WRONG)}


class TapFlow:
    """Of one reader and one loop. Taps that come while another is asked wait, in their order."""

    def __init__(self, reader: Prover, tokens: Tokens, proofs: Callable[[], SiteProofs]) -> None:
        """`proofs` is asked at each tap: a day begins, and keys may be exchanged."""
        self._reader, self._tokens, self._proofs = reader, tokens, proofs
        self._turn = asyncio.Lock()
        self._tap: int | None = None  # that a proof is awaited of
        self._proof: asyncio.Future[CardProof] | None = None

    def proof(self, proof: CardProof) -> None:
        """The reader's answer; one that nobody waits for any more is dropped."""
        if self._proof is not None and proof.tap == self._tap and not self._proof.done():
            self._proof.set_result(proof)

    def lost(self) -> None:
        """The reader died: whatever it was asked, it tore."""
        if self._proof is not None and not self._proof.done():
            self._proof.cancel()

    async def take(self, tag: TagSeen) -> Shown:
        """Raises DeviceError if the store does not answer; the card was let go then."""
        async with self._turn:
            try:
                return await self._taken(tag)
            except BaseException:
                self._reader.prove(tag.tap, ())
                raise

    async def _taken(self, tag: TagSeen) -> Shown:
        site = self._proofs()
        found = await self._tokens.lookup(tag.uid)
        ways = ways_for(tag, None if tag.random else found.record, found.secret, site)
        proven = await self._ask(tag.tap, ways)
        if not proven.uid or proven.uid == tag.uid:
            return await self._shown(tag, found, proven)
        if not tag.random:  # a card cannot have two numbers, but a copy can
            return await self._shown(tag, found, _WRONG)
        tag = msgspec.structs.replace(tag, uid=proven.uid, random=False)
        found = await self._tokens.lookup(tag.uid)
        if proven.level is Level.UID:  # a key of all cards of the site proves none of them
            ways = ways_for(tag, found.record, found.secret, site)
            proven = await self._ask(tag.tap, ways)
            if proven.uid not in (b"", tag.uid):
                proven = _WRONG
        return await self._shown(tag, found, proven)

    async def _ask(self, tap: int, ways: tuple[Way, ...]) -> _Proven:
        """Always tells the reader, so that it lets go of a card that nothing is asked of."""
        if not ways:
            self._reader.prove(tap, ())
            return _NOTHING_ASKED
        self._tap, self._proof = tap, asyncio.get_running_loop().create_future()
        self._reader.prove(tap, ways)
        try:
            await asyncio.wait({self._proof}, timeout=PROOF_S)
            if not self._proof.done() or self._proof.cancelled():
                return _TORN
            return _read(self._proof.result(), ways)
        finally:
            self._tap = self._proof = None

    async def _shown(self, tag: TagSeen, found: Found, proven: _Proven) -> Shown:
        unproven, record = proven.unproven, None if tag.random else found.record
        if unproven is None and proven.level is Level.SUN:
            unproven = await self._tokens.judge_sun(proven.message, tag.uid, found)
        elif unproven is None and proven.level is Level.CERTIFICATE:
            unproven = _bound(found, proven)
        elif record is None and unproven in _ONLY_TRIED[tag.random]:
            unproven = None
        if found.error:
            log.error("reader %s: token store: %s", tag.reader_id, found.error)
            if record is None:
                unproven = Unproven.TORN  # it may be on the list, and blocked: nobody else is asked
        if unproven is not None:
            log.info("reader %s: token %s unproven: %s", tag.reader_id, found.token.ref[:8], unproven)
        level = Level.UID if unproven is not None else proven.level
        return Shown(tag=tag, uid=tag.uid, record=record, source=found.source, level=level,
                     token=msgspec.structs.replace(found.token, level=level),
                     unproven=unproven, random=tag.random)


def _read(proof: CardProof, ways: tuple[Way, ...]) -> _Proven:
    """A reader's word counts only as far as it was asked."""
    if proof.unproven is not None:
        known = proof.unproven in frozenset(Unproven)
        return _Proven(Level.UID, b"", Unproven(proof.unproven) if known else Unproven.WRONG)
    if proof.level not in {_level_of(way) for way in ways} or not _is_uid(proof.uid):
        return _WRONG
    return _Proven(Level(proof.level), proof.uid, None, proof.message)


def _is_uid(uid: bytes) -> bool:
    """Of a card that says what it is: it may say anything. None is a number, too."""
    try:
        return uid == b"" or not is_random(check_uid(uid))
    except UidError:
        return False


def _level_of(way: Way) -> Level:
    return next(level for kind, level in _LEVELS if isinstance(way, kind))


def _bound(found: Found, proven: _Proven) -> Unproven | None:
    """A certificate of a trusted authority, and of the very key that the card was enrolled with."""
    wanted = found.secret.certificate if found.secret is not None else b""
    same = not wanted or hashlib.sha256(proven.message).digest() == wanted
    return None if same else Unproven.WRONG
