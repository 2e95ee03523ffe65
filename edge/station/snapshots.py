"""The core's state as screens and clients may see it: `Snapshot`, with prices put in."""

from typing import Protocol

from edge.controller.catalogue import CATALOGUE
from edge.controller.closing import is_open
from edge.controller.events import Header
from edge.controller.faults import Fault, Severity, Stops
from edge.controller.phase import LIVE, Phase
from edge.controller.session import Session
from edge.controller.site import Evse
from edge.controller.snapshot import (
    ChoiceView,
    EvseView,
    FaultView,
    PriceLine,
    Screen,
    SiteView,
    Snapshot,
    SyncView,
    WearView,
)
from edge.controller.state import Choice, Outlet, Site
from edge.controller.turn import fault_key
from edge.controller.wear import ContactorWear, worn_share

_SCREENS = {
    Phase.VACANT: Screen.AVAILABLE,
    Phase.AWAITING_CARD: Screen.TAP_CARD,
    Phase.READY: Screen.WAITING_FOR_CAR,
    Phase.PREPARING: Screen.CHECKING,
    Phase.CLOSING: Screen.CHECKING,
    Phase.CHARGING: Screen.CHARGING,
    Phase.PAUSING: Screen.PAUSED,
    Phase.PAUSED: Screen.PAUSED,
    Phase.REPLUG: Screen.REPLUG,
    Phase.STOPPING: Screen.STOPPING,
    Phase.ENDING: Screen.STOPPING,
    Phase.FINISHED: Screen.FINISHED,
}


class Prices(Protocol):
    """What billing says of a session that runs, and of the tariff now."""

    def cost_so_far(self, session: Session, at: Header) -> str | None: ...

    def lines(self, at: Header) -> tuple[PriceLine, ...]: ...


class Snapshots:
    """Counts and builds. Cheap enough to be called at 4 Hz."""

    def __init__(self, view: SiteView, prices: Prices) -> None:
        self._view, self._prices = view, prices
        self._seq = 0

    def take(self, site: Site, at: Header) -> Snapshot:
        """Everything as of `at`."""
        self._seq += 1
        price = self._prices.lines(at)
        waiting = {e for card in site.cards for e in card.evse_ids}
        reserved = {one.evse_id for one in site.reservations.values()}
        return Snapshot(
            seq=self._seq, mono_ns=at.mono_ns, utc=at.utc, clock_ok=at.clock_ok, site=self._view,
            evses=tuple(self._evse(site, evse, price, at, waiting=evse.id in waiting,
                                   reserved=evse.id in reserved) for evse in site.plan.evses),
            sync=SyncView(connected=bool(site.cloud_connected), last_ack_age_s=site.ack_age_s,
                          pending=site.pending),
            faults=tuple(_fault(site, f) for f in site.faults.values() if f.evse_id is None),
            choices=tuple(map(_choice, site.choices.values())))

    def _evse(self, site: Site, evse: Evse, price: tuple[PriceLine, ...], at: Header, *,
              waiting: bool, reserved: bool) -> EvseView:
        outlet = site.outlets[evse.id]
        session = outlet.session
        reading = site.readings.get(evse.meter_id)
        fresh = reading is not None and at.mono_ns - reading.mono_ns < (
            site.plan.timers.meter_lost_s * 1e9)
        faults = [f for f in site.faults.values() if f.concerns(evse.id)]
        live = outlet.phase in LIVE or outlet.phase in (Phase.STOPPING, Phase.ENDING)
        return EvseView(
            id=evse.id, label=evse.label, state=outlet.status or "Unavailable",
            screen=_screen(outlet, faults, waiting=waiting),
            charging_state=session.charging_state if session else None,
            offered_a=outlet.offer.current_a, because=outlet.offer.because,
            energy_wh=session.energy_wh if session else None,
            power_w=reading.power_w if live and fresh and reading is not None else None,
            cost_incl_vat=self._prices.cost_so_far(session, at) if session else None,
            duration_s=_duration_s(session, at), token_last4=session.token.last4 if session else None,
            token_level=int(session.token.level) if session else None, reserved=reserved,
            language=outlet.language, message=outlet.message,
            contactor_closed=None if outlet.pi_mirror_closed is None else not is_open(outlet),
            wear=_wear(evse, outlet.wear), price=price, receipt=outlet.receipt,
            faults=tuple(_fault(site, f) for f in faults))


def _choice(choice: Choice) -> ChoiceView:
    record = choice.card.record
    return ChoiceView(id=choice.id, reader_id=choice.reader_id, evse_ids=choice.evse_ids,
                      until_mono_ns=choice.until_ns, last4=record.token.last4,
                      language=record.language, stops=choice.stops)


def _screen(outlet: Outlet, faults: list[Fault], *, waiting: bool) -> Screen:
    if any(map(_stops, faults)) and outlet.phase not in (Phase.STOPPING, Phase.ENDING):
        return Screen.FAULT
    if outlet.phase is Phase.VACANT:
        if waiting:
            return Screen.PLUG_IN
        return Screen.FINISHED if outlet.receipt is not None else Screen.AVAILABLE
    if outlet.phase is Phase.READY and outlet.session is not None and (
            outlet.session.start_reading is not None):
        return Screen.PAUSED  # it charged before: the car rests
    return _SCREENS[outlet.phase]


def _stops(fault: Fault) -> bool:
    """Less current stops nobody, and a pause of the contactor's own making is only a pause."""
    kind = CATALOGUE[fault.code]
    if kind.severity is Severity.NOTICE and kind.stops is Stops.PAUSE:
        return False
    return kind.stops not in (Stops.DERATE, Stops.NOTHING)


def _duration_s(session: Session | None, at: Header) -> int | None:
    if session is None or session.began.mono_ns > at.mono_ns:
        return None
    return (at.mono_ns - session.began.mono_ns) // 1_000_000_000


def _wear(evse: Evse, wear: ContactorWear | None) -> WearView | None:
    return None if wear is None else WearView(
        cycles=wear.cycles, load_breaks=wear.load_breaks, closed_s=wear.closed_s,
        share=worn_share(evse, wear))


def _fault(site: Site, fault: Fault) -> FaultView:
    kind, tally = CATALOGUE[fault.code], site.tallies.get(fault_key(fault.code, fault.where))
    return FaultView(code=fault.code, name=kind.name, severity=kind.severity, where=fault.where,
                     since_utc=fault.since_utc, detail=fault.detail,
                     count=tally.count if tally else 0,
                     first_utc=tally.first_utc if tally else None,
                     last_utc=tally.last_utc if tally else None)
