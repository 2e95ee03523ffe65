"""What systemd is to the controller, for a virtual site: started again, listened to, and watched.

As `deploy/systemd/forecourt.service` says: `Restart=always` after 500 ms but for status 2, a socket for
sd_notify, and SIGABRT to who does not feed its watchdog. Not systemd itself.
"""

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import AsyncIterator

from hil_tests.virtual.site import VirtualSite

RESTART_S = 0.5
ABORT_S = 5.0
_LOOK_S = 0.02
_NO_RESTART = 2
_NAME = "controller"


class Keeper:
    """`ends`: how each life of the controller ended, `lines`: what it said, `aborted`: how often."""

    def __init__(self, site: VirtualSite, watchdog_s: float | None) -> None:
        self._site, self._watchdog_s = site, watchdog_s
        self.path = site.run_dir / "notify.sock"
        self.ends: list[int] = []
        self.lines: list[str] = []
        self.fed_s: list[float] = []  # when, by the monotonic clock
        self.aborted = 0
        self.lives = 1
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._listener.bind(str(self.path))
        self._listener.setblocking(False)
        site.environment["NOTIFY_SOCKET"] = str(self.path)
        if watchdog_s is not None:
            site.environment["WATCHDOG_USEC"] = str(round(watchdog_s * 1e6))
        self._life_s: float | None = None  # last sign of life; None: not to be watched

    @property
    def status(self) -> str:
        """The last line in words; "" before the first."""
        told = [line for line in self.lines if line.startswith("STATUS=")]
        return told[-1].removeprefix("STATUS=") if told else ""

    async def run(self) -> None:
        """For ever."""
        while True:
            self._listen()
            if not self._site.children.alive(_NAME):
                status = self._site.children.status(_NAME)
                if status is not None:
                    self.ends.append(status)
                    self._life_s = None
                    if status == _NO_RESTART:
                        return
                    await asyncio.sleep(RESTART_S)
                    self._site.launch(_NAME)
                    self.lives += 1
            elif self._life_s is not None and self._watchdog_s is not None and (
                    time.monotonic() - self._life_s > self._watchdog_s):
                await self._abort()
            await asyncio.sleep(_LOOK_S)

    def close(self) -> None:
        """Nobody listens any more."""
        self._listener.close()
        for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC"):
            self._site.environment.pop(name, None)

    def _listen(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                line = self._listener.recv(4096).decode()
                self.lines.append(line)
                if line in ("READY=1", "WATCHDOG=1"):
                    self._life_s = time.monotonic()
                    self.fed_s.append(self._life_s)
                elif line == "STOPPING=1":
                    self._life_s = None

    async def _abort(self) -> None:
        self.aborted += 1
        self._life_s = None
        self._site.children.signal(_NAME, signal.SIGABRT)
        self._site.children.signal(_NAME, signal.SIGCONT)
        until_s = time.monotonic() + ABORT_S
        while self._site.children.alive(_NAME):
            if time.monotonic() > until_s:
                self._site.children.signal(_NAME, signal.SIGKILL)
            await asyncio.sleep(_LOOK_S)


@contextlib.asynccontextmanager
async def kept(site: VirtualSite, watchdog_s: float | None = None) -> AsyncIterator[Keeper]:
    """The controller of a running site, from its next start on: it is ended and started once."""
    keeper = Keeper(site, watchdog_s)
    await site.children.end(_NAME, hurry=True)
    await site.start(_NAME)
    task = asyncio.create_task(keeper.run())
    try:
        yield keeper
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        keeper.close()
