"""A program in the upper rows of this terminal, and one row below it that is ours.

The program runs unchanged in a pseudo-terminal that is one row lower than the real one; what it
writes is passed on, so it must paint by positions and not scroll (full-screen programs do).
"""

import asyncio
import contextlib
import fcntl
import os
import re
import shutil
import signal
import struct
import termios
import tty
from collections.abc import Callable, Sequence

_QUIET_S = 0.05  # our row is drawn again when the program has been silent for so long
_AGAIN_S = 1.0  # before a program that ended is started again
_END_S = 3.0
# Asked whether it may report sizes in band, the real terminal would report its own height: hide it.
_HIDDEN = (b"\x1b[?2048$p", b"\x1b[?2048h")
_ESCAPE_TAIL = re.compile(rb"\x1b(\[[0-?]*[ -/]*)?$")
_UNDER_WAY = re.compile(rb"\x1b\[[0-?]*[ -/]*")
_KEY = re.compile(rb"\x1b\[M...|\x1b\[[0-?]*[ -/]*[@-~]|\x1bO.|\x1b\[[0-?]*[ -/]*$|\x1b.|.", re.DOTALL)
# What a killed full-screen program leaves behind: mouse and focus reports, bracketed paste, the
# alternate screen, a hidden cursor.
_RESET = (b"\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1004l\x1b[?2004l"
          b"\x1b[?1049l\x1b[?7h\x1b[?25h\x1b[0m")
_ROW = "\x1b7\x1b[{row};1H\x1b[0;1;30;46m{text}\x1b[0m\x1b8"


def split_keys(data: bytes) -> tuple[list[bytes], bytes]:
    """Input of a terminal as keys, one character or one whole escape sequence (arrows, mouse) each,
    and the beginning of a sequence that is still under way (a mouse report may hold our letters).
    """
    keys = _KEY.findall(data)
    if keys and _UNDER_WAY.fullmatch(keys[-1]):
        return keys[:-1], keys[-1]
    return keys, b""


def pass_on(held: bytes, data: bytes) -> tuple[bytes, bytes]:
    """(what to write now, what to hold back): whole escape sequences only, without the hidden ones."""
    data = held + data
    tail = _ESCAPE_TAIL.search(data)
    cut = len(data) if tail is None else tail.start()
    now = data[:cut]
    for hidden in _HIDDEN:
        now = now.replace(hidden, b"")
    return now, data[cut:]


class SplitTerminal:
    """`on_key` gets every key first and says whether it was for us."""

    def __init__(self, command: Sequence[str], *, env: dict[str, str],
                 on_key: Callable[[bytes], bool], stdin_fd: int = 0, stdout_fd: int = 1) -> None:
        self._command, self._env, self._on_key = command, env, on_key
        self._stdin, self._stdout = stdin_fd, stdout_fd
        self._row = ""
        self._held = self._typed = b""
        self._master = -1
        self._child: asyncio.subprocess.Process | None = None
        self._quit = asyncio.Event()
        self._redraw: asyncio.TimerHandle | None = None

    def show_row(self, text: str) -> None:
        """Set the text of our row."""
        self._row = text
        self._draw_soon()

    def quit(self) -> None:
        """End `run`, and the program with it."""
        self._quit.set()

    async def run(self) -> None:
        """Until `quit`; a program that ends by itself is started again."""
        loop = asyncio.get_running_loop()
        before = termios.tcgetattr(self._stdin)
        tty.setraw(self._stdin)
        loop.add_reader(self._stdin, self._read_keys)
        loop.add_signal_handler(signal.SIGWINCH, self._resized)
        try:
            while not self._quit.is_set():
                await self._run_once()
        finally:
            loop.remove_signal_handler(signal.SIGWINCH)
            loop.remove_reader(self._stdin)
            if self._redraw is not None:
                self._redraw.cancel()
            self._write(_RESET)
            termios.tcsetattr(self._stdin, termios.TCSADRAIN, before)

    async def _run_once(self) -> None:
        loop = asyncio.get_running_loop()
        self._master, slave = os.openpty()
        self._set_size()
        try:
            self._child = await asyncio.create_subprocess_exec(
                *self._command, stdin=slave, stdout=slave, stderr=slave, env=self._env,
                start_new_session=True)
        finally:
            os.close(slave)
        loop.add_reader(self._master, self._read_program)
        ended = asyncio.create_task(self._child.wait())
        asked = asyncio.create_task(self._quit.wait())
        try:
            await asyncio.wait((ended, asked), return_when=asyncio.FIRST_COMPLETED)
            if not self._quit.is_set():
                self._write(_RESET + b"\x1b[2J")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._quit.wait(), _AGAIN_S)
        finally:
            asked.cancel()
            loop.remove_reader(self._master)
            await self._end(ended)
            os.close(self._master)
            self._child = None

    async def _end(self, ended: "asyncio.Task[int]") -> None:
        assert self._child is not None
        for how in (signal.SIGTERM, signal.SIGKILL):
            if ended.done():
                return
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(how)
            await asyncio.wait((ended,), timeout=_END_S)

    # what comes in

    def _read_keys(self) -> None:
        data = os.read(self._stdin, 4096)
        if not data:  # the terminal is gone
            self.quit()
            return
        keys, self._typed = split_keys(self._typed + data)
        rest = b"".join(key for key in keys if not self._on_key(key))
        if rest and self._child is not None:
            os.write(self._master, rest)

    def _read_program(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except OSError:  # EIO: the program has closed its terminal
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._master)
            return
        now, self._held = pass_on(self._held, data)
        self._write(now)
        self._draw_soon()

    # what goes out

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._stdout, data):]

    def _size(self) -> os.terminal_size:
        try:
            return os.get_terminal_size(self._stdout)
        except OSError:
            return shutil.get_terminal_size()

    def _set_size(self) -> None:
        size = self._size()
        rows = max(1, size.lines - 1)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, size.columns, 0, 0))

    def _resized(self) -> None:
        if self._child is not None and self._child.returncode is None:
            self._set_size()
            self._child.send_signal(signal.SIGWINCH)
        self._draw_soon()

    def _draw_soon(self) -> None:
        """Draw our row when the program pauses: never in the middle of what it writes."""
        if self._redraw is not None:
            self._redraw.cancel()
        self._redraw = asyncio.get_running_loop().call_later(_QUIET_S, self._draw)

    def _draw(self) -> None:
        size = self._size()
        text = self._row[:size.columns].ljust(size.columns)
        self._write(_ROW.format(row=size.lines, text=text).encode())
