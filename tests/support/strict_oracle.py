"""What must hold over hours: rests of a contactor, hammering, limits, pauses, and whose each Wh is."""

from collections import defaultdict

import msgspec
from oracle import Judged
from world import NS

from edge.controller.effects import CloseContactor, Effect, OpenContactor
from edge.controller.events import CardPresented, GrantPassed, RequestReceived, Stamped
from edge.controller.session import Session
from edge.controller.state import Site

MIN_OFF_S, AFTER_FAULT_S = 5.0, 30.0
CLOSINGS, WINDOW_S = 6, 120.0  # the first one and five more; then it is held off
FAULTS = ("tripped", "cut")


class Strict(Judged):
    """A world that is watched more closely."""

    def __init__(self) -> None:
        self.last_open: dict[str, tuple[int, str]] = {}
        self.closings: dict[str, list[int]] = defaultdict(list)
        self.limits: dict[str, float] = {}
        self.paused: set[str] = set()
        self.metered: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
        super().__init__()

    def start(self) -> None:
        """Limits and pauses are kept; of rests and closings a controller knows its own only."""
        if self.batches:  # what had not reached the disk is gone, and may be one of these
            self.limits.clear()
            self.paused.clear()
        self.last_open.clear()
        self.closings.clear()
        super().start()

    def judge(self, before: Site, stamped: Stamped, effects: tuple[Effect, ...]) -> None:
        if isinstance(stamped.event, RequestReceived):
            self._asked(stamped.event, effects)
        if isinstance(stamped.event, GrantPassed) and before.outlets[stamped.event.evse_id].closing:
            self._closed(stamped.event.evse_id)
        for effect in effects:
            match effect:
                case OpenContactor():
                    self._opened_now(effect)
                case CloseContactor():
                    self._rested(effect.evse_id)
                    assert effect.evse_id not in self.paused, "closed while somebody pauses it"
        for session in (o.session for o in self.site.outlets.values()):
            if session is not None and session.stop_reason is not None:
                self.paused.discard(session.evse_id)
        for evse_id, cap_a in self.limits.items():
            if evse_id in self.bays:
                offered_a = self.site.outlets[evse_id].offer.current_a
                assert offered_a <= cap_a, f"{offered_a} A offered over a limit of {cap_a} A"
        self._counts_grow(before)
        super().judge(before, stamped, effects)

    def _opened_now(self, effect: OpenContactor) -> None:
        """Repeats of an opening say nothing of why it opened first."""
        kept_ns, why = self.last_open.get(effect.evse_id, (0, ""))
        again = why in FAULTS and self.now_ns - kept_ns <= 2 * NS
        self.last_open[effect.evse_id] = (kept_ns if again else self.now_ns,
                                          why if again else effect.reason)

    def _rested(self, evse_id: str) -> None:
        opened_ns, why = self.last_open.get(evse_id, (None, ""))
        if opened_ns is not None:
            rest_s = AFTER_FAULT_S if why in FAULTS else MIN_OFF_S
            assert self.now_ns - opened_ns >= rest_s * NS, f"closed {why} too soon"

    def _closed(self, evse_id: str) -> None:
        self.closings[evse_id] = [ns for ns in self.closings[evse_id]
                                  if self.now_ns - ns <= WINDOW_S * NS] + [self.now_ns]
        assert len(self.closings[evse_id]) <= CLOSINGS, "hammering"

    def _asked(self, event: RequestReceived, effects: tuple[Effect, ...]) -> None:
        request = event.request
        if any(getattr(e, "refusal", None) is not None for e in effects):
            return
        where = msgspec.json.decode(request.args.get("evse_id", request.args.get("where", b"null")))
        match request.action:
            case "limit.set":
                self.limits.pop(where, None)
                amps = msgspec.json.decode(request.args["current_a"])
                if amps is not None and "ttl_s" not in request.args:
                    self.limits[where] = amps
            case "session.pause":
                self.paused.add(where)
            case "session.resume" | "session.stop":
                self.paused.discard(where)

    def _counts_grow(self, before: Site) -> None:
        for key, tally in before.tallies.items():
            assert self.site.tallies[key].count >= tally.count, "a tally went back"

    def judge_price(self, session: Session) -> None:
        """Consecutive sessions of a meter own every Wh at most once."""
        super().judge_price(session)
        if session.start_reading is None or session.end_reading is None:
            return
        for span in session.spans:
            for begun, ended, transaction in self.metered[session.meter_id]:
                mine = transaction == session.transaction_id
                assert mine or span.to_wh <= begun or span.from_wh >= ended, "a Wh that two own"
            self.metered[session.meter_id].append((span.from_wh, span.to_wh, session.transaction_id))

    def replay(self, stamped: Stamped) -> None:
        """Something that was handed in before comes in again, now."""
        if not isinstance(stamped.event, RequestReceived | CardPresented):
            self.feed(stamped.event)
