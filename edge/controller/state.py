"""What the core remembers between two events. All of it is a value; nothing here decides."""

from edge.controller.faults import Fault
from edge.controller.idtoken import Level, TokenRecord
from edge.controller.phase import Phase
from edge.controller.pilot import BoardStatus
from edge.controller.reading import Reading
from edge.controller.session import Session, StopReason
from edge.controller.site import SitePlan
from edge.controller.snapshot import ReceiptView
from edge.controller.struct import Value


class Card(Value):
    """An accepted card that waits for a plug. `until_ns`: then it is forgotten."""

    record: TokenRecord
    level: Level
    evse_ids: tuple[str, ...]
    until_ns: int


class Stop(Value):
    """A wish to end a session in order. `trigger`: OCPP 2.0.1 TriggerReasonEnumType."""

    reason: StopReason
    trigger: str


class Offer(Value):
    """What the board was last told. `current_a` 0: X1. `before_a`: what it was told before that."""

    current_a: float = 0.0
    before_a: float = 0.0
    because: str = ""
    told_ns: int = 0
    raised_ns: int | None = None


class Outlet(Value):
    """One EVSE: facts as seen, the phase, and what was asked for. Times are monotonic ns."""

    evse_id: str
    phase: Phase = Phase.VACANT
    since_ns: int = 0
    # as seen
    board: BoardStatus | None = None
    board_error: str | None = None
    seen_ns: int | None = None  # of the last complete poll
    pi_mirror_closed: bool | None = None
    relay_on: bool = False
    plugged_ns: int | None = None
    disagree_ns: int | None = None  # mirrors differ since
    stuck_ns: int | None = None  # commanded off and still closed since
    fallen_ns: int | None = None  # charging, and open by both mirrors since
    fed_ns: int | None = None  # the relay is off, and the board senses its supply since
    # as asked for
    offer: Offer = Offer()
    closing: bool = False  # CloseContactor was emitted and not taken back
    close_error: str | None = None
    granted_ns: int | None = None
    renewed_ns: int = 0
    x1_ns: int | None = None
    open_ns: int | None = None  # proven open since
    opened_at_ns: int | None = None  # last OpenContactor, for the minimum off time
    shorts: int = 0  # short charges in a row, and closings that failed
    read_asked_ns: int | None = None
    # the session
    session: Session | None = None
    restored: Session | None = None
    stop: Stop | None = None
    card: Card | None = None
    began_ns: int = 0
    sampled_ns: int = 0
    # for people
    status: str = ""
    message: str | None = None
    message_until_ns: int = 0
    receipt: ReceiptView | None = None
    receipt_ns: int = 0
    language: str | None = None


class Site(Value):
    """Everything the core knows. `faults` is keyed by `code@where`."""

    plan: SitePlan
    outlets: dict[str, Outlet]
    faults: dict[str, Fault]
    readings: dict[str, Reading]  # last good one per meter
    suspects: dict[str, Reading]  # last reading whose register was refused, until a good one
    meter_errors: dict[str, str]
    reader_errors: dict[str, str]
    pending: dict[str, int]
    started_ns: int | None = None
    journal_error: str | None = None
    cards: tuple[Card, ...] = ()
    cloud_connected: bool | None = None
    cloud_lost_ns: int | None = None
    ack_age_s: float | None = None
    telemetry_ns: int = 0
    event_id: int = 0


def initial(plan: SitePlan) -> Site:
    """A site of which nothing is known yet: every contactor is to be open."""
    return Site(plan=plan, outlets={e.id: Outlet(evse_id=e.id) for e in plan.evses}, faults={},
                readings={}, suspects={}, meter_errors={}, reader_errors={}, pending={})
