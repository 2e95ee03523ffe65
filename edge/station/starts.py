"""How often the controller failed of late, so that one that fails always does not go on for ever.

Kept in `<run>/starts.json`, by a clock that neither sleeps nor is set (CLOCK_BOOTTIME) and the id of
the computer's start. Not on the disk: what a computer's start forgets anyway must not be lost, nor kept
waiting, when the disk is full, read-only or dead, which is when a controller may fail always. A run
that ended without a word (`kill -9`, out of memory, a watchdog's SIGABRT, a crash in C) has failed; one
that ended with the whole computer has not. What is said here is pure.
"""

import enum
import logging
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from edge.controller.struct import Value

LIMIT = 3
WINDOW_S = 600.0
"""So many failed runs within so long, and the next start is a safe stop."""
MISSING_AT_ONCE, MISSING_PAUSE_S = 3, 5.0
"""What is not there may be back in a moment; each start writes to the card, so not for ever so fast."""
LONGEST_PAUSE_S = 30.0
"""Half of what systemd gives a start (`TimeoutStartSec`): after 60 s it would end what still pauses."""
FILE = "starts.json"

log = logging.getLogger(__name__)


class End(enum.StrEnum):
    """How a run ended."""

    ORDERLY = "orderly"  # a person asked for it
    FAILED = "failed"
    MISSING = "missing"  # it never began: a device, a folder or the journal is not to be had


class Starts(Value):
    """What the last run left, or what this one will leave. Seconds of CLOCK_BOOTTIME.

    `running_s`: since when a run goes on that has not ended; `failed_s`: when runs failed;
    `last`: how the last of them did, without any data; `missing`: starts in a row that lacked
    something; `stopped`: in safe stop; `stops`: how often that was begun since, and not left;
    `journal_tried`: a safe stop that opens the journal has not come back from it.
    """

    computer: str = ""
    running_s: float | None = None
    failed_s: tuple[float, ...] = ()
    last: str = ""
    missing: int = 0
    stopped: bool = False
    stops: int = 0
    journal_tried: bool = False

    @property
    def pause_s(self) -> float:
        """How long to wait before something is tried that has failed again and again."""
        if self.stopped:
            return 0.0 if self.stops <= 1 else min(2.0 ** min(self.stops - 1, 9), LONGEST_PAUSE_S)
        return MISSING_PAUSE_S if self.missing > MISSING_AT_ONCE else 0.0


def begun(before: Starts, computer: str, now_s: float) -> Starts:
    """A run begins. A computer that started anew counts from nothing, and a safe stop is over."""
    if before.computer != computer:
        return Starts(computer=computer, running_s=now_s)
    silent = before.running_s is not None
    failed = (*before.failed_s, now_s) if silent and not before.stopped else before.failed_s
    failed = _lately(failed, now_s)
    stopped = before.stopped or len(failed) >= LIMIT
    return msgspec.structs.replace(
        before, running_s=now_s, failed_s=failed, stopped=stopped,
        stops=before.stops + 1 if stopped else 0,
        last="it was killed, or its watchdog ended it" if silent and not before.stopped
        else before.last)


def ended(now: Starts, how: End, now_s: float, why: str = "") -> Starts:
    """This run ended, and said how."""
    if how is End.ORDERLY:
        return Starts(computer=now.computer)
    if how is End.MISSING:
        return msgspec.structs.replace(now, running_s=None, missing=now.missing + 1)
    return msgspec.structs.replace(
        now, running_s=None, missing=0, last=why or now.last,
        failed_s=now.failed_s if now.stopped else _lately((*now.failed_s, now_s), now_s))


def served(now: Starts) -> Starts:
    """It runs: nothing is missing any more."""
    return msgspec.structs.replace(now, missing=0)


def _lately(failed_s: tuple[float, ...], now_s: float) -> tuple[float, ...]:
    return tuple(at_s for at_s in failed_s if now_s - at_s < WINDOW_S)


def words_of(error: BaseException) -> str:
    """What failed and where, without what it was about: that may name somebody."""
    trace, where = error.__traceback__, ""
    while trace is not None:
        where = f" in {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__}{where}"


def boottime_s() -> float:
    """Seconds since the computer started, suspended or not; of any start where that is not known."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class StartsFile:
    """The file. What cannot be read counts as nothing, what cannot be written is only logged: a site
    must not stand still since its counter does.
    """

    def __init__(self, path: Path, computer: str | None,
                 now_s: Callable[[], float] = boottime_s) -> None:
        self._path, self._computer, self._now_s = path, computer or "", now_s
        self.now = Starts()
        self._ending: Starts | None = None

    def begin(self) -> Starts:
        """What `begun` says, and keep it."""
        self._write(begun(self._read(), self._computer, self._now_s()))
        self._ending = None
        return self.now

    def end(self, how: End, why: str = "") -> None:
        """Keep how this run ends; of several words the last counts, for this one run."""
        self._ending = self._ending or self.now
        self._write(ended(self._ending, how, self._now_s(), why))

    def serves(self) -> None:
        """It runs; writes only if something was missing before."""
        if self.now != served(self.now):
            self._write(served(self.now))

    def tries_journal(self, tried: bool) -> None:
        """Before a safe stop opens the journal, and after it."""
        self._write(msgspec.structs.replace(self.now, journal_tried=tried))

    def lately(self) -> int:
        """Failed runs within the window, as of now."""
        return len(_lately(self.now.failed_s, self._now_s()))

    def _read(self) -> Starts:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Starts)
        except FileNotFoundError:
            return Starts()
        except (OSError, msgspec.MsgspecError, UnicodeError) as error:
            log.error("%s: %s; counting from nothing", self._path, error)
            return Starts()

    def _write(self, starts: Starts) -> None:
        self.now = starts
        draft = self._path.with_name(self._path.name + ".new")
        try:
            draft.write_bytes(msgspec.json.encode(starts))
            draft.replace(self._path)
        except OSError as error:
            log.error("%s: %s", self._path, error)
