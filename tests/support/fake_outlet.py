"""An outlet's devices at the station's ports: a pilot board that can hang or fail, and a relay."""

import asyncio
from collections.abc import Callable, Coroutine

from virtual_time import now_ns

from edge.controller.pilot import BoardFault, BoardStatus, PilotState
from edge.controller.trouble import DeviceRefused, DeviceTimeout
from edge.outlet.settings import BoardSettings


class FakeBoard:
    """Obeys at once, unless `fails` (so many frames) or `gate` (until it is set) say otherwise."""

    def __init__(self, log: list[str] | None = None) -> None:
        self.log = [] if log is None else log
        self.fails = 0
        self.silent = False
        self.gates: dict[str, asyncio.Event] = {}
        self.permit = False
        self.offered_a = 0.0
        self.boot_count = 1
        self.pilot = PilotState.B
        self.pi_first = False
        self.mirror_closed = False
        self.faults: tuple[BoardFault, ...] = ()
        self.settings: list[BoardSettings] = []
        self.told_utc_s: list[int] = []

    async def _frame(self, what: str) -> None:
        await asyncio.sleep(0.01)
        gate = self.gates.get(what.partition(" ")[0])
        if gate is not None:
            await gate.wait()
        if self.silent or self.fails > 0:
            self.fails -= 1
            raise DeviceTimeout(what, where="board", got="nothing", expected="an answer")
        self.log.append(what)

    async def poll(self) -> BoardStatus:
        sent_ns = now_ns()
        await asyncio.sleep(0.01)
        if self.silent:
            raise DeviceTimeout("poll", where="board", got="nothing", expected="an answer")
        return BoardStatus(mono_ns=sent_ns, pilot=self.pilot, permit=self.permit,
                           offered_a=self.offered_a, pwm_on=self.offered_a > 0,
                           mirror_closed=self.mirror_closed, boot_count=self.boot_count,
                           pi_first=self.pi_first, faults=self.faults)

    async def offer(self, current_a: float) -> None:
        await self._frame(f"offer {current_a:g}")
        self.offered_a = current_a

    async def withdraw(self) -> None:
        await self._frame("withdraw")
        self.offered_a = 0.0

    async def grant(self, current_a: float, grant_s: float) -> None:
        await self._frame(f"grant {current_a:g}")
        self.permit = True

    async def renew(self, current_a: float, grant_s: float) -> None:
        await self._frame(f"renew {current_a:g}")

    async def revoke(self) -> None:
        await self._frame("revoke")
        self.permit = False

    async def wake(self, pulse_ms: int) -> None:
        await self._frame(f"wake {pulse_ms}")
        self.offered_a = 0.0

    async def acknowledge(self, fault_seq: int) -> None:
        await self._frame(f"acknowledge {fault_seq}")

    async def configure(self, settings: BoardSettings) -> None:
        self.settings.append(settings)

    async def tell_clock(self, utc_s: int) -> None:
        await self._frame("clock")
        self.told_utc_s.append(utc_s)


class FakeContactor:
    """The Pi's relay. `moves` is every level that was written."""

    def __init__(self, log: list[str] | None = None) -> None:
        self.log = [] if log is None else log
        self.on = False
        self.unreadable = self.unwritable = False

    def set(self, on: bool) -> None:
        if self.unwritable:
            raise DeviceRefused("write", where="GPIO", got="an error", expected="the line to obey")
        self.log.append("relay on" if on else "relay off")
        self.on = on

    def coil_on(self) -> bool:
        self._look()
        return self.on

    def mirror_closed(self) -> bool:
        self._look()
        return False

    def _look(self) -> None:
        if self.unreadable:
            raise DeviceRefused("read", where="GPIO", got="an error", expected="a level")


class Tasks:
    """The station's `spawn`: keeps what runs, and what a task died of."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self.failures: list[BaseException] = []

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failures.append(error)

    async def stop(self) -> None:
        for task in tuple(self._running):
            task.cancel()
        await asyncio.sleep(0)


async def until(reached: Callable[[], bool], within_s: float = 60.0) -> None:
    """Let virtual time pass until it is so."""
    async with asyncio.timeout(within_s):
        while not reached():  # noqa: ASYNC110 what is waited for is in the fakes
            await asyncio.sleep(0.005)
