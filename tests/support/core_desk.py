"""A desk for the pure core: a site in virtual time, whose board, meter and mirrors obey at once."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from edge.controller.authorisation.card_policy import CardPolicy
from edge.controller.clockwork import text
from edge.controller.core import step
from edge.controller.effects import (
    AnswerRequest,
    CloseContactor,
    Effect,
    Keep,
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
    CardPresented,
    Event,
    GrantPassed,
    Header,
    OutletSeen,
    ReadingTaken,
    RequestReceived,
    SessionPriced,
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
ANNA = IdToken(ref="a" * 32, last4="5E80")
BERT = IdToken(ref="b" * 32, last4="1234")
CARL = IdToken(ref="c" * 32, last4="0C0C")
NOTHING: Mapping[str, object] = MappingProxyType({})
UTC_MS = 1_795_254_000_000  # 2026-11-21T09:40:00Z, when the monotonic clock of a desk says 0


def plan(evses: int = 2, fuse_a: float = 32, timers: Timers = Timers(),  # noqa: B008 (a value)
         cards: CardPolicy = CardPolicy(), **changes: object) -> SitePlan:  # noqa: B008
    return SitePlan(
        id="SE*FCT*E0001", timers=timers, cards=cards,
        circuits=(Circuit(id="grid", fuse_a=63), Circuit(id="row-a", fuse_a=fuse_a, parent="grid")),
        evses=tuple(Evse(id=str(n), label=f"Bay {n}", circuit="row-a", phases=("L1", "L2", "L3"),
                         max_a=32, failsafe_a=6, meter_id=f"bay-{n}", ordinal=n, **changes)  # type: ignore[arg-type]
                    for n in range(1, evses + 1)))


class Device:
    """The board, contactor and meter of one outlet, as they look from outside."""

    def __init__(self) -> None:
        self.pilot = PilotState.A
        self.pwm_on = False
        self.offered_a = 0.0
        self.permit = False
        self.relay = False
        self.welded = False
        self.stuck_open = False
        self.mirror: bool | None = None  # None: follows the contacts
        self.plug_seq = 0
        self.boot_count = 1
        self.faults: tuple[BoardFault, ...] = ()
        self.fault_seq = 0
        self.request = False  # stuck: what the board senses behind the relay
        self.dark = self.testing = self.waking = False
        self.diode = True
        self.wh = 1_000
        self.proximity_a: int | None = None
        self.meter_answers = True
        self.board_answers = True
        self.current_a = 0.0
        self.temperature_c: float | None = None  # no sensor

    @property
    def closed(self) -> bool:
        return self.welded or (self.relay and self.permit and not self.stuck_open)


class Desk:
    """Feeds events and obeys effects. `log` holds every effect in order, `rows` what was recorded."""

    def __init__(self, site_plan: SitePlan) -> None:
        self.site: Site = initial(site_plan)
        self.now_ns = 1_000 * NS
        self.boot = 1
        self.clock_ok = True
        self.utc_ms: int | None = UTC_MS  # the wall clock less the monotonic one; None: dead
        self.random = 0.0
        self.count = 0
        self.log: list[Effect] = []
        self.devices = {e.id: Device() for e in site_plan.evses}
        self.grants = True  # False: the journal does not commit, so nothing that grants passes
        self.sessions: dict[str, Session] = {}
        self.kept: dict[str, bytes] = {}
        self.feed(Started(software="test"))
        self.run(0.5)

    # time and events
    def feed(self, event: Event) -> tuple[Effect, ...]:
        self.count += 1
        utc = None if self.utc_ms is None else text(self.utc_ms + self.now_ns // 1_000_000)
        at = Header(mono_ns=self.now_ns, boot=self.boot, fresh_id=f"id-{self.count}", utc=utc,
                    clock_ok=self.clock_ok and utc is not None, random=self.random)
        before, stamped = self.site, Stamped(at=at, event=event)
        self.site, effects = step(before, stamped)
        self.took(before, stamped, effects)
        self.log.extend(effects)
        for effect in effects:
            self._obey(effect)
        return effects

    def took(self, before: Site, stamped: Stamped, effects: tuple[Effect, ...]) -> None:
        """Each step, for whoever wants to see it, before anything comes of it."""

    def run(self, seconds: float, step_s: float = 0.1) -> None:
        """Let time pass: poll every outlet, read every meter once a second, tick."""
        for _ in range(round(seconds / step_s)):
            self.now_ns += round(step_s * NS)
            for evse_id, device in self.devices.items():
                if device.board_answers:
                    self.poll(evse_id)
            if self.now_ns % NS < round(step_s * NS):
                for evse_id in self.devices:
                    self.read(evse_id)
            self.feed(Tick())

    def until(self, reached: Callable[[], bool], limit_s: float = 60) -> float:
        """Run until it is so; returns the seconds that it took."""
        start = self.now_ns
        while not reached():
            assert self.now_ns - start < limit_s * NS, "did not happen in virtual time"
            self.run(0.1)
        return (self.now_ns - start) / NS

    def poll(self, evse_id: str) -> None:
        d = self.devices[evse_id]
        mirror = d.closed if d.mirror is None else d.mirror
        board = BoardStatus(
            mono_ns=self.now_ns, pilot=d.pilot, pwm_on=d.pwm_on, offered_a=d.offered_a, permit=d.permit,
            mirror_closed=mirror, diode_ok=d.pwm_on and d.diode, faults=d.faults, plug_seq=d.plug_seq,
            boot_count=d.boot_count, proximity_a=d.proximity_a, fault_seq=d.fault_seq,
            request=d.request or d.relay, dark=d.dark, testing=d.testing, temperature_c=d.temperature_c,
            waking=d.waking)
        self.feed(OutletSeen(evse_id=evse_id, relay_on=d.relay, pi_mirror_closed=d.closed, board=board))

    def read(self, evse_id: str, context: ReadingContext = ReadingContext.SAMPLE_PERIODIC,
             quality: Quality = Quality.GOOD) -> None:
        d = self.devices[evse_id]
        if not d.meter_answers:
            return
        obeys_a = min(d.current_a, d.offered_a) if d.pwm_on else d.current_a
        amps = obeys_a if d.closed else 0.0
        self.feed(ReadingTaken(reading=Reading(
            meter_id=f"bay-{evse_id}", mono_ns=self.now_ns, context=context, quality=quality,
            energy_import_wh=d.wh, energy_raw=f"{d.wh:08x}", energy_scale="1", power_w=amps * 690,
            current_a=PerPhase(L1=amps, L2=amps, L3=amps))))

    # the world obeys
    def _obey(self, effect: Effect) -> None:
        match effect:
            case OpenContactor(evse_id=evse_id):
                self.devices[evse_id].relay = self.devices[evse_id].permit = False
            case WithdrawOffer(evse_id=evse_id):
                self.devices[evse_id].pwm_on, self.devices[evse_id].offered_a = False, 0.0
            case LowerCurrent(evse_id=evse_id, current_a=current_a):
                self.devices[evse_id].offered_a = current_a
            case OfferCurrent(evse_id=evse_id, current_a=current_a) if self.grants:
                self.devices[evse_id].pwm_on, self.devices[evse_id].offered_a = True, current_a
            case CloseContactor(evse_id=evse_id) if self.grants:
                self.devices[evse_id].relay = self.devices[evse_id].permit = True
                self.feed(GrantPassed(evse_id=evse_id))
            case ReadMeter(meter_id=meter_id, context=context):
                self.read(meter_id.removeprefix("bay-"), context)
            case SaveSession(transaction_id=transaction_id, session=session):
                if session is None:
                    self.sessions.pop(transaction_id, None)
                else:
                    self.sessions[transaction_id] = session
            case Keep(key=key, data=None):
                self.kept.pop(key, None)
            case Keep(key=key, data=data):
                self.kept[key] = bytes(data)
            case PriceSession(evse_id=evse_id, session=session):
                self.feed(SessionPriced(
                    evse_id=evse_id, transaction_id=session.transaction_id, currency="SEK",
                    cdr=msgspec.Raw(b'{"id":"%s"}' % session.transaction_id.encode()),
                    total_incl_vat="1.00", total_excl_vat="0.80", account=session.account))
            case _:
                pass

    # what a driver does
    def plug(self, evse_id: str = "1") -> None:
        d = self.devices[evse_id]
        d.pilot, d.plug_seq = PilotState.B, d.plug_seq + 1
        self.run(0.2)

    def tap(self, token: IdToken = ANNA, *, known: bool = True, level: Level = Level.UID,
            evse_ids: tuple[str, ...] | None = None, shown: Mapping[str, object] = NOTHING,
            **record: object) -> None:
        """`shown`: what else the event says; `record`: what the list says of the token."""
        self.feed(CardPresented(**{  # type: ignore[arg-type]
            "reader_id": "front", "evse_ids": evse_ids or tuple(self.devices), "token": token,
            "level": level, "record": TokenRecord(token=token, **record) if known else None,  # type: ignore[arg-type]
            **shown}))

    def present(self, token: IdToken, *, allowed: tuple[str, ...]) -> None:
        """A card that is good for some bays only, at a reader that serves all."""
        self.feed(CardPresented(
            reader_id="front", evse_ids=tuple(self.devices), token=token, level=Level.UID,
            record=TokenRecord(token=token, evse_ids=allowed)))

    def ask(self, evse_id: str = "1", current_a: float = 16.0) -> None:
        """The car closes S2 and draws."""
        self.devices[evse_id].pilot = PilotState.C
        self.devices[evse_id].current_a = current_a

    def rest(self, evse_id: str = "1") -> None:
        self.devices[evse_id].pilot = PilotState.B
        self.devices[evse_id].current_a = 0.0

    def bounce(self, evse_id: str = "1", away_s: float = 1.0) -> None:
        """The plug leaves, and a plug comes back: this one or another, the board cannot tell."""
        self.unplug(evse_id)
        self.run(away_s)
        self.devices[evse_id].pwm_on, self.devices[evse_id].offered_a = False, 0.0
        self.plug(evse_id)

    def request(self, action: str, origin: Origin = Origin.SERVICE, **args: object) -> str | None:
        """Returns the refusal."""
        answers = [e for e in self.feed(RequestReceived(request=Request(
            id="r", origin=origin, action=action,
            args={k: msgspec.Raw(msgspec.json.encode(v)) for k, v in args.items()})))
            if isinstance(e, AnswerRequest)]
        return answers[0].refusal

    def codes(self) -> set[str]:
        return {f.code.value for f in self.site.faults.values()}

    def states(self) -> list[str]:
        """The charging states of all rows, one after the other, without repetitions."""
        told = [r["transactionInfo"]["chargingState"] for r in self.rows("tx.event.v1")]
        return [now for n, now in enumerate(told) if n == 0 or now != told[n - 1]]

    def unplug(self, evse_id: str = "1") -> None:
        d = self.devices[evse_id]
        d.pilot, d.pwm_on, d.offered_a, d.current_a = PilotState.A, d.pwm_on, d.offered_a, 0.0

    def charge(self, evse_id: str = "1", token: IdToken = ANNA) -> None:
        """Everything up to a closed contactor."""
        self.plug(evse_id)
        self.tap(token)
        self.until(lambda: self.devices[evse_id].pwm_on)
        self.ask(evse_id)
        self.until(lambda: self.outlet(evse_id).phase == "charging")

    # what was seen
    def outlet(self, evse_id: str = "1") -> Outlet:
        return self.site.outlets[evse_id]

    def effects(self, kind: type[Effect]) -> list[Effect]:  # type: ignore[valid-type]
        return [e for e in self.log if isinstance(e, kind)]

    def rows(self, row_type: str) -> list[dict]:  # type: ignore[type-arg]
        return [msgspec.json.decode(e.data) for e in self.log
                if isinstance(e, Record) and e.type == row_type]

