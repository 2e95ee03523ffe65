"""The console in a real pseudo-terminal, around a program that paints and echoes."""

import asyncio
import contextlib
import fcntl
import os
import struct
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hil_tests.virtual.split_terminal import SplitTerminal

pytestmark = pytest.mark.wire
DEADLINE_S = 20.0
PROGRAM = """
import os, sys, tty
tty.setraw(0)
size = os.get_terminal_size()
os.write(1, b"\\x1b[?1049h\\x1b[?2048$p<%dx%d>" % (size.columns, size.lines))
while True:
    key = os.read(0, 100)
    if key == b"!":
        sys.exit(3)
    os.write(1, b"<" + key.hex().encode() + b">")
"""


@pytest.fixture
def screen() -> Iterator[tuple[int, int]]:
    """(our end, the console's end) of a terminal of 60x20."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 60, 0, 0))
    os.set_blocking(master, False)
    yield master, slave
    os.close(master)
    os.close(slave)


class Reader:
    """What the terminal was told so far."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.seen = b""

    def __call__(self) -> bytes:
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._fd, 65536):
                self.seen += chunk
        return self.seen


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


async def test_the_program_has_one_row_less_and_the_other_keys(
        screen: tuple[int, int], tmp_path: Path) -> None:
    master, slave = screen
    (tmp_path / "program.py").write_text(PROGRAM)
    ours: list[bytes] = []

    def on_key(key: bytes) -> bool:
        if key == b"q":
            split.quit()
        if key in b"qt":
            ours.append(key)
        return key in b"qt"

    before = termios.tcgetattr(slave)
    split = SplitTerminal([sys.executable, str(tmp_path / "program.py")], env=dict(os.environ),
                          on_key=on_key, stdin_fd=slave, stdout_fd=slave)
    seen = Reader(master)
    running = asyncio.create_task(split.run())
    split.show_row("the row of keys")
    await until(lambda: b"<60x19>" in seen())
    await until(lambda: b"\x1b[20;1H" in seen() and b"the row of keys" in seen())
    os.write(master, b"t")
    os.write(master, b"\x1b[<0;12;5M")
    await until(lambda: b"<" + b"\x1b[<0;12;5M".hex().encode() + b">" in seen())
    assert ours == [b"t"]
    assert b"?2048" not in seen()

    os.write(master, b"!")  # the program ends by itself, and is started again
    await until(lambda: seen().count(b"<60x19>") == 2)
    os.write(master, b"q")
    async with asyncio.timeout(DEADLINE_S):
        await running
    assert seen().endswith(b"\x1b[?25h\x1b[0m")
    assert b"\x1b[?1049l" in seen()
    assert termios.tcgetattr(slave) == before
