"""The reader process: `python -m edge.rfid.reader --id front --path tty:forecourt-rfid:pn532 --fd N`.

It owns one nfcpy frontend and nothing else, so that a read that hangs in a USB library hangs
here, where its supervisor kills it. It ends when the controller's end of the socket closes.
"""

import argparse
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from edge.controller.trouble import BadAnswer, DeviceTimeout, LineDown
from edge.rfid import proving
from edge.rfid.frontend import Card, Frontend
from edge.rfid.kind import kind_of
from edge.rfid.pipe import Pipe
from edge.rfid.proving import TIMES, Controller, Proving, Times
from edge.rfid.tap import TapFilter
from edge.rfid.uid import is_random
from edge.rfid.wire import Health, Opening, TagSeen

PAUSE_S = 0.1  # between polls, outside nfcpy's lock; the field is off meanwhile
VIRTUAL_PAUSE_S = 0.05
# A virtual site shares its machine with others, which may hold it up for longer than a person waits.
VIRTUAL_TIMES = Times(ask_within_s=3.0, prove_within_s=4.0)
HEALTH_EVERY_NS = 400_000_000
OPEN_WITHIN_S = 10.0  # a PN532 on a slow USB serial adapter takes seconds to come up
BACK_OFF_S = (0.2, 0.5, 1.0, 2.0)
NOISE_LIMIT = 50  # polls in a row that gave rubbish, then the reader is opened anew

log = logging.getLogger(__name__)


class Radio(proving.Radio, Protocol):
    """The part of Frontend that the loop needs."""

    @property
    def chip(self) -> str: ...
    def open(self) -> None: ...
    def close(self) -> None: ...


class Reader:
    """Polls, filters, reports, asks for proof, reopens. One thread, no state outside."""

    def __init__(self, reader_id: str, radio: Radio, controller: Controller, taps: TapFilter, *,
                 pause_s: float = PAUSE_S, times: Times = TIMES, last_tap: int = 0,
                 mono_ns: Callable[[], int] = time.monotonic_ns) -> None:
        """`last_tap`: the number of the last tap of a predecessor."""
        self._id, self._radio, self._controller, self._taps = reader_id, radio, controller, taps
        self._pause_s, self._mono_ns, self._tap = pause_s, mono_ns, last_tap
        self._last_health: tuple[bool, str] | None = None
        self._last_health_ns = 0
        self._polled_ns = mono_ns()
        self._proving = Proving(reader_id, radio, controller, times=times, mono_ns=mono_ns,
                                beat=lambda: self._health(ok=True))

    def run(self) -> None:
        """Until the controller goes away: BrokenPipeError. Every way out gives the device back."""
        waits = back_off()
        try:
            while True:
                self._controller.send(Opening(reader_id=self._id, within_s=OPEN_WITHIN_S))
                try:
                    self._radio.open()
                    self._resume()
                    while True:
                        self._poll()
                        waits = back_off()
                except LineDown as error:
                    self._note(str(error))
                    self._radio.close()
                    self._wait_unwell(next(waits), str(error))
        finally:
            self._radio.close()

    def _poll(self) -> None:
        """One poll that worked, and one pause. Raises LineDown."""
        noise = 0
        while True:
            try:
                self._handle(self._radio.sense())
                noise = 0
                break
            except (BadAnswer, DeviceTimeout) as error:
                # Something is in the field: no evidence that the card went away, none for a new one.
                noise += 1
                if noise >= NOISE_LIMIT:
                    raise LineDown("poll for a card", where=self._id, got=f"{noise} bad answers, last "
                                   f"{error.got}", expected="a card or none") from None
                self._health(ok=True)
                self._pause(self._pause_s)
        self._health(ok=True)
        self._pause(self._pause_s)

    def _handle(self, card: Card | None) -> None:
        now_ns = self._polled_ns = self._mono_ns()
        if not self._taps.see(None if card is None else card.uid, now_ns) or card is None:
            return
        self._tap += 1
        ats, random = self._radio.select(card), is_random(card.uid)
        self._controller.send(TagSeen(
            reader_id=self._id, uid=card.uid, sak=card.sak, atqa=card.atqa, ats=ats, random=random,
            mono_ns=now_ns, tap=self._tap, card_kind=kind_of(card.sak, card.atqa, ats, random=random)))
        try:
            self._proving.serve(card, self._tap)
        finally:
            self._resume()

    def _resume(self) -> None:
        """Nobody has looked for cards since the last poll: that proves nothing about any of them."""
        now_ns = self._mono_ns()
        self._taps.skip(now_ns - self._polled_ns)
        self._polled_ns = now_ns

    def _pause(self, seconds: float) -> None:
        """Outside nfcpy, with the field off. Feedback has no lamp to light yet."""
        until_ns = self._mono_ns() + int(seconds * 1e9)
        while (left_ns := until_ns - self._mono_ns()) > 0:
            self._proving.too_late(self._controller.hear(left_ns / 1e9))

    def _wait_unwell(self, seconds: float, error: str) -> None:
        until_ns = self._mono_ns() + int(seconds * 1e9)
        while self._mono_ns() < until_ns:
            self._health(ok=False, error=error)
            self._pause(0.1)

    def _note(self, error: str) -> None:
        """An outage is logged once, not at every try to open."""
        if self._last_health != (False, error):
            log.warning("reader %s: %s", self._id, error)

    def _health(self, *, ok: bool, error: str = "") -> None:
        now_ns = self._mono_ns()
        if (ok, error) == self._last_health and now_ns - self._last_health_ns < HEALTH_EVERY_NS:
            return
        self._last_health, self._last_health_ns = (ok, error), now_ns
        self._controller.send(Health(reader_id=self._id, ok=ok, error=error, chip=self._radio.chip))


def back_off() -> Iterator[float]:
    """Seconds to wait before the next try; the last one for ever."""
    yield from BACK_OFF_S
    while True:
        yield BACK_OFF_S[-1]


def main(argv: list[str]) -> int:
    """Entry point of the process. 0: the controller went away; 2: wrong arguments."""
    parser = argparse.ArgumentParser(prog="edge.rfid.reader")
    parser.add_argument("--id", required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--virtual", action="store_true")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    logging.getLogger("nfc").propagate = False  # it logs UIDs, and sets its own level on import
    try:
        radio = Frontend(args.path, virtual=args.virtual)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    pipe = Pipe(args.fd)
    # Ends in order: a PN532 that is left at its high baud rate does not answer the next process.
    signal.signal(signal.SIGTERM, lambda *_: pipe.leave())
    begin = pipe.begin()
    if begin is None:
        return 0
    pause_s, times = (VIRTUAL_PAUSE_S, VIRTUAL_TIMES) if args.virtual else (PAUSE_S, TIMES)
    try:
        Reader(args.id, radio, pipe, TapFilter(begin.held_uid), pause_s=pause_s, times=times,
               last_tap=begin.last_tap).run()
    except BrokenPipeError:
        pass  # the controller went away
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
