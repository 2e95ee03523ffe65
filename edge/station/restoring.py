"""What the last controller left behind, handed in before anything else: from the journal and the pins.

Nothing that cannot be read stops a start. It stays in the journal as it is, and a fault says so.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from edge.controller import kept
from edge.controller.clockwork import age_s
from edge.controller.events import (
    Event,
    Header,
    JournalHurt,
    OutletFound,
    SessionRestored,
    SessionSetAside,
    Started,
)
from edge.controller.session import Session
from edge.journal.errors import JournalDamaged
from edge.journal.journal import Journal
from edge.journal.mend import mend, unfinished
from edge.journal.report import Report
from edge.journal.row import Batch
from edge.station.blocking import BlockingCall

#: In the journal's table of kept values: the id of the computer's start that was written under last.
COMPUTER_BOOT = "computer:boot"
#: A session is saved with a register that the meter gave no longer ago than this.
READ_BEFORE_S = 15.0

MENDING_S = 15.0

log = logging.getLogger(__name__)


class Resumes(Protocol):
    """A meter that is told the last register value that was believed."""

    def resume(self, energy_wh: int, since_ns: int | None = None) -> None: ...


class Books(Protocol):
    """The part of the journal that is read at the start."""

    epoch: str
    new: bool

    async def sessions(self) -> dict[str, bytes]: ...

    async def kept(self) -> dict[str, bytes]: ...


async def open_journal(path: Path, mending: Callable[[float], None] = lambda _: None,
                       look_s: float = MENDING_S) -> tuple[Journal, Report | None]:
    """The journal, or a new one with all that could be proven where it was damaged; then also what
    became of it, at every start until a row tells it. What a killed start left undone is done first.

    Mending may take minutes, in a thread of its own: `mending` is told each `look_s` how long by now.

    Raises `JournalError` as `Journal.open` does, and if the disk does not let a damaged one be mended.
    """
    if unfinished(path):
        await _mended(path, "", mending, look_s)
    try:
        journal = await Journal.open(path)
    except JournalDamaged as error:
        log.critical("%s; it is set aside, and what can be read of it goes on in a new one", error)
        await _mended(path, str(error), mending, look_s)
        journal = await Journal.open(path)
    report = await journal.untold()
    if report is not None:
        log.critical("journal: %s", report)
    return journal, report


async def _mended(path: Path, why: str, mending: Callable[[float], None], look_s: float) -> None:
    call, since_s = BlockingCall(lambda: mend(path, why), "mending of the journal"), 0.0
    while True:
        mending(since_s)
        try:
            return await call.result(look_s)
        except TimeoutError:
            since_s += look_s


async def restore(books: Books, *, hand_in: Callable[[Event], None], meters: Mapping[str, Resumes],
                  found: Iterable[OutletFound], software: str, hurt: Report | None = None,
                  computer: str | None = None, at: Header) -> Batch | None:
    """Hand everything in, `Started` last. Returns what is to be kept of this start, if anything.

    `computer`: `computer_boot()`; `at`: now. `hurt`: what became of a journal that was set aside.
    """
    if hurt is not None:
        _hand_in_damage(hurt, hand_in)
    values = await books.kept()
    for key, body in values.items():
        try:
            event = kept.restored(key, body)
        except (msgspec.MsgspecError, UnicodeError) as error:
            log.error("kept value %s cannot be read: %s", key, error)
            hand_in(SessionSetAside(transaction_id=key, error=f"cannot be read: {error}"))
            event = kept.assumed(key)
        if event is not None:
            hand_in(event)
    mine = b"" if computer is None else computer.encode()
    theirs = values.get(COMPUTER_BOOT)
    for transaction_id, body in (await books.sessions()).items():
        session = _hand_in_session(transaction_id, body, hand_in)
        if session is not None and session.least_wh is not None and session.meter_id in meters:
            meters[session.meter_id].resume(
                session.least_wh, _read_since_ns(session, at, same_computer=mine == theirs != b""))
    for outlet in found:
        hand_in(outlet)
    hand_in(Started(software=software, epoch=books.epoch, journal_new=books.new or hurt is not None,
                    mains_back=not books.new and mine != theirs))
    return None if mine == theirs else Batch(mono_ns=at.mono_ns, kept={COMPUTER_BOOT: mine})


def _hand_in_damage(hurt: Report, hand_in: Callable[[Event], None]) -> None:
    """What was wrong, and each session or value that is in the old file only."""
    hand_in(JournalHurt(error=str(hurt)))
    for one in hurt.set_aside:
        hand_in(SessionSetAside(transaction_id=one.name, error=f"{one.why}; it is in {hurt.aside}"))
        assumed = kept.assumed(one.name)
        if assumed is not None:
            hand_in(assumed)


def _read_since_ns(session: Session, at: Header, *, same_computer: bool) -> int | None:
    """When its last register was read, at the earliest; None: no clock can tell."""
    saved_s = None if session.saved is None else age_s(session.saved, at, same_computer=same_computer)
    return None if saved_s is None else at.mono_ns - int((saved_s + READ_BEFORE_S) * 1e9)


def _hand_in_session(transaction_id: str, body: bytes,
                     hand_in: Callable[[Event], None]) -> Session | None:
    try:
        session = msgspec.json.decode(body, type=Session)
        if session.transaction_id != transaction_id:  # it could never be forgotten by its own name
            raise msgspec.ValidationError(f"it is of {session.transaction_id}")
    except (msgspec.MsgspecError, UnicodeError) as error:
        log.error("session %s cannot be read: %s", transaction_id, error)
        hand_in(SessionSetAside(transaction_id=transaction_id, error=f"cannot be read: {error}"))
        return None
    log.info("evse %s: session %s was open", session.evse_id, session.transaction_id)
    hand_in(SessionRestored(session=session))
    return session
