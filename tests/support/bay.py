"""One bay of a site in virtual time: board, contactor, meter and car, each with rules of its own.

It shares no decision with the core.
"""

from edge.controller.pilot import BoardFault, BoardStatus, PilotState
from edge.controller.site import Evse

GRANT_LIFE_S = 5.0
STOP_S = 6.0
RAISE_S = 5.02
CAR_IN = (PilotState.B, PilotState.C, PilotState.D)
LATCHED = {BoardFault.RCD, BoardFault.WELD, BoardFault.SELF_TEST, BoardFault.INTERLOCK_STUCK,
           BoardFault.RELAY_STUCK}


class Bay:
    """A pilot board, a contactor, a meter and whatever is plugged in."""

    def __init__(self, evse: Evse) -> None:
        self.evse = evse
        self.pilot = PilotState.A
        self.load_a = 0.0  # what the car would draw at most
        self.polite = True  # it opens S2 after X1
        self.diode = True
        self.proximity_a: int | None = None
        # the board
        self.silent = False
        self.dumb = False  # its interlock is broken: PERMIT never falls by itself
        self.permit = False
        self.asked_a = self.told_a = self.ceiling_a = 0.0
        self.changed_at = self.renewed_at = -100.0
        self.x1_at: float | None = None
        self.faults: set[BoardFault] = set()
        self.plug_seq, self.boot_count = 0, 1
        self.f_until, self.waking_until = -1.0, -1.0  # the pulse that wakes a car, and X1 after it
        self.now_s = 0.0
        # copper
        self.relay = self.welded = self.stuck_open = False
        self.mirror_lies = False
        # meter
        self.meter_silent = self.meter_odd = False
        self.energy_wh = 10_000.0  # that flowed, and so did what the first meter counted before
        self.exchanges, self.offset_wh, self.offsets_wh = 0, 0, [0]
        self.nobodys_wh: list[tuple[int, int]] = []  # from each meter's last reading to the next
        self.known_wh = self.register_wh  # that had flowed when a register was told last
        self.anew_wh: int | None = None  # a register of before, to which the acceptor compares
        self.slow: tuple[int, int] | None = None  # register and when it was read last

    @property
    def register_wh(self) -> int:
        """What the meter shows: of each that was put in, other numbers."""
        return int(self.energy_wh) + self.offset_wh

    def exchange(self) -> None:
        """Another meter, with a higher or a lower register."""
        self.anew_wh = self.register_wh if self.anew_wh is None else self.anew_wh
        self.exchanges, self.slow = self.exchanges + 1, None
        self.offset_wh = 10**9 * (7 * self.exchanges % 11) + 10**6 * self.exchanges
        self.offsets_wh.append(self.offset_wh)

    def resumed(self, least_wh: int) -> None:
        """Its acceptor after a restart: what it believed then, if that was of another meter."""
        if least_wh // 10**6 != self.register_wh // 10**6:
            self.anew_wh = least_wh

    def flowed_wh(self, register_wh: int) -> int:
        """What had flowed when a meter of this bay showed this."""
        return next(register_wh - offset_wh for offset_wh in self.offsets_wh
                    if 0 <= register_wh - offset_wh < 10**6)

    @property
    def closed(self) -> bool:
        return self.welded or (self.relay and self.permit and not self.stuck_open)

    @property
    def drawn_a(self) -> float:
        """What it may be drawing: the offer in force, or under X1 the last one while it is closed."""
        return (self.told_a or self.ceiling_a) if self.closed and self.pilot in CAR_IN else 0.0

    def reset(self) -> None:
        self.boot_count += 1
        self.plug_seq = 0
        self.permit, self.asked_a, self.told_a, self.x1_at = False, 0.0, 0.0, None

    def live(self, now_s: float, dt_s: float) -> None:
        """The board's own rules, the car's, and the meter's."""
        self.now_s = now_s
        if self.pilot not in CAR_IN or now_s < self.waking_until:
            self.asked_a = self.told_a = 0.0
        if self.permit and now_s - self.renewed_at > GRANT_LIFE_S:
            self.asked_a = min(self.asked_a, self.evse.failsafe_a)
        self._settle_offer(now_s)
        if self.told_a:
            self.x1_at = None
        elif self.permit:
            self.x1_at = now_s if self.x1_at is None else self.x1_at
            if now_s - self.x1_at >= STOP_S and not self.dumb:
                self.permit = False
            if self.polite and now_s - self.x1_at >= 1.0 and self.pilot is PilotState.C:
                self.pilot = PilotState.B
        if (self.pilot is not PilotState.C or self.faults) and not self.dumb:
            self.permit = False
        if self.closed and self.pilot is PilotState.C:
            amps = min(self.load_a, self.drawn_a)
            self.energy_wh += amps * 230 * len(self.evse.phases) * dt_s / 3600

    def _settle_offer(self, now_s: float) -> None:
        want = min(self.asked_a, self.proximity_a or 80)
        if self.faults:
            want = 0.0
        if want < 6:
            self.ceiling_a = self.told_a or self.ceiling_a
            self.told_a = 0.0
        elif want < self.told_a or self.told_a == 0 or now_s - self.changed_at >= RAISE_S:
            if want != self.told_a:
                self.changed_at = now_s
            self.told_a = want

    def status(self, now_ns: int) -> BoardStatus:
        return BoardStatus(
            mono_ns=now_ns, pilot=PilotState.F if self.now_s < self.f_until else self.pilot,
            waking=self.now_s < self.waking_until, pwm_on=self.told_a > 0, offered_a=self.told_a,
            permit=self.permit, mirror_closed=self.closed != self.mirror_lies,
            diode_ok=self.told_a > 0 and self.pilot in CAR_IN and self.diode,
            faults=tuple(sorted(self.faults)), plug_seq=self.plug_seq, boot_count=self.boot_count,
            proximity_a=self.proximity_a, request=self.relay)
