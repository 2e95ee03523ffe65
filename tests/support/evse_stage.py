"""One EVSE on a stage: what surrounds the pure core in the exhaustive exploration, in its barest form.

Nothing here obeys by itself but an opening: every event says what it says, whatever the core wished, so
that absurd sequences are played like good ones. `evse_judge.py` judges each step, `explorer.py` plays.
"""

import copy
from collections.abc import Callable

import msgspec

from edge.controller.core import step
from edge.controller.effects import (
    AnswerRequest,
    CloseContactor,
    Effect,
    LowerCurrent,
    OfferCurrent,
    OpenContactor,
    PriceSession,
    ReadMeter,
    Record,
    SaveSession,
    WithdrawOffer,
)
from edge.controller.events import (
    BoardLost,
    CardPresented,
    Event,
    GrantFailed,
    GrantPassed,
    Header,
    JournalStalled,
    JournalWell,
    MeterLost,
    OutletFound,
    OutletSeen,
    ReadingTaken,
    RequestReceived,
    SessionPriced,
    SessionRestored,
    Stamped,
    Started,
    Tick,
)
from edge.controller.idtoken import IdToken, Level, TokenRecord
from edge.controller.pilot import BoardFault, BoardStatus, PilotState
from edge.controller.reading import PerPhase, Quality, Reading, ReadingContext
from edge.controller.request import Origin, Request
from edge.controller.session import Session
from edge.controller.site import Circuit, Evse, SitePlan, Timers
from edge.controller.state import Outlet, Site, initial

NS = 1_000_000_000
MS = 1_000_000
EVSE, METER = "1", "m1"
ANNA, BERT = (TokenRecord(token=IdToken(ref=name * 32, last4="5E80")) for name in "ab")
#: Rows that are due once in a while tell nothing of safety and would multiply the moments.
QUIET = Timers(telemetry_s=1e9, sample_s=1e9)

#: What relay, PERMIT, the Pi's and the board's mirror input say.
COPPER: dict[str, tuple[bool, bool, bool | None, bool | None]] = {
    "open": (False, False, False, False),
    "closed": (True, True, True, True),
    "relay only": (True, False, False, False),
    "permit only": (False, True, False, False),
    "board sees closed": (True, True, False, True),
    "pi sees closed": (False, False, True, False),
    "welded": (False, False, True, True),
    "blind": (True, True, None, None),
}


def plan(**changes: object) -> SitePlan:
    """A site of one EVSE; `changes` to it."""
    evse = Evse(id=EVSE, label="", circuit="row", phases=("L1", "L2", "L3"), max_a=32, failsafe_a=6,
                meter_id=METER)
    return SitePlan(id="S", circuits=(Circuit(id="row", fuse_a=32),), timers=QUIET,
                    evses=(msgspec.structs.replace(evse, **changes),))


class Stage:
    """The core with one EVSE, the facts around it, and what a judge must remember; copied to branch."""

    judge: Callable[["Stage", Site, Event, tuple[Effect, ...]], None]

    def __init__(self, site_plan: SitePlan,
                 judge: Callable[["Stage", Site, Event, tuple[Effect, ...]], None]) -> None:
        self.plan, self.judge = site_plan, judge
        self.site: Site = initial(site_plan)
        self.now_ns, self.boot, self.count = 1_000 * NS, 0, 0
        # around the core
        self.pilot = PilotState.A
        self.copper = "open"
        self.pwm = True  # the duty follows what was told
        self.quirk = ""  # "no diode", "dark", "testing"
        self.fault: BoardFault | None = None
        self.plug_seq, self.boot_count = 0, 1
        self.told_a, self.current_a, self.wh = 0.0, 10.0, 1_000
        self.kept: dict[str, Session] = {}  # what the journal holds open
        self.unpriced: tuple[Session, ...] = ()
        # what a judge remembers
        self.rows: dict[str, int] = {}  # of each session that began: rows so far; -1 once ended
        self.seen: OutletSeen | None = None  # in this boot
        self.lost = False  # `BoardLost` since the last poll
        self.good_ns: int | None = None  # of the last good reading in this boot
        self.asked_start_ns: int | None = None
        self.rest_read = False  # the last good register was read while both mirrors said open
        self.start_read = False  # a register was read after it was asked for, in this session
        self.granted_ns: int | None = None
        self.opened_ns: int | None = None
        self.x1_ns: int | None = None  # closed by our wish, and nothing is offered since
        self.differ_ns: int | None = None
        self.stop_wanted = False
        self.asked = ""
        self.unplugged_ns: int | None = None
        self.start()

    def fork(self) -> "Stage":
        """A copy that may go another way."""
        other = copy.copy(self)
        other.kept, other.rows = dict(self.kept), dict(self.rows)
        return other

    @property
    def evse(self) -> Evse:
        return self.plan.evses[0]

    @property
    def outlet(self) -> Outlet:
        return self.site.outlets[EVSE]

    # events
    def feed(self, event: Event) -> None:
        self.count += 1
        at = Header(mono_ns=self.now_ns, boot=self.boot, fresh_id=f"{self.boot}-{self.count}",
                    utc="2026-11-21T10:00:00.000Z", clock_ok=True, random=0.5)
        before = self.site
        self.site, effects = step(before, Stamped(at=at, event=event))
        self._heed(effects)
        self.judge(self, before, event, effects)

    def _heed(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case OpenContactor():
                    self.opened_ns, self.granted_ns = self.now_ns, None
                    if self.copper in ("closed", "relay only", "permit only", "blind"):
                        self.copper = "open"
                case OfferCurrent() | LowerCurrent():
                    self.told_a = effect.current_a
                case WithdrawOffer():
                    self.told_a = 0.0
                case CloseContactor():
                    self.granted_ns = None
                case ReadMeter(context=ReadingContext.TRANSACTION_BEGIN):
                    self.asked_start_ns = self.now_ns
                case AnswerRequest(refusal=None):
                    self.stop_wanted = self.stop_wanted or self.asked == "session.stop"
                case PriceSession():
                    self.unpriced = (*self.unpriced, effect.session)
                case SaveSession(session=None):
                    self.kept.pop(effect.transaction_id, None)
                case SaveSession(session=session) if session is not None:
                    self.kept[effect.transaction_id] = session
                case Record() | _:
                    pass

    def start(self, *, mains: bool = False) -> None:
        """A start of the controller: what it kept, then what it found."""
        self.boot += 1
        self.site = initial(self.plan)
        self.seen, self.good_ns, self.lost = None, None, False
        self.granted_ns, self.opened_ns, self.x1_ns, self.differ_ns = None, None, None, None
        self.asked_start_ns, self.unplugged_ns, self.unpriced = None, None, ()
        self.stop_wanted = any(s.stop_reason is not None and not s.told
                               for s in self.kept.values())
        for session in list(self.kept.values()):
            self.start_read = session.start_reading is not None
            self.feed(SessionRestored(session=session))
        relay_on, _, pi_closed, _ = COPPER[self.copper]
        self.feed(OutletFound(evse_id=EVSE, relay_on=relay_on, pi_mirror_closed=pi_closed))
        self.feed(Started(software="test", mains_back=mains))

    def poll(self) -> None:
        self.lost = False
        relay_on, permit, pi_closed, board_closed = COPPER[self.copper]
        offered_a = self.told_a if self.pwm and self.pilot is not PilotState.A else 0.0
        board = BoardStatus(
            mono_ns=self.now_ns, pilot=self.pilot, pwm_on=offered_a > 0, offered_a=offered_a,
            permit=permit, mirror_closed=board_closed, request=relay_on,
            diode_ok=offered_a > 0 and self.quirk != "no diode", dark=self.quirk == "dark",
            testing=self.quirk == "testing", faults=(self.fault,) if self.fault else (),
            plug_seq=self.plug_seq, boot_count=self.boot_count)
        self.seen = OutletSeen(evse_id=EVSE, relay_on=relay_on, pi_mirror_closed=pi_closed,
                               board=board)
        self.feed(self.seen)

    def read(self, context: ReadingContext = ReadingContext.SAMPLE_PERIODIC,
             quality: Quality = Quality.GOOD) -> None:
        amps = self.current_a if COPPER[self.copper][3] else 0.0
        self.wh += 1
        if quality is Quality.GOOD:
            self.good_ns = self.now_ns
            self.rest_read = COPPER[self.copper] == COPPER["open"]
            began = self.asked_start_ns is not None and context is ReadingContext.TRANSACTION_BEGIN
            self.start_read = self.start_read or began
        self.feed(ReadingTaken(reading=Reading(
            meter_id=METER, mono_ns=self.now_ns, context=context, quality=quality,
            energy_import_wh=self.wh, power_w=amps * 690,
            current_a=PerPhase(L1=amps, L2=amps, L3=amps))))

    def ask(self, action: str, **args: object) -> None:
        self.asked = action
        self.feed(RequestReceived(request=Request(
            id="r", origin=Origin.SERVICE, action=action,
            args={k: msgspec.Raw(msgspec.json.encode(v)) for k, v in args.items()})))

    def let_pass(self, until_ns: int, *, polled: bool, metered: bool) -> None:
        """Time goes on to a moment, in strides that no poll and no reading may miss."""
        while self.now_ns < until_ns:
            self.now_ns = min(until_ns, self.now_ns + 2 * NS)
            if polled:
                self.poll()
            if metered:
                self.read()
            self.feed(Tick())


# --- the alphabet: each takes a stage that is its own

Happening = Callable[[Stage], None]


def pilot(state: PilotState) -> Happening:
    def happen(stage: Stage) -> None:
        if stage.pilot is PilotState.A and state in (PilotState.B, PilotState.C, PilotState.D):
            stage.plug_seq += 1
        stage.pilot = state
        stage.poll()
    return happen


def copper(name: str) -> Happening:
    def happen(stage: Stage) -> None:
        stage.copper = name
        stage.poll()
    return happen


def setting(**changes: object) -> Happening:
    def happen(stage: Stage) -> None:
        for name, value in changes.items():
            setattr(stage, name, value)
        stage.poll()
    return happen


def reading(context: ReadingContext = ReadingContext.SAMPLE_PERIODIC, quality: Quality = Quality.GOOD,
            current_a: float = 10.0) -> Happening:
    def happen(stage: Stage) -> None:
        stage.current_a = current_a
        stage.read(context, quality)
    return happen


def other_car(stage: Stage) -> None:
    stage.plug_seq += 1
    stage.poll()


def board_reset(stage: Stage) -> None:
    stage.boot_count, stage.plug_seq, stage.told_a = stage.boot_count + 1, 0, 0.0
    stage.poll()


def board_lost(*, relay_on: bool) -> Happening:
    def happen(stage: Stage) -> None:
        stage.lost = True
        stage.feed(BoardLost(evse_id=EVSE, error="silent", relay_on=relay_on,
                             pi_mirror_closed=relay_on))
    return happen


def tap(record: TokenRecord) -> Happening:
    return lambda stage: stage.feed(CardPresented(
        reader_id="front", evse_ids=(EVSE,), token=record.token, level=Level.UID, record=record))


def granted(stage: Stage) -> None:
    """The shell did as it was told, and both mirrors followed."""
    _granted(stage)
    if stage.outlet.closing:
        stage.copper = "closed"
        stage.now_ns += MS
        stage.poll()


def _granted(stage: Stage) -> None:
    if stage.outlet.closing:
        stage.granted_ns = stage.now_ns
    stage.feed(GrantPassed(evse_id=EVSE))


def priced(stage: Stage) -> None:
    for session in stage.unpriced:
        stage.feed(SessionPriced(evse_id=EVSE, transaction_id=session.transaction_id, currency="SEK",
                                 cdr=msgspec.Raw(b"{}"), total_incl_vat="1", total_excl_vat="1"))
    stage.unpriced = ()


def stop(stage: Stage) -> None:
    stage.ask("session.stop", evse_id=EVSE)


def acknowledge(stage: Stage) -> None:
    for fault in list(stage.site.faults.values()):
        stage.ask("fault.clear", code=fault.code.value, where=fault.where)


def mains_cut(stage: Stage) -> None:
    """Everything starts anew, with a monotonic clock that begins at nothing."""
    stage.boot_count, stage.plug_seq, stage.told_a = stage.boot_count + 1, 0, 0.0
    stage.copper = "welded" if stage.copper == "welded" else "open"
    stage.now_ns = 20 * NS + stage.boot  # two boots that look alike to the nanosecond are no two boots
    stage.start(mains=True)


def twice(stage: Stage) -> None:
    """The last poll comes in again, as it was."""
    if stage.seen is not None:
        stage.feed(stage.seen)


def old_poll(stage: Stage) -> None:
    """A poll of a car that charged well a minute ago comes in late."""
    if stage.seen is not None:
        old = msgspec.structs.replace(stage.seen.board, mono_ns=stage.now_ns - 60 * NS,
                                      pilot=PilotState.C, pwm_on=True, offered_a=16.0, permit=True)
        stage.feed(msgspec.structs.replace(stage.seen, board=old))


GENTLE: dict[str, Happening] = {
    "A": pilot(PilotState.A), "B": pilot(PilotState.B), "C": pilot(PilotState.C),
    "card": tap(ANNA),
    "start register": reading(ReadingContext.TRANSACTION_BEGIN),
    "reading": reading(),
    "granted": granted,
    "grant failed": lambda stage: stage.feed(GrantFailed(evse_id=EVSE, error="no")),
    "stop": stop,
    "residual current": setting(fault=BoardFault.RCD),
    "brown-out": setting(fault=BoardFault.BROWN_OUT),
    "no board fault": setting(fault=None),
    "acknowledge": acknowledge,
    "meter suspect": reading(quality=Quality.SUSPECT),
    "priced": priced,
    "killed": lambda stage: stage.start(),
}

WILD: dict[str, Happening] = {
    **GENTLE,
    **{state.value: pilot(state) for state in PilotState},
    **{name: copper(name) for name in COPPER},
    **{f"board says {fault}": setting(fault=fault) for fault in (
        BoardFault.DIODE, BoardFault.WELD, BoardFault.PROXIMITY, BoardFault.EMERGENCY_STOP,
        BoardFault.MEMORY)},
    "no pwm": setting(pwm=False), "pwm": setting(pwm=True),
    "no diode": setting(quirk="no diode"), "dark": setting(quirk="dark"),
    "testing": setting(quirk="testing"), "no quirk": setting(quirk=""),
    "other car": other_car, "board reset": board_reset,
    "board lost, relay on": board_lost(relay_on=True), "board lost": board_lost(relay_on=False),
    "end register": reading(ReadingContext.TRANSACTION_END, current_a=0.0),
    "draws nothing": reading(current_a=0.0), "draws too much": reading(current_a=40.0),
    "meter lost": lambda stage: stage.feed(MeterLost(meter_id=METER, error="silent")),
    "other card": tap(BERT),
    "grant passed": _granted,
    "journal stalled": lambda stage: stage.feed(JournalStalled(error="slow")),
    "journal well": lambda stage: stage.feed(JournalWell()),
    "nowhere": lambda stage: stage.feed(ReadingTaken(reading=Reading(meter_id="nowhere", mono_ns=-1))),
    "no register": lambda stage: stage.feed(ReadingTaken(reading=Reading(
        meter_id=METER, mono_ns=stage.now_ns, power_w=1.0))),
    "no numbers": lambda stage: stage.feed(ReadingTaken(reading=Reading(
        meter_id=METER, mono_ns=stage.now_ns, energy_import_wh=stage.wh, power_w=float("nan")))),
    "a reading of tomorrow": lambda stage: stage.feed(ReadingTaken(reading=Reading(
        meter_id=METER, mono_ns=stage.now_ns + 86_400 * NS, energy_import_wh=stage.wh))),
    "an old reading": lambda stage: stage.feed(ReadingTaken(reading=Reading(
        meter_id=METER, mono_ns=stage.now_ns - 60 * NS, energy_import_wh=stage.wh))),
    "twice": twice, "an old poll": old_poll,
    "nobody": lambda stage: stage.feed(BoardLost(evse_id="nobody", error="?")),
    "tick": lambda stage: stage.feed(Tick()),
    "mains cut": mains_cut,
}
