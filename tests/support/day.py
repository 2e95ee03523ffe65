"""A day at a site with three outlets, as it happens outside of the controller: it goes on while that
is dead. Cars, boards, contactors and meters; drivers who tap again if nothing happened; what has
reached the cloud. Plain values, so that it can be kept and gone on with.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
from bay import Bay
from world import PLAN as WORLD

from edge.controller.pilot import BoardFault, PilotState
from edge.controller.site import Circuit, Evse, SitePlan, Timers

NS = 1_000_000_000
STEP_S = 0.1
HOLD_S = 10.0  # failsafe current for so long without a heartbeat, then X1
MIDNIGHT_S = 1_022.0  # in the middle of the day, so to speak: of what was acknowledged, some is old
UTC_S = 1_795_305_600 - MIDNIGHT_S  # the wall clock when the monotonic one says 0; 2026-11-22
OVER = ("finished", "vacant", "awaiting_card")  # after a restart nobody remembers the last session

PLAN: SitePlan = msgspec.structs.replace(
    WORLD, circuits=(Circuit(id="grid", fuse_a=40), Circuit(id="row", fuse_a=25, parent="grid")),
    evses=tuple(msgspec.structs.replace(evse, meter_on_supply_side=True, max_a=32,
                                        phases=("L1", "L2", "L3")) for evse in WORLD.evses),
    timers=Timers(fault_off_s=2, min_off_s=1, sample_s=4, telemetry_s=5, receipt_s=3, replug_s=1,
                  raise_s=2, message_s=1, resume_s=3600, wake_after_s=0, stagger_s=3, meter_lost_s=4))

OLD_CARDS = {"anna": bytes.fromhex("04A10000000001"), "bert": bytes.fromhex("04A10000000002")}
NEW_CARDS = {"cleo": bytes.fromhex("04A10000000003"), "dora": bytes.fromhex("04A10000000004")}
CARDS = OLD_CARDS | NEW_CARDS


class DayBay(Bay):
    """A bay whose contactor is watched: how often it closed, and what flowed."""

    def __init__(self, evse: Evse) -> None:
        super().__init__(evse)
        self.closings = 0
        self.torn = False  # the next read of the register is a torn one
        self._was_closed = False

    def live(self, now_s: float, dt_s: float) -> None:
        if self.permit and now_s - self.renewed_at > HOLD_S:
            self.asked_a = 0.0
        super().live(now_s, dt_s)
        self.look()

    def look(self) -> None:
        """After anything that may have moved it."""
        self.closings += self.closed and not self._was_closed
        self._was_closed = self.closed

    @property
    def register_wh(self) -> int:
        return int(self.energy_wh)

    def mains(self) -> None:
        """The whole cabinet was without power for a moment."""
        self.relay = False
        self.reset()


class Visit(NamedTuple):
    """What somebody did: the register when he plugged in and when he left, and when."""

    who: str
    evse_id: str
    from_wh: int
    to_wh: int
    from_s: float
    to_s: float


@dataclass
class Driver:
    """Plugs in, taps until it charges, takes what he wants, and leaves by card or by pulling."""

    who: str
    evse_id: str
    arrives_s: float
    wants_wh: int
    pulls: bool = False
    state: str = "coming"
    from_wh: int = 0
    from_s: float = 0.0
    tapped_s: float = -100.0

    def live(self, day: "Day", phase: str | None) -> None:
        """`phase`: what the screen says; None: it is dark."""
        bay = day.bays[self.evse_id]
        if self.state == "coming":
            if day.now_s >= self.arrives_s and phase == "vacant" and bay.pilot is PilotState.A:
                bay.pilot, bay.plug_seq, bay.load_a = PilotState.B, bay.plug_seq + 1, 25.0
                self.state, self.from_wh, self.from_s = "here", bay.register_wh, day.now_s
        elif self.state == "here":
            self._charge(day, bay, phase)
        elif self.state == "stopping" and phase in OVER:
            self._leave(day, bay)
        elif self.state == "stopping" and phase not in ("stopping", "ending", None):
            self._tap(day)

    def _charge(self, day: "Day", bay: DayBay, phase: str | None) -> None:
        if bay.told_a and bay.pilot is PilotState.B:
            bay.pilot = PilotState.C
        if bay.register_wh - self.from_wh >= self.wants_wh:
            if self.pulls:
                self._leave(day, bay)
            else:
                self.state = "stopping"
        elif phase in ("awaiting_card", "finished"):
            self._tap(day)

    def _tap(self, day: "Day") -> None:
        if day.now_s - self.tapped_s >= 4:
            self.tapped_s = day.now_s
            day.taps.append((self.who, self.evse_id))

    def _leave(self, day: "Day", bay: DayBay) -> None:
        bay.pilot, bay.load_a, self.state = PilotState.A, 0.0, "gone"
        day.visits.append(Visit(self.who, self.evse_id, self.from_wh, bay.register_wh, self.from_s,
                                day.now_s))


def drivers() -> list[Driver]:
    """Three at once, and two who come when somebody has left."""
    return [Driver("anna", "1", 1001.0, 35),
            Driver("bert", "2", 1002.5, 45, pulls=True),
            Driver("cleo", "3", 1004.0, 30, pulls=True),
            Driver("dora", "1", 1020.0, 30),
            Driver("anna", "3", 1030.0, 15)]


@dataclass
class Day:
    """Everything but the controller. `boots`: how often there was one; `told`: rows in the cloud."""

    now_s: float = 1_000.0
    boots: int = 0
    bays: dict[str, DayBay] = field(default_factory=lambda: {e.id: DayBay(e) for e in PLAN.evses})
    drivers: list[Driver] = field(default_factory=drivers)
    visits: list[Visit] = field(default_factory=list)
    taps: list[tuple[str, str]] = field(default_factory=list)  # not read yet
    trips: int = 0
    listed: bool = False  # the new list of cards is written
    cloud: dict[str, list[tuple[int, str, bytes, str]]] = field(
        default_factory=lambda: {"tx": [], "ev": [], "tm": []})  # seq, type, data, hash
    computer: str = "computer-1"
    clock: tuple[tuple[float, float], ...] = ()  # from when on the wall clock is how far off
    mono_shift_ns: int = 0  # of the monotonic one: another start of the computer
    deaths: list[str] = field(default_factory=list)

    def live(self, phases: dict[str, str]) -> None:
        """A tenth of a second. `phases`: what the screens say; empty: they are dark."""
        self._script()
        for bay in self.bays.values():
            bay.live(self.now_s, STEP_S)
        for driver in self.drivers:
            driver.live(self, phases.get(driver.evse_id))

    def _script(self) -> None:
        """A residual current at bert's outlet, a meter that says nothing for a while."""
        bay = self.bays["2"]
        if not self.trips and bay.closed and bay.register_wh >= 10_020:
            bay.faults.add(BoardFault.RCD)
            self.trips += 1
        dora = self.drivers[3]
        here_s = self.now_s - dora.from_s
        self.bays["1"].meter_silent = dora.state == "here" and 4 < here_s < 11

    def away(self, seconds: float) -> None:
        """Time passes without a controller: nobody hears a tap, no screen shows anything."""
        for _ in range(round(seconds / STEP_S)):
            self.now_s += STEP_S
            self.live({})
            self.taps.clear()

    @property
    def over(self) -> bool:
        return all(driver.state == "gone" for driver in self.drivers)
