"""Keeps one reader process alive, from the controller's loop; a dead reader never holds that loop up.

A process that says nothing for two seconds is killed with SIGKILL: a thread stuck in a USB read
hears nothing else. Everything here waits on a socket, never on the process.
"""

import asyncio
import logging
import socket
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from edge.rfid.path import path_problem
from edge.rfid.wire import (
    LENGTH_BYTES,
    Begin,
    CardProof,
    Feedback,
    FromReader,
    Health,
    Opening,
    Prove,
    TagSeen,
    Way,
    frame_length,
    from_reader,
    to_frame,
)

START_WITHIN_S = 10.0  # Python and nfcpy come up in 0.3 s here; a Pi that boots has other things to do
SILENT_S = 2.0
SECOND_LOOK_S = 0.1
END_WITHIN_S = 1.0
BACK_OFF_S = (0.1, 0.5, 1.0, 2.0, 5.0)
LIVED_WELL_NS = 30_000_000_000  # after that a death is a new misfortune, not the same one
STALE_TAP_NS = 5_000_000_000

log = logging.getLogger(__name__)


class ReaderSupervisor:
    """One reader. The callbacks run in the loop, must not block, and come in the order of events.

    `on_lost` and `on_back` alternate; the first word is either. `on_failed` hears what the supervision
    itself dies of, if it does. `clock` is the monotonic clock in ns,
    of the same origin as the reader's (CLOCK_MONOTONIC): a tap that waited in the socket while the
    controller hung is not acted upon long after its driver has left.

    `on_proof` hears one `CardProof` for each `prove` with ways, unless `on_lost` comes first: then none
    will come. Taps are numbered through all lives of the process, so that no answer to an old one can
    be taken for a new one's.
    """

    def __init__(self, reader_id: str, path: str, *, virtual: bool,
                 on_tag: Callable[[TagSeen], None], on_lost: Callable[[str], None],
                 on_back: Callable[[], None], on_proof: Callable[[CardProof], None] = lambda _: None,
                 clock: Callable[[], int] = time.monotonic_ns,
                 program: Sequence[str] = (sys.executable, "-m", "edge.rfid.reader")) -> None:
        """Raises ValueError for a path that nfcpy cannot use or that this site must not use."""
        problem = path_problem(path, virtual=virtual)
        if problem is not None:
            raise ValueError(f"reader {reader_id}, path {path}: {problem}")
        self.reader_id = reader_id
        self._command = [*program, "--id", reader_id, "--path", path]
        self._command += ["--virtual"] if virtual else []
        self._on_tag, self._on_lost, self._on_back, self._clock = on_tag, on_lost, on_back, clock
        self._on_proof = on_proof
        self.chip = ""  # as the reader says what it is; "" while it never was open
        self.on_failed: Callable[[BaseException], None] = lambda _: None
        self._well: bool | None = None
        self._last_uid: bytes | None = None
        self._last_tap = 0
        self._patience_s = START_WITHIN_S
        self._task: asyncio.Task[None] | None = None
        self._process: Process | None = None
        self._writer: asyncio.StreamWriter | None = None

    @property
    def pid(self) -> int | None:
        """Of the present process; None between two lives."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Returns at once; the reader is reported by `on_back` or `on_lost`."""
        self._task = asyncio.create_task(self.run(), name=f"reader {self.reader_id}")
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.on_failed(error)

    async def stop(self) -> None:
        """Ends the process, gently for a second; raises what ended the supervision before."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def prove(self, tap: int, ways: Sequence[Way]) -> None:
        """Answers a `TagSeen`, always: what to ask of that card; nothing lets it go, unanswered.

        Comes within half a second, or the card is let go and the answer is "torn". Lost when the reader
        is dead: then `on_lost` was called or will be.
        """
        if self._writer is not None:
            self._writer.write(to_frame(Prove(tap=tap, ways=tuple(ways))))

    def feedback(self, outcome: str) -> None:
        """Tells the reader what became of the tap (`accepted`, `refused`); lost when it is dead."""
        if self._writer is not None:
            self._writer.write(to_frame(Feedback(outcome=outcome)))

    async def run(self) -> None:
        """The supervision itself, for ever: for those who have a TaskGroup."""
        step = 0
        while True:
            began_ns = self._clock()
            error = await self._one_life()
            log.warning("reader %s: %s", self.reader_id, error)
            self._lost(error)
            step = 0 if self._clock() - began_ns > LIVED_WELL_NS else step
            await asyncio.sleep(BACK_OFF_S[min(step, len(BACK_OFF_S) - 1)])
            step += 1

    async def _one_life(self) -> str:
        """Spawns, listens, cleans up; returns why it ended."""
        ours, theirs = socket.socketpair()
        with ours:
            try:
                with theirs:
                    # A session of its own: Ctrl-C ends the controller, and that its readers.
                    self._process = await asyncio.create_subprocess_exec(
                        *self._command, "--fd", str(theirs.fileno()), pass_fds=(theirs.fileno(),),
                        stdin=DEVNULL, start_new_session=True)
            except OSError as error:
                return f"the reader process does not start: {error.strerror}"
            try:
                return await self._talk(self._process, ours)
            finally:
                self._process = None

    async def _talk(self, process: Process, ours: socket.socket) -> str:
        kill = True
        try:
            stream, self._writer = await asyncio.open_unix_connection(sock=ours)
            self._writer.write(to_frame(Begin(held_uid=self._last_uid, last_tap=self._last_tap)))
            error = await self._listen(stream)
            return error if error is not None else await self._obituary(process)
        except asyncio.CancelledError:
            kill = False
            raise
        finally:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
                await asyncio.sleep(0)  # the transport lets go of the socket in the loop's next turn
            ours.close()
            await self._end(process, kill=kill)

    async def _listen(self, stream: asyncio.StreamReader) -> str | None:
        """Until the process ends (None), hangs or speaks nonsense."""
        self._patience_s = START_WITHIN_S
        while True:
            word = asyncio.ensure_future(_next_word(stream))
            try:
                done, _ = await asyncio.wait({word}, timeout=self._patience_s)
                if not done:
                    # It may have been this loop that hung: what arrived meanwhile is read first.
                    done, _ = await asyncio.wait({word}, timeout=SECOND_LOOK_S)
                if not done:
                    return f"the reader process says nothing for {self._patience_s:g} s"
                self._heard(word.result())
            except (EOFError, ConnectionError):
                return None
            except (ValueError, msgspec.DecodeError):
                return "the reader process speaks nonsense"
            finally:
                word.cancel()

    def _heard(self, message: FromReader) -> None:
        self._patience_s = SILENT_S
        match message:
            case Opening(within_s=within_s):
                self._patience_s = SILENT_S + within_s
            case Health(ok=True):
                self.chip = message.chip or self.chip
                if self._well is not True:
                    self._well = True
                    self._on_back()
            case Health(error=error):
                self._lost(error)
            case CardProof():
                self._on_proof(message)
            case TagSeen(uid=uid, tap=tap, mono_ns=seen_ns):
                self._last_uid, self._last_tap = uid, tap
                if self._clock() - seen_ns > STALE_TAP_NS:
                    log.warning("reader %s: a tap older than 5 s is dropped", self.reader_id)
                    self.prove(tap, ())
                else:
                    self._on_tag(message)

    def _lost(self, error: str) -> None:
        if self._well is not False:
            self._well = False
            self._on_lost(error)

    async def _obituary(self, process: Process) -> str:
        try:
            status = await asyncio.wait_for(process.wait(), END_WITHIN_S)
        except TimeoutError:
            return "the reader process closed its socket"
        return (f"the reader process was ended by signal {-status}" if status < 0
                else f"the reader process ended with status {status}")

    async def _end(self, process: Process, *, kill: bool) -> None:
        if not kill:
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), END_WITHIN_S)
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _next_word(stream: asyncio.StreamReader) -> FromReader:
    header = await stream.readexactly(LENGTH_BYTES)
    return from_reader(await stream.readexactly(frame_length(header)))
