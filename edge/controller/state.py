"""What the core remembers between two events. All of it is a value; nothing here decides."""

from edge.controller.authorisation.usage import Usage
from edge.controller.crosscheck import Checks
from edge.controller.derate import Held
from edge.controller.faults import Fault, FaultTally
from edge.controller.idtoken import IdToken, Level, Source, TokenRecord
from edge.controller.phase import Phase
from edge.controller.pilot import BoardStatus
from edge.controller.reading import Reading
from edge.controller.session import Session, StopReason
from edge.controller.share import Want
from edge.controller.site import SitePlan
from edge.controller.snapshot import ReceiptView
from edge.controller.struct import Value
from edge.controller.wear import ContactorWear


class Card(Value):
    """An accepted card that waits for a plug. `until_ns`: then it is forgotten."""

    record: TokenRecord
    level: Level
    evse_ids: tuple[str, ...]
    until_ns: int
    source: Source = Source.LIST


class Reservation(Value):
    """An EVSE is kept for a token or a group (OCPP 2.0.1 ReserveNow), until a moment of wall time.

    `until_ns`: the same moment by the monotonic clock, found once the wall clock is trusted (`dated`);
    until then a day at most.
    """

    id: str
    evse_id: str
    token_ref: str | None
    group_ref: str | None
    until_utc: str
    until_ns: int | None = None
    dated: bool = False


class Question(Value):
    """A card that the cloud was asked about. `until_ns`: then the site's own policy decides.

    `record`, `source`: what the site knows of it by itself. `plugged`: the EVSEs where a car waited for
    a card when it was asked; when all of them have left, so has who would have charged there.
    """

    id: str
    reader_id: str
    evse_ids: tuple[str, ...]
    token: IdToken
    level: Level
    until_ns: int
    record: TokenRecord | None = None
    source: Source = Source.LIST
    plugged: tuple[str, ...] = ()


class Choice(Value):
    """Which of these EVSEs is meant by a card, until `until_ns`.

    `stops`: whose session ends, none of them without a word; else where one begins: then at the first.
    """

    id: str
    reader_id: str
    card: Card
    evse_ids: tuple[str, ...]
    until_ns: int
    stops: bool = False


class Taps(Value):
    """Unknown and failed taps at one reader: `left` are free, another is free again at `more_ns`.

    `wait_s` doubles while they go on.
    """

    left: int
    more_ns: int
    wait_s: float
    told: bool = False  # a security event said so


class CardList(Value):
    """The local list as it was last seen."""

    version: int
    tokens: int
    confirmed_utc: str | None = None
    hurt: str = ""


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


class Limit(Value):
    """What somebody allows at most. `until_ns`: then it is forgotten; None: until it is changed.

    `until_utc`: the same moment for a computer that has started anew since, once its clock is trusted.
    """

    current_a: float
    because: str
    until_ns: int | None = None
    until_utc: str | None = None


class Measured(Value):
    """A sensor's last value and when it came."""

    celsius: float | None
    mono_ns: int


class Stillness(Value):
    """What flowed by a meter's own power, and for how long, since its register moved last."""

    energy_wh: int
    seen_ns: int  # of the last reading
    flow_wh: float = 0.0
    flow_s: float = 0.0
    told: bool = False  # a fault of it was raised


class ClockState(Value):
    """What is known of the wall clock: at `mono_ns` it said `utc_ms` (ms since 1970)."""

    ok: bool = False
    mono_ns: int = 0
    utc_ms: int = 0


class Rest(Value):
    """What the last steps found out and need not find out again (`resting.py`).

    `until_ns`: of each EVSE that is at rest, when the first of its waits is over; "": of everything
    that belongs to no EVSE alone. Missing: it has not come to rest.
    """

    at_ns: int  # the last step
    whole_ns: int  # the last one that judged everything
    boot: int
    clock_ok: bool
    until_ns: dict[str, int]
    wants: dict[str, Want]
    shares: dict[str, tuple[float, str]]


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
    board_began_ns: int | None = None  # last seen to have started anew
    disagree_ns: int | None = None  # mirrors differ since, again and again
    agree_ns: int | None = None  # and do not, for now, since
    stuck_ns: int | None = None  # commanded off and still closed since
    fallen_ns: int | None = None  # charging, and open by both mirrors since
    over_ns: int | None = None  # more current than offered since
    odd_ns: int | None = None  # the pilot is at no known level since
    closed_ns: int | None = None  # proven closed since
    found_closed: bool = False  # at the start, and nothing explained it
    check: Checks | None = None  # of the billing meter, while it is not idle
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
    closings: tuple[int, ...] = ()  # the last ones, for the hammering rule
    hammer_ns: int | None = None  # held off since
    fault_open_ns: int | None = None  # last opened by a fault
    not_before_ns: int = 0  # no closing before (stagger, or a restart that forgot when it opened)
    idle_ns: int | None = None  # offered, and the car rests, since
    woken: bool = False  # the one attempt of this session was made
    replug_ns: int | None = None  # the plug bounces since
    paused: bool = False  # somebody asked for it
    limit: Limit | None = None
    operational: bool = True  # False: out of service as soon as no session runs
    wear: ContactorWear | None = None
    worn_ns: int | None = None  # closed, and its seconds are counted up to here
    under_load: bool | None = None  # when it was last told to open
    wear_due: bool = False  # it is still to be kept
    wear_kept: tuple[int, ...] = ()  # when it was (`seldom.py`)
    down_from_wh: int | None = None  # kept register of a session, until the first reading of this boot
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
    status_told: str = ""  # in the last row
    status_rows: tuple[int, ...] = ()  # when (`seldom.py`)
    message: str | None = None
    message_until_ns: int = 0
    receipt: ReceiptView | None = None
    receipt_ns: int = 0
    last_ref: str | None = None  # of the token whose session has ended with this plug
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
    tallies: dict[str, FaultTally]  # keyed like `faults`
    sensors: dict[str, Measured]
    inputs: dict[str, bool | None]
    caps: dict[str, Held]  # of temperatures ("temperature:<where>@<evse>", `derate.py`)
    overloads: dict[str, Held]  # what is left for the EVSEs below, per "<circuit>@<phase>"
    limits: dict[str, Limit]  # of circuits; an EVSE's own is in its outlet (`limits.py`)
    since: dict[str, int]  # when something began that a rule waits for (`Turn.lasting`)
    registers: dict[str, Stillness]  # per meter that bills
    rebased: dict[str, int]  # per meter: when its register was read that began anew last
    begun: dict[str, tuple[int, ...]]  # when each fault did, lately (`seldom.py`)
    usage: dict[str, Usage]  # per account that has quotas
    questions: dict[str, Question]  # cards that the cloud was asked about
    taps: dict[str, Taps]  # bad ones, per reader
    reservations: dict[str, Reservation]
    choices: dict[str, Choice]
    clock: ClockState = ClockState()
    free_bytes: int | None = None
    commit_ms: float | None = None  # what a commit takes lately; None: too few are known
    journal_hurt: str | None = None
    set_aside: tuple[str, ...] = ()  # sessions that could not be read or priced, and why
    priced: tuple[str, ...] = ()  # the last transactions that were
    same_computer: bool = True  # it has not started anew since: monotonic times compare
    started_ns: int | None = None
    journal_error: str | None = None
    cards: tuple[Card, ...] = ()
    card_list: CardList | None = None
    contact_utc: str | None = None  # when the cloud was last there, by a trusted clock (kept)
    unknown_taken: tuple[str, ...] = ()  # UTC of sessions of unknown cards, lately
    answers_cards: bool = False  # the cloud can be asked about cards just now
    cloud_connected: bool | None = None
    cloud_lost_ns: int | None = None
    ack_age_s: float | None = None
    telemetry_ns: int = 0
    event_id: int = 0
    rest: Rest | None = None


def initial(plan: SitePlan) -> Site:
    """A site of which nothing is known yet: every contactor is to be open."""
    return Site(plan=plan, outlets={e.id: Outlet(evse_id=e.id) for e in plan.evses}, faults={},
                readings={}, suspects={}, meter_errors={}, reader_errors={}, pending={}, tallies={},
                sensors={}, inputs={}, caps={}, overloads={}, limits={}, since={}, registers={},
                rebased={}, begun={}, usage={}, questions={}, taps={}, reservations={},
                choices={})
