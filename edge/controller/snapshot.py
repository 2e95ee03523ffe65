"""What screens and clients may know: the latest state, whole, many times a second at most.

Texts are message keys or data; words belong to the screens.
"""

import enum

import msgspec

from edge.controller.faults import FaultCode, Severity
from edge.controller.struct import Value


class Screen(enum.StrEnum):
    """What a driver should see of an EVSE; one word per screen."""

    AVAILABLE = "available"  # no car, no card: price and "plug in or tap"
    PLUG_IN = "plug_in"  # card accepted, waiting for the plug
    TAP_CARD = "tap_card"  # plugged in, waiting for a card
    CHECKING = "checking"  # preparing: start register, record
    WAITING_FOR_CAR = "waiting_for_car"  # current is offered, the car has not asked
    CHARGING = "charging"
    PAUSED = "paused"
    REPLUG = "replug"  # the plug came out of a young session: back in within seconds
    STOPPING = "stopping"
    FINISHED = "finished"  # receipt; unplug
    FAULT = "fault"


class PriceLine(Value):
    """One priced dimension, in the order kWh, minute, session, other (AFIR)."""

    dimension: str  # "ENERGY" | "TIME" | "PARKING_TIME" | "FLAT"
    price_incl_vat: str  # decimal text per kWh, per minute (TIME, PARKING_TIME), per session
    note: str = ""  # for example "17:00-20:00"


class FaultView(Value):
    """A standing fault as a screen shows it."""

    code: FaultCode
    name: str
    severity: Severity
    where: str
    since_utc: str | None
    detail: str = ""
    count: int = 0  # how often it has begun here, restarts included; 0: not known
    first_utc: str | None = None
    last_utc: str | None = None


class ReceiptView(Value):
    """A finished session. Amounts are decimal texts, times ISO 8601 UTC."""

    transaction_id: str
    began_utc: str | None
    ended_utc: str | None
    energy_wh: int
    start_wh: int | None
    end_wh: int | None
    lines: tuple[tuple[str, str], ...] = ()  # ("ENERGY", "FLAT", "TIME", "VAT 25", ...; amount)
    total_incl_vat: str | None = None  # None: not priced yet
    total_excl_vat: str | None = None
    currency: str = ""
    stop_reason: str = ""
    start_estimated: bool = False
    end_estimated: bool = False
    spans: tuple[tuple[int, int], ...] = ()  # registers of each segment, where the meter began anew


class WearView(Value):
    """What a contactor has done since it was new. `share`: of its rated life, 1.0 is all of it."""

    cycles: int
    load_breaks: int
    closed_s: int
    share: float


class EvseView(Value):
    """One EVSE. `state` is the OCPP connector status, `screen` what to show."""

    id: str
    label: str
    state: str
    screen: Screen
    charging_state: str | None = None
    offered_a: float = 0.0
    because: str = ""  # what set offered_a: "circuit:row-a", "cable", "evse", "temperature:<where>",
    # "limit:<whose>"; and, where nothing is offered, also "request", "stagger" or "rest"
    energy_wh: int | None = None
    power_w: float | None = None
    cost_incl_vat: str | None = None
    duration_s: int | None = None
    token_last4: str | None = None
    token_level: int | None = None  # how well the card was proven (`Level`)
    reserved: bool = False
    language: str | None = None
    message: str | None = None  # passing note: "card_asking", or why a card was refused (`refusal.Why`)
    contactor_closed: bool | None = None
    wear: WearView | None = None  # None: it has not closed yet, as far as anybody knows
    price: tuple[PriceLine, ...] = ()
    receipt: ReceiptView | None = None
    faults: tuple[FaultView, ...] = ()


class ChoiceView(Value):
    """A card was shown where several cars wait for one, or several sessions could end (`stops`): which
    EVSE is meant? If nobody says so by `until_mono_ns`, the first car gets it, and no session ends.
    Answered by `card.choose {choice_id, evse_id}`.
    """

    id: str
    reader_id: str
    evse_ids: tuple[str, ...]
    until_mono_ns: int
    last4: str = ""
    language: str | None = None
    stops: bool = False  # which session shall end; else where one shall begin


class SiteView(Value):
    """What does not change while the controller runs."""

    id: str
    name: str
    time_zone: str
    languages: tuple[str, ...]
    currency: str
    phone: str
    email: str = ""
    virtual: bool = False


class SyncView(Value):
    """The line to the cloud."""

    connected: bool = False
    last_ack_age_s: float | None = None
    pending: dict[str, int] = msgspec.field(default_factory=dict)


class Snapshot(Value):
    """Everything, as of `mono_ns`. `seq` grows by one per snapshot of a boot."""

    seq: int
    mono_ns: int
    utc: str | None
    clock_ok: bool
    site: SiteView
    evses: tuple[EvseView, ...]
    version: int = 1
    sync: SyncView = SyncView()
    faults: tuple[FaultView, ...] = ()  # of the site: readers, journal, cloud
    choices: tuple[ChoiceView, ...] = ()
