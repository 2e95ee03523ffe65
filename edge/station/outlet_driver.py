"""One outlet between the core and its devices: pilot board over the bus, relay and mirror by GPIO.

Polls ten times a second while a car is there, and hands in what changed; carries commands out.
Taking power never waits: the relay drops in the call, the frame that revokes the grant overtakes
everything on the line.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Protocol

import msgspec

from edge.controller.events import BoardLost, Event, OutletSeen
from edge.controller.pilot import BoardStatus, PilotState
from edge.controller.trouble import BadAnswer, DeviceError, DeviceTimeout
from edge.outlet.opening import drop, open_in_order
from edge.outlet.settings import BoardSettings
from edge.station import trace

POLL_S = 0.1
VACANT_POLL_S = 0.5  # nobody is there: spares the line, and the processor
REPORT_S = 1.0
LOST_S = 3.0
OPEN_TRIES = 5
RELAY_S = 0.9  # the relay follows PERMIT at most 1 s later, and a call takes its time
CLOCK_S = 3600.0  # a board's own clock strays by some seconds a day

log = logging.getLogger(__name__)


class BoardPort(Protocol):
    """The pilot board. Every method raises `DeviceError`."""

    async def poll(self) -> BoardStatus: ...

    async def offer(self, current_a: float) -> None: ...

    async def withdraw(self) -> None: ...

    async def grant(self, current_a: float, grant_s: float) -> None: ...

    async def renew(self, current_a: float, grant_s: float) -> None: ...

    async def revoke(self) -> None: ...

    async def wake(self, pulse_ms: int) -> None: ...

    async def acknowledge(self, fault_seq: int) -> None: ...

    async def configure(self, settings: BoardSettings) -> None: ...

    async def tell_clock(self, utc_s: int) -> None: ...


class ContactorPort(Protocol):
    """The Pi's relay and mirror input."""

    def set(self, on: bool) -> None: ...

    def coil_on(self) -> bool: ...

    def mirror_closed(self) -> bool: ...


class OutletDriver:
    """Belongs to one loop. `spawn` starts a task whose failure is the station's failure."""

    def __init__(self, evse_id: str, board: BoardPort, contactor: ContactorPort, *,
                 settings: BoardSettings, hand_in: Callable[[Event], None],
                 clock_ns: Callable[[], int], utc_s: Callable[[], int | None],
                 spawn: Callable[[Coroutine[None, None, None]], object]) -> None:
        """`utc_s`: seconds since 1970, None while the wall clock is not to be believed."""
        self.evse_id, self.board, self.contactor = evse_id, board, contactor
        self._settings, self._hand_in = settings, hand_in
        self._clock_ns, self._utc_s, self._spawn = clock_ns, utc_s, spawn
        self._last: OutletSeen | None = None
        self._reported_ns = 0
        self._well_ns = clock_ns()
        self._boot_count: int | None = None
        self._dated_ns: int | None = None  # when the board was told the time; None: it has to be
        self._word = 0  # of the board's offer: the latest is not undone by repeating an older one
        self._permit_ns = 0  # when a poll that saw PERMIT on was sent, the last one
        self._opening = asyncio.Lock()  # an opening in order is under way
        self._hurries = 0  # urgent openings
        self._unread: set[str] = set()  # lines that could not be read
        self._safe = False  # for good: the controller ends
        self.looked = asyncio.Event()  # the first poll ended, well or not

    async def run(self) -> None:
        """Poll for ever."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            await self._poll()
            self.looked.set()
            due = max(due + (VACANT_POLL_S if self._vacant() else POLL_S), loop.time())
            await asyncio.sleep(due - loop.time())

    def _vacant(self) -> bool:
        return (self._last is not None and self._last.board.pilot is PilotState.A
                and not self._last.relay_on)

    async def _poll(self) -> None:
        try:
            status = await self.board.poll()
            if status.boot_count != self._boot_count:
                await self.board.configure(self._settings)
                self._boot_count, self._dated_ns = status.boot_count, None
        except DeviceError as error:
            if self._clock_ns() - self._well_ns >= LOST_S * 1e9:
                self._lost(str(error))
            return
        self._well_ns = self._clock_ns()
        if status.permit:
            self._permit_ns = status.mono_ns
        self._report(OutletSeen(evse_id=self.evse_id, board=status, relay_on=self._coil_on(),
                                pi_mirror_closed=self._mirror_closed()))
        self._tell_clock()

    def _tell_clock(self) -> None:
        """After each start of the board and once an hour; what fails is told again next hour."""
        if self._dated_ns is not None and self._clock_ns() - self._dated_ns < CLOCK_S * 1e9:
            return
        utc_s = self._utc_s()
        if utc_s is not None:
            self._dated_ns = self._clock_ns()
            self._spawn(self._once(self.board.tell_clock(utc_s), "tell the time"))

    def _lost(self, error: str) -> None:
        if self._clock_ns() - self._reported_ns < REPORT_S * 1e9 and self._last is None:
            return
        self._last, self._reported_ns = None, self._clock_ns()
        self._hand_in(BoardLost(evse_id=self.evse_id, error=error, relay_on=self._coil_on(),
                                pi_mirror_closed=self._mirror_closed()))

    def _coil_on(self) -> bool:
        """A line that cannot be read counts as on: the core then opens what nothing explains."""
        level = self._level(self.contactor.coil_on, "relay")
        return level is None or level

    def _mirror_closed(self) -> bool | None:
        return self._level(self.contactor.mirror_closed, "mirror")

    def _level(self, read: Callable[[], bool], what: str) -> bool | None:
        """None: unknown. To the log once, not ten times a second."""
        try:
            level = read()
        except DeviceError as error:
            if what not in self._unread:
                log.error("evse %s: %s unknown: %s", self.evse_id, what, error)
            self._unread.add(what)
            return None
        self._unread.discard(what)
        return level

    def _report(self, seen: OutletSeen) -> None:
        """Once a second, and whenever something changed that anybody decides by."""
        due = self._clock_ns() - self._reported_ns >= REPORT_S * 1e9
        if due or self._last is None or _essence(seen) != _essence(self._last):
            self._last, self._reported_ns = seen, self._clock_ns()
            self._hand_in(seen)

    # what takes power: the relay in the call, the frame as a task
    def open(self, reason: str, *, urgent: bool = True) -> None:
        """Relay off now; then the grant is revoked, again until the board has understood.

        Not urgent: the one that the board names opens first, and proves so that it can.
        """
        if urgent:
            self._hurries += 1
            drop(self.contactor)
            self._last = None
            self._spawn(self._again(self.board.revoke, f"revoke ({reason})", lambda: True))
        else:
            self._spawn(self._open_in_order(reason))

    async def _open_in_order(self, reason: str) -> None:
        hurries = self._hurries
        async with self._opening:
            seen = None if self._last is None else self._last.board
            fell = seen is not None and not seen.permit  # so the board was first
            understood = await open_in_order(
                self.board, self.contactor, pi_first=seen is not None and seen.pi_first and not fell,
                left_s=self._left_s() if fell else None,
                suspect_s=self._settings.weld_suspect_ms / 1000,
                overtaken=lambda: self._hurries != hurries)
        self._last = None
        if not understood:
            await self._again(self.board.revoke, f"revoke ({reason})", lambda: True)

    def _left_s(self) -> float:
        """How long the relay may stay on, by the last poll that saw PERMIT."""
        return max(0.0, RELAY_S - (self._clock_ns() - self._permit_ns) / 1e9)

    def lower(self, current_a: float) -> None:
        self._spawn(self._again(lambda: self.board.offer(current_a), f"lower to {current_a:g} A",
                                self._last_word()))

    def withdraw(self) -> None:
        self._spawn(self._again(self.board.withdraw, "withdraw", self._last_word()))

    def _last_word(self) -> Callable[[], bool]:
        """Whether what is said of the offer now is still the latest."""
        self._word = word = self._word + 1
        return lambda: self._word == word

    async def _again(self, send: Callable[[], Coroutine[None, None, None]], what: str,
                     holds: Callable[[], bool]) -> None:
        """Resends; beyond that the core sees that the board did not follow and tells it again."""
        for attempt in range(OPEN_TRIES):
            if not holds():
                return
            try:
                await send()
                return
            except DeviceError as error:
                log.warning("evse %s: %s, try %d of %d: %s", self.evse_id, what, attempt + 1,
                            OPEN_TRIES, error)
                await asyncio.sleep(0.05)

    def renew(self, current_a: float, grant_s: float) -> None:
        self._spawn(self._renew(current_a, grant_s))

    async def _renew(self, current_a: float, grant_s: float) -> None:
        """Again at once if the frame was lost: of those that come each second few may fail in a row."""
        try:
            await self.board.renew(current_a, grant_s)
        except (DeviceTimeout, BadAnswer) as error:
            log.info("evse %s: renew, once more: %s", self.evse_id, error)
            await self._once(self.board.renew(current_a, grant_s), "renew")
        except DeviceError as error:
            log.warning("evse %s: renew: %s", self.evse_id, error)

    def wake(self, pulse_s: float) -> None:
        """State F for so long, once; the board refuses it unless a car rests. Ends the offer."""
        self._last_word()
        self._spawn(self._once(self.board.wake(round(pulse_s * 1000)), "wake the car"))

    def acknowledge(self, fault_seq: int) -> None:
        self._spawn(self._once(self.board.acknowledge(fault_seq), "acknowledge"))

    async def _once(self, send: Coroutine[None, None, None], what: str) -> None:
        try:
            await send
        except DeviceError as error:
            log.warning("evse %s: %s: %s", self.evse_id, what, error)

    # what grants power: waits for its frame, and looks again before the relay moves
    async def offer(self, current_a: float) -> None:
        """Raises `DeviceError`; the core tells it again."""
        self._last_word()
        await self.board.offer(current_a)

    async def close(self, current_a: float, grant_s: float, wanted: Callable[[], bool]) -> None:
        """Grant to the board, then the Pi's relay; both taken back if nobody wants it any more."""
        async with self._opening:
            pass  # what opens in order has some tenths of a second to go
        try:
            await self.board.grant(current_a, grant_s)
        except DeviceError:
            drop(self.contactor)
            if not wanted():  # a revocation may have overtaken a grant whose answer was lost
                self.open("not wanted any more")
            raise
        trace.mark("granted", self.evse_id)
        if wanted() and not self._safe:
            self.contactor.set(True)
            self._last = None
        else:
            self.open("not wanted any more")

    def make_safe(self) -> None:
        """The relay off, whatever else is broken; a grant that is under way does not close it again."""
        self._safe = True
        self.contactor.set(False)


def _essence(seen: OutletSeen) -> OutletSeen:
    """Without what changes with every poll and decides nothing."""
    board = msgspec.structs.replace(
        seen.board, mono_ns=0, cp_high_mv=0, cp_low_mv=0, temperature_c=None)
    return msgspec.structs.replace(seen, board=board)
