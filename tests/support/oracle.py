"""What must be true of every step of the core and of every tenth of a second of its world."""

import msgspec
from bay import Bay
from world import NS, World

from edge.controller.catalogue import CATALOGUE
from edge.controller.effects import (
    CloseContactor,
    Effect,
    LowerCurrent,
    OfferCurrent,
    OpenContactor,
    RaiseFault,
    Record,
    RenewGrant,
    WithdrawOffer,
)
from edge.controller.events import OutletSeen, ReadingTaken, Stamped
from edge.controller.faults import Stops
from edge.controller.phase import ENERGISED, Phase
from edge.controller.pilot import PilotState
from edge.controller.reading import Quality
from edge.controller.session import Session
from edge.controller.share import circuits_of
from edge.controller.state import Site

OPENS = {Stops.AT_ONCE, Stops.CUT}
FORBIDS = {Stops.AT_ONCE, Stops.CUT, Stops.PAUSE, Stops.ORDERLY}
EPSILON_A = 1e-6
PATIENCE_S = {Phase.ENDING: 30.5, Phase.STOPPING: 6.5, Phase.PAUSING: 6.5}


class Judged(World):
    """A world that is watched. An assertion fails at the first thing that must not be."""

    def __init__(self) -> None:
        super().__init__()
        self.last_seen: dict[str, OutletSeen] = {}
        self.last_good_ns: dict[str, int] = {}
        self.told: dict[str, float] = {}
        self.raised_ns: dict[str, int] = {}
        self.opened_ns: dict[str, int] = {}
        self.recorded: set[str] = set()  # transactions whose Started row was given to the disk
        self.since_ns: dict[tuple[str, str], int] = {}
        self.priced: dict[str, Session] = {}
        self.began_wh: dict[str, float] = {}
        self.closes = 0
        self.fuses = {
            (c.id, phase): (c.fuse_a, [e.id for e in self.plan.evses if phase in e.phases
                                       and c.id in circuits_of(self.plan, e)])
            for c in self.plan.circuits for phase in ("L1", "L2", "L3")}

    def start(self) -> None:
        self.told.clear()
        self.last_seen.clear()
        self.since_ns.clear()
        self.recorded = set(self.sessions)
        super().start()

    # one step
    def judge(self, before: Site, stamped: Stamped, effects: tuple[Effect, ...]) -> None:
        event = stamped.event
        if isinstance(event, OutletSeen):
            self.last_seen[event.evse_id] = event
        elif isinstance(event, ReadingTaken) and event.reading.quality is Quality.GOOD:
            self.last_good_ns[event.reading.meter_id] = self.now_ns
        for effect in effects:
            match effect:
                case Record(type="tx.event.v1"):
                    self._event_row(msgspec.json.decode(effect.data))
                case CloseContactor():
                    self._close_is_allowed(effect)
                case OfferCurrent() | LowerCurrent():
                    self._offer_is_allowed(effect)
                case OpenContactor():
                    self.opened_ns[effect.evse_id] = self.now_ns
                case RenewGrant():
                    assert self.site.outlets[effect.evse_id].granted_ns is not None
                case WithdrawOffer():
                    self.told[effect.evse_id] = 0.0
                case RaiseFault() if effect.fault.evse_id is not None:
                    self._fault_opens(effect, effects)
        self._opens_on_not_c(stamped, effects)
        self._state_is_sane()

    def _event_row(self, row: dict) -> None:  # type: ignore[type-arg]
        transaction = row["transactionInfo"]["transactionId"]
        if row["eventType"] == "Started":
            assert transaction not in self.recorded, "started twice"
            self.recorded.add(transaction)
            self.began_wh[transaction] = self.bays[row["evse"]["customData"]["evseId"]].energy_wh
        assert transaction in self.recorded
        assert row["eventType"] == "Ended" or "stoppedReason" not in row["transactionInfo"]

    def _close_is_allowed(self, effect: CloseContactor) -> None:
        self.closes += 1
        outlet, seen = self.site.outlets[effect.evse_id], self.last_seen[effect.evse_id]
        evse = self.bays[effect.evse_id].evse
        session = outlet.session
        assert session is not None and session.transaction_id in self.recorded, "no record"
        assert seen.board.pilot is PilotState.C and seen.board.diode_ok and seen.board.pwm_on
        assert seen.board.plug_seq == session.plug_seq, "another car"
        assert not seen.relay_on and seen.pi_mirror_closed is False
        assert seen.board.mirror_closed is False
        assert self.now_ns - seen.board.mono_ns <= 4 * NS, "a stale look"
        assert 6 <= effect.current_a <= evse.max_a
        if evse.meter_on_supply_side:
            assert session.start_reading is not None
            assert self.now_ns - self.last_good_ns[evse.meter_id] <= 10 * NS, "a stale meter"
        for fault in self.site.faults.values():
            assert fault.evse_id != effect.evse_id or CATALOGUE[fault.code].stops not in FORBIDS
        assert session.stop_reason is None and outlet.stop is None

    def _offer_is_allowed(self, effect: OfferCurrent | LowerCurrent) -> None:
        evse_id, current_a = effect.evse_id, effect.current_a
        bay, told = self.bays[evse_id], self.site.outlets[evse_id].offer.current_a
        assert 6 <= current_a <= min(bay.evse.max_a, self.last_seen[evse_id].board.proximity_a or 80)
        assert self.site.outlets[evse_id].session is not None, "an offer to nobody"
        assert told == current_a
        last = self.told.get(evse_id, 0.0)
        if isinstance(effect, LowerCurrent):
            assert current_a <= last or evse_id not in self.told
        elif current_a > last > 0:
            since_ns = self.now_ns - self.raised_ns.get(evse_id, 0)
            assert since_ns >= 5 * NS, f"raised after {since_ns / NS} s"
        if isinstance(effect, OfferCurrent):
            self.raised_ns[evse_id] = self.now_ns
        self.told[evse_id] = current_a

    def judge_price(self, session: Session) -> None:
        before = self.priced.get(session.transaction_id)
        assert before in (None, session), "priced twice, and differently"
        self.priced[session.transaction_id] = session
        assert session.ended is not None and session.stop_reason is not None
        assert session.energy_wh >= 0
        delivered = self.bays[session.evse_id].energy_wh - self.began_wh[session.transaction_id]
        assert session.energy_wh <= delivered + 1, "more than was delivered"
        starts = [p.energy_wh for p in session.periods]
        assert starts == sorted(starts)
        if session.began.boot == self.boot:  # else what was on no disk may be forgotten
            self._all_is_billed(session, self.bays[session.evse_id])

    def _all_is_billed(self, session: Session, bay: Bay) -> None:
        """But what flowed while no meter of the bay was known."""
        if session.start_wh is None or session.end_reading is None:
            assert not session.energy_wh
            return
        began_wh = bay.flowed_wh(session.start_wh)
        ended_wh = bay.flowed_wh(session.end_reading.energy_import_wh or 0)
        lost = [after - before for before, after in bay.nobodys_wh
                if after > began_wh and before < ended_wh]
        assert session.energy_wh >= ended_wh - began_wh - sum(lost), "less than was metered"

    def _fault_opens(self, effect: RaiseFault, effects: tuple[Effect, ...]) -> None:
        evse_id = effect.fault.evse_id
        if CATALOGUE[effect.fault.code].stops in OPENS and self.bays[evse_id].relay:
            assert self._opened(evse_id, effects), effect.fault

    def _opened(self, evse_id: str, effects: tuple[Effect, ...]) -> bool:
        return any(isinstance(e, OpenContactor) and e.evse_id == evse_id for e in effects) or (
            self.now_ns - self.opened_ns.get(evse_id, 0) < 1.5 * NS)

    def _opens_on_not_c(self, stamped: Stamped, effects: tuple[Effect, ...]) -> None:
        event = stamped.event
        if not isinstance(event, OutletSeen) or event.board.pilot is PilotState.C:
            return
        if event.board.pilot is PilotState.D and self.site.outlets[event.evse_id].phase == "stopping":
            return
        if event.relay_on or event.board.permit:
            assert self._opened(event.evse_id, effects), "not C, and not opened"

    def _state_is_sane(self) -> None:
        tokens = [o.session.token.ref for o in self.site.outlets.values() if o.session is not None]
        assert len(tokens) == len(set(tokens)), "one card, two sessions"
        for outlet in self.site.outlets.values():
            patience_s = PATIENCE_S.get(outlet.phase)
            assert patience_s is None or self.now_ns - outlet.since_ns <= patience_s * NS, outlet.phase
            idle = outlet.phase in ("vacant", "awaiting_card", "finished")
            assert (outlet.session is None) == idle, outlet.phase
            assert not outlet.closing or outlet.phase in (
                "closing", "charging", "pausing", "stopping"), outlet.phase

    def _not_longer(self, evse_id: str, what: str, now: bool, limit_s: float) -> None:
        if not now:
            self.since_ns.pop((evse_id, what), None)
            return
        since_ns = self.since_ns.setdefault((evse_id, what), self.now_ns)
        assert self.now_ns - since_ns <= limit_s * NS, f"{what} for more than {limit_s} s"

    # one tenth of a second
    def judge_world(self) -> None:
        for evse_id, bay in self.bays.items():
            outlet, here = self.site.outlets[evse_id], not bay.silent
            drops = bay.relay and bay.pilot not in (PilotState.C, PilotState.D)
            self._not_longer(evse_id, "the relay is on, the car does not ask", drops,
                             0.3 if here else 4)
            self._not_longer(evse_id, "PERMIT without a reason", here and bay.permit
                             and not self.lost_frames and outlet.phase not in ENERGISED, 3)
            named = any(f.evse_id == evse_id and CATALOGUE[f.code].stops is Stops.AT_ONCE
                        for f in self.site.faults.values())
            self._not_longer(evse_id, "closed against our will, and not named", here and bay.closed
                             and not bay.relay and not named, 3)
        needs = {evse_id: self._needs(bay) for evse_id, bay in self.bays.items()}
        if any(needs.values()):
            for fuse, (fuse_a, users) in self.fuses.items():
                used = sum(needs[evse_id] for evse_id in users)
                assert used <= fuse_a + EPSILON_A, (fuse, used)

    def _needs(self, bay: Bay) -> float:
        """What may be drawn, and what the core stands by. A weld is beyond anybody's offers.

        A board that cannot be told offers on behind an open contactor: nobody can draw that.
        """
        offered = bay.told_a if self.site.outlets[bay.evse.id].offer.current_a else 0.0
        return offered if bay.welded else max(offered, bay.drawn_a)

    # the whole story
    def judge_books(self) -> None:
        """Of every session that the disk knows: one start, one end, one price, no gap."""
        stories: dict[str, list[dict]] = {}  # type: ignore[type-arg]
        bills: list[str] = []
        for row in self.rows:
            data = msgspec.json.decode(row.data)
            if row.type == "tx.event.v1":
                stories.setdefault(data["transactionInfo"]["transactionId"], []).append(data)
            elif row.type == "tx.cdr.v1":
                assert stories[data["id"]][-1]["eventType"] == "Ended", "priced before its end"
                bills.append(data["id"])
        for transaction, story in stories.items():
            kinds = [row["eventType"] for row in story]
            assert kinds[0] == "Started" and kinds[-1] == "Ended", (transaction, kinds)
            assert kinds.count("Started") == kinds.count("Ended") == 1, (transaction, kinds)
            assert [row["seqNo"] for row in story] == list(range(len(story))), transaction
        assert sorted(bills) == sorted(stories), "one price for each session"
        assert not self.sessions, "nothing is kept that is closed"

    def everybody_leaves(self) -> None:
        """Every device is well and every car drives off: then nothing may be left over."""
        self.stall(False)
        self.lost_frames = 0
        for bay in self.bays.values():
            bay.silent = bay.dumb = bay.welded = bay.stuck_open = bay.mirror_lies = False
            bay.meter_silent = bay.meter_odd = False
            bay.diode = True
            bay.faults.clear()
            bay.pilot, bay.load_a = PilotState.A, 0.0
        for _ in range(22):
            self.wait(1)
            if all(o.phase == "vacant" for o in self.site.outlets.values()):
                break
        young_s = self.plan.timers.meter_lost_s - (self.now_ns - (self.site.started_ns or 0)) / NS
        self.wait(max(3, young_s + 1))  # so long a start keeps what stood before it
        for outlet in self.site.outlets.values():
            assert outlet.phase == "vacant" and outlet.session is None, (outlet.evse_id, outlet.phase)
            assert outlet.restored is None and outlet.stop is None
        assert not any(bay.relay or bay.permit or bay.told_a for bay in self.bays.values())
        self.judge_books()

