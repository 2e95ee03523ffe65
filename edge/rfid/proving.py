"""One card after its tap: it stays activated until the controller has asked what it wants of it.

The controller may ask twice: for the true number of a card that makes one up, and then with that card's
own key. What was torn is tried once more, if the same card still lies there.
"""

import time
from collections.abc import Callable
from typing import Protocol

from edge.controller.idtoken import Level, Unproven
from edge.controller.struct import Value
from edge.controller.trouble import DeviceError, LineDown
from edge.rfid.frontend import Card
from edge.rfid.kind import ISO_DEP
from edge.rfid.proof.ways import NotProven, Proven, prove
from edge.rfid.uid import is_random
from edge.rfid.wire import CardProof, FromReader, Prove, ToReader, Way

QUESTIONS = 2
LISTEN_S = 0.5  # at a time: health is due at least once a second
ATTEMPTS = 2  # of each way: cards count failures, and so would a thief


class Times(Value):
    """For how long the controller may think, and each proof may take (its second try included)."""

    ask_within_s: float = 0.5
    prove_within_s: float = 1.5  # a driver waits


TIMES = Times()

class Radio(Protocol):
    """The part of Frontend that a proof needs."""

    def sense(self) -> Card | None: ...
    def select(self, card: Card) -> bytes: ...
    def apdu(self, command: bytes, left_s: Callable[[], float]) -> bytes: ...
    def raw(self, frame: bytes) -> bytes: ...


class Controller(Protocol):
    """The controller's end of the socket."""

    def send(self, message: FromReader) -> None: ...

    def hear(self, seconds: float) -> ToReader | None:
        """The next word, None when none came in time; BrokenPipeError: it is gone."""


class Proving:
    """Answers the controller's questions about the card that was tapped last."""

    def __init__(self, reader_id: str, radio: Radio, controller: Controller, *,
                 beat: Callable[[], None], times: Times = TIMES,
                 mono_ns: Callable[[], int] = time.monotonic_ns,
                 prove: Callable[..., Proven] = prove) -> None:
        """`beat` is called at least before each frame: it tells that the reader is alive."""
        self._id, self._radio, self._controller, self._times = reader_id, radio, controller, times
        self._beat, self._mono_ns, self._prove = beat, mono_ns, prove

    def serve(self, card: Card, tap: int) -> None:
        """Until the card is let go. Raises LineDown, after the controller has had its answer."""
        uid = card.uid
        for _ in range(QUESTIONS):
            question = self._question(tap)
            if question is None or not question.ways:
                return
            try:
                proof = self._answer(question, card, uid)
            except LineDown as error:
                self._controller.send(self._torn(tap, f"{error.what}: {error.got}"))
                raise
            self._controller.send(proof)
            if proof.unproven is not None or proof.level > Level.UID:
                return
            uid = proof.uid

    def too_late(self, word: ToReader | None) -> None:
        """Answers a question about a card that was let go."""
        if isinstance(word, Prove) and word.ways:
            self._controller.send(self._torn(word.tap, "asked after the card was let go"))

    def _question(self, tap: int) -> Prove | None:
        """The one about this tap, None when it does not come in time."""
        until_ns = self._mono_ns() + int(self._times.ask_within_s * 1e9)
        while (left_ns := until_ns - self._mono_ns()) > 0:
            self._beat()
            word = self._controller.hear(min(left_ns / 1e9, LISTEN_S))
            if isinstance(word, Prove) and word.tap == tap:
                return word
            self.too_late(word)
        return None

    def _answer(self, question: Prove, card: Card, uid: bytes) -> CardProof:
        until_ns = self._mono_ns() + int(self._times.prove_within_s * 1e9)

        def left_s() -> float:
            self._beat()
            return (until_ns - self._mono_ns()) / 1e9

        detail = ""
        for attempt in range(ATTEMPTS):
            try:
                if attempt and not self._again(card):
                    detail = f"the card went away: {detail}"
                    break
                proven = self._first_way(question.ways, card, uid, left_s)
                return CardProof(reader_id=self._id, tap=question.tap, level=int(proven.level),
                                 uid=proven.uid, message=proven.message)
            except NotProven as error:
                return CardProof(reader_id=self._id, tap=question.tap, unproven=error.unproven,
                                 detail=error.detail)
            except LineDown:
                raise
            except DeviceError as error:
                detail = f"{error.what}: {error.got}"
            if left_s() <= 0:
                break
        return self._torn(question.tap, detail)

    def _first_way(self, ways: tuple[Way, ...], card: Card, uid: bytes,
                   left_s: Callable[[], float]) -> Proven:
        """The first that the card speaks; raises NotProven of the last that it does not speak."""
        def exchange(command: bytes) -> bytes:
            return self._radio.apdu(command, left_s)

        iso_dep = bool(card.sak & ISO_DEP)
        *before, last = ways
        for way in before:
            try:
                return self._prove(way, exchange if iso_dep else None, uid,
                                   raw=None if iso_dep else self._radio.raw)
            except NotProven as error:
                if error.unproven is not Unproven.UNABLE:
                    raise
        return self._prove(last, exchange if iso_dep else None, uid,
                           raw=None if iso_dep else self._radio.raw)

    def _again(self, card: Card) -> bool:
        """Whether the card lies there still, selected anew. One with made-up numbers has another now:
        what it proves itself to be is compared by its keys.
        """
        found = self._radio.sense()
        if found is None or (found.uid != card.uid and not (is_random(found.uid)
                                                            and is_random(card.uid))):
            return False
        self._radio.select(found)
        return True

    def _torn(self, tap: int, detail: str) -> CardProof:
        return CardProof(reader_id=self._id, tap=tap, unproven=Unproven.TORN, detail=detail)
