"""A site in virtual time that does not obey at once: a disk, lost frames, boards with rules of their
own, cars with wills of their own. It shares no decision with the core; `oracle.py` judges what it sees.
"""

from collections import Counter

import msgspec
from bay import CAR_IN, LATCHED, Bay

from edge.controller import kept
from edge.controller.clockwork import text
from edge.controller.core import step
from edge.controller.effects import (
    AcknowledgeBoard,
    CloseContactor,
    Effect,
    Keep,
    LowerCurrent,
    OfferCurrent,
    OpenContactor,
    PriceSession,
    ReadMeter,
    Record,
    RenewGrant,
    SaveSession,
    WakeCar,
    WithdrawOffer,
)
from edge.controller.events import (
    BoardLost,
    Event,
    GrantFailed,
    GrantPassed,
    Header,
    JournalStalled,
    JournalWell,
    OutletFound,
    OutletSeen,
    ReadingTaken,
    SessionPriced,
    SessionRestored,
    Stamped,
    Started,
    Tick,
)
from edge.controller.pilot import BoardStatus, PilotState
from edge.controller.reading import PerPhase, Quality, Reading, ReadingContext
from edge.controller.session import Session
from edge.controller.site import Circuit, Evse, SitePlan
from edge.controller.state import Site, initial

NS = 1_000_000_000
UTC_MS = 1_795_254_000_000  # 2026-11-21T09:40:00Z, when the monotonic clock says 0
QUANTUM_S = 0.1
SLOW_S = 4.0

PLAN = SitePlan(
    id="SE*FCT*E0001",
    circuits=(Circuit(id="grid", fuse_a=40), Circuit(id="row", fuse_a=25, parent="grid")),
    evses=(
        Evse(id="1", label="", circuit="row", phases=("L1", "L2", "L3"), max_a=25, failsafe_a=6,
             meter_id="m1", ordinal=1),
        Evse(id="2", label="", circuit="row", phases=("L2", "L3", "L1"), max_a=16, failsafe_a=6,
             meter_id="m2", ordinal=2),
        Evse(id="3", label="", circuit="grid", phases=("L2",), max_a=32, failsafe_a=6,
             meter_id="m3", ordinal=3, meter_on_supply_side=False)))


class World:
    """Time goes on in tenths of a second. `seen` is told of every step and every tenth."""

    def __init__(self, plan: SitePlan = PLAN) -> None:
        self.plan = plan
        self.bays = {e.id: Bay(e) for e in plan.evses}
        self.now_ns = 1_000 * NS
        self.count, self.boot = 0, 0
        self.script: list[Stamped] = []  # of this boot
        self.site: Site = initial(plan)
        # the disk
        self.stalled = False
        self.batches: list[tuple[list[Record], dict[str, Session | None], list[Keep]]] = []
        self.rows: list[Record] = []
        self.sessions: dict[str, Session] = {}
        self.kept: dict[str, bytes] = {}
        # what was granted and waits
        self.grants: list[tuple[Effect, int, tuple[int, int]]] = []
        self.handed, self.committed = 0, 0
        self.taken: Counter[str] = Counter()
        self.lowered: Counter[str] = Counter()
        self.lost_frames = 0
        self.unseen_since: dict[str, int] = {}
        self._reported: dict[str, tuple[int, BoardStatus, bool, bool]] = {}

    @property
    def now_s(self) -> float:
        return self.now_ns / NS

    # events
    def feed(self, event: Event) -> None:
        self.count += 1
        at = Header(mono_ns=self.now_ns, boot=self.boot, fresh_id=f"id-{self.boot}-{self.count}",
                    utc=text(UTC_MS + self.now_ns // 1_000_000), clock_ok=True)
        stamped = Stamped(at=at, event=event)
        before = self.site
        self.site, effects = step(before, stamped)
        self.script.append(stamped)
        self.judge(before, stamped, effects)
        self._run(effects)

    def judge(self, before: Site, stamped: Stamped, effects: tuple[Effect, ...]) -> None:
        """Overridden by who judges."""

    def judge_price(self, session: Session) -> None:
        """Likewise, when a price is asked for: after the end is on the disk."""

    def judge_world(self) -> None:
        """Likewise, after every tenth of a second."""

    def start(self) -> None:
        """A boot of the controller: what was not on the disk is gone, the cabinet lives on."""
        self.boot += 1
        self.batches.clear()
        self.grants.clear()
        self._reported.clear()
        self.script.clear()
        self.handed = self.committed
        self.site = initial(self.plan)
        for bay in self.bays:
            self.unseen_since[bay] = self.now_ns
        for session in list(self.sessions.values()):
            if session.least_wh is not None and not session.told:
                self.bays[session.evse_id].resumed(session.least_wh)
            self.feed(SessionRestored(session=session))
        for key, body in self.kept.items():
            event = kept.restored(key, body)
            if event is not None:
                self.feed(event)
        for evse_id, bay in self.bays.items():
            self.feed(OutletFound(evse_id=evse_id, relay_on=bay.relay, pi_mirror_closed=bay.closed))
        self.feed(Started(software="test"))

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds / QUANTUM_S)):
            self._pass(QUANTUM_S)
            for evse_id in self.bays:
                self._poll(evse_id)
            tenth = self.now_ns * 10 // NS
            if tenth % 10 == 3:
                for bay in self.bays.values():
                    self.read(bay)
            if tenth % 3 == 0:
                self.feed(Tick())
            if not self.stalled:
                self.commit()
            self.judge_world()

    def _pass(self, seconds: float) -> None:
        self.now_ns += round(seconds * NS)
        for bay in self.bays.values():
            bay.live(self.now_s, seconds)

    def _poll(self, evse_id: str) -> None:
        bay = self.bays[evse_id]
        if bay.silent:
            silent_s = (self.now_ns - self.unseen_since[evse_id]) / NS
            if silent_s >= 3 and round(silent_s * 10) % 10 == 0:
                self._reported.pop(evse_id, None)
                self.feed(BoardLost(evse_id=evse_id, error="silent", relay_on=bay.relay,
                                    pi_mirror_closed=bay.closed))
            return
        self.unseen_since[evse_id] = self.now_ns
        status = bay.status(self.now_ns)
        essence = msgspec.structs.replace(status, mono_ns=0)
        at, *last = self._reported.get(evse_id, (0,))
        if last != [essence, bay.relay, bay.closed] or self.now_ns - at >= NS:
            self._reported[evse_id] = (self.now_ns, essence, bay.relay, bay.closed)
            self.feed(OutletSeen(evse_id=evse_id, board=status, relay_on=bay.relay,
                                 pi_mirror_closed=bay.closed))

    def read(self, bay: Bay, context: ReadingContext = ReadingContext.SAMPLE_PERIODIC) -> None:
        """The register in a tier of its own: carried for some seconds, unless it is asked for."""
        dead = not bay.evse.meter_on_supply_side and not bay.closed
        if bay.meter_silent or dead:
            bay.slow = None
            return
        brief = context is not ReadingContext.SAMPLE_PERIODIC
        if bay.slow is None or brief or bay.meter_odd or self.now_ns - bay.slow[1] >= SLOW_S * NS:
            bay.slow = bay.register_wh, self.now_ns
        wh, slow_ns = bay.slow
        carried = {} if slow_ns == self.now_ns else {"energy_mono_ns": slow_ns}
        if bay.anew_wh is not None and not bay.meter_odd:
            carried |= {"rebased_from_wh": bay.anew_wh, "rebased_why": "exchanged"}
            bay.anew_wh = None
            bay.nobodys_wh.append((bay.known_wh, bay.flowed_wh(wh)))
        if not bay.meter_odd:
            bay.known_wh = bay.flowed_wh(wh)
        amps = min(bay.load_a, bay.drawn_a) if bay.closed and bay.pilot is PilotState.C else 0.0
        phases = dict.fromkeys(("L1", "L2", "L3")[:len(bay.evse.phases)], amps)
        self.feed(ReadingTaken(reading=Reading(
            meter_id=bay.evse.meter_id, mono_ns=self.now_ns, context=context,
            quality=Quality.SUSPECT if bay.meter_odd else Quality.GOOD,
            energy_import_wh=0 if bay.meter_odd else wh, energy_raw=f"{wh:08x}", energy_scale="1",
            power_w=None if brief else amps * 230 * len(bay.evse.phases), **carried,
            current_a=PerPhase() if brief else PerPhase(**phases))))

    # the disk
    def stall(self, stalled: bool) -> None:
        if stalled != self.stalled:
            self.stalled = stalled
            self.feed(JournalStalled(error="slow") if stalled else JournalWell())

    def commit(self) -> None:
        for rows, sessions, values in self.batches:
            self.rows += rows
            for effect in values:
                if effect.data is None:
                    self.kept.pop(effect.key, None)
                else:
                    self.kept[effect.key] = bytes(effect.data)
            for key, session in sessions.items():
                if session is None:
                    self.sessions.pop(key, None)
                else:
                    self.sessions[key] = session
        self.batches.clear()
        self.committed = self.handed
        grants, self.grants = self.grants, []
        for effect, need, mark in grants:
            if need <= self.committed:
                self._grant(effect, mark)
            else:
                self.grants.append((effect, need, mark))

    # effects
    def _run(self, effects: tuple[Effect, ...]) -> None:
        rows = [e for e in effects if isinstance(e, Record)]
        sessions = {e.transaction_id: e.session for e in effects if isinstance(e, SaveSession)}
        values = [e for e in effects if isinstance(e, Keep)]
        if rows or sessions or values:
            self.handed += 1
            self.batches.append((rows, sessions, values))
        for effect in effects:
            if effect.GRANTS:
                self.grants.append((effect, self.handed, self._mark(effect)))
            else:
                self._now(effect)

    def _mark(self, effect: Effect) -> tuple[int, int]:
        evse_id = getattr(effect, "evse_id", "")
        return self.taken[evse_id], self.lowered[evse_id]

    def _lost(self, bay: Bay) -> bool:
        if bay.silent or self.lost_frames > 0:
            self.lost_frames = max(0, self.lost_frames - 1)
            return True
        return False

    def _now(self, effect: Effect) -> None:
        match effect:
            case OpenContactor(evse_id=evse_id):
                self.taken[evse_id] += 1
                bay = self.bays[evse_id]
                bay.relay = False
                self._reported.pop(evse_id, None)
                if not self._lost(bay):
                    bay.permit = False
            case WithdrawOffer(evse_id=evse_id):
                self.taken[evse_id] += 1
                if not self._lost(self.bays[evse_id]):
                    self.bays[evse_id].asked_a = 0.0
            case LowerCurrent(evse_id=evse_id, current_a=current_a):
                self.lowered[evse_id] += 1
                if not self._lost(self.bays[evse_id]):
                    self._offer(self.bays[evse_id], current_a)
            case WakeCar(evse_id=evse_id, pulse_s=pulse_s):
                bay = self.bays[evse_id]
                if bay.pilot is PilotState.B and not bay.permit and not self._lost(bay):
                    bay.f_until, bay.waking_until = self.now_s + pulse_s, self.now_s + pulse_s + 0.75
            case RenewGrant(evse_id=evse_id, current_a=current_a):
                bay = self.bays[evse_id]
                if bay.permit and not self._lost(bay):
                    bay.renewed_at = self.now_s
                    bay.asked_a = min(bay.asked_a, current_a) if current_a >= 6 else bay.asked_a
            case ReadMeter(meter_id=meter_id, context=context):
                self.read(next(b for b in self.bays.values() if b.evse.meter_id == meter_id), context)
            case AcknowledgeBoard(evse_id=evse_id):
                if not self._lost(self.bays[evse_id]):
                    self.bays[evse_id].faults -= LATCHED

    def _offer(self, bay: Bay, current_a: float) -> None:
        if bay.pilot in CAR_IN and not bay.faults:
            bay.asked_a = current_a
            bay._settle_offer(self.now_s)

    def _grant(self, effect: Effect, mark: tuple[int, int]) -> None:
        match effect:
            case OfferCurrent(evse_id=evse_id, current_a=current_a):
                if self._mark(effect) == mark and not self._lost(self.bays[evse_id]):
                    self._offer(self.bays[evse_id], current_a)
            case CloseContactor(evse_id=evse_id, current_a=current_a):
                if self.taken[evse_id] == mark[0]:
                    self._close(self.bays[evse_id], current_a)
            case PriceSession(evse_id=evse_id, session=session):
                self.judge_price(session)
                self.feed(SessionPriced(
                    evse_id=evse_id, transaction_id=session.transaction_id, currency="SEK",
                    cdr=msgspec.Raw(msgspec.json.encode({"id": session.transaction_id})),
                    total_incl_vat="1.00", total_excl_vat="0.80"))

    def _close(self, bay: Bay, current_a: float) -> None:
        refused = (bay.pilot is not PilotState.C or not bay.told_a or bay.faults or bay.closed
                   or not bay.diode or self.now_s < bay.waking_until)
        if self._lost(bay) or refused:
            self.feed(GrantFailed(evse_id=bay.evse.id, error="no"))
            return
        bay.permit, bay.renewed_at = True, self.now_s
        bay.asked_a = min(bay.asked_a, current_a)
        bay.relay = True
        self._reported.pop(bay.evse.id, None)
        self.feed(GrantPassed(evse_id=bay.evse.id))
