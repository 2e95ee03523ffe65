"""What happened: the only input of the core. Past tense. The shell stamps each event once."""

import msgspec

from edge.controller.authorisation.usage import Usage
from edge.controller.faults import FaultTally
from edge.controller.idtoken import IdToken, Level, Source, TokenRecord, Unproven
from edge.controller.pilot import BoardStatus
from edge.controller.reading import Reading
from edge.controller.request import Request
from edge.controller.session import Session
from edge.controller.state import Limit, Reservation
from edge.controller.struct import Tagged, Value
from edge.controller.wear import ContactorWear


class Header(Value):
    """When and where an event was seen. The core reads no clock and mints no ids."""

    mono_ns: int
    boot: int
    fresh_id: str
    utc: str | None = None  # ISO 8601 with milliseconds and Z; None: the clock is not known at all
    clock_ok: bool = False
    random: float = 0.0  # 0 to 1, drawn anew for each event


class Started(Tagged):
    """The first event of a boot, after everything that was kept (`*Restored`) and found.

    `mains_back`: the computer itself has started, so the mains may just have returned for everybody.
    `journal_new`: the journal began with this start: a new site, a replaced card, a damaged file.
    """

    software: str
    epoch: str = ""
    journal_new: bool = False
    mains_back: bool = False


class OutletFound(Tagged):
    """Relay and mirror as found at the start, before any pin was claimed. None: cannot be told."""

    evse_id: str
    relay_on: bool
    pi_mirror_closed: bool | None


class WearRestored(Tagged):
    """What a contactor has done before this start."""

    wear: ContactorWear


class TallyRestored(Tagged):
    """What was known of a fault before this start."""

    tally: FaultTally


class AvailabilityRestored(Tagged):
    """An EVSE that was taken out of service before this start."""

    evse_id: str
    operational: bool


class LimitRestored(Tagged):
    """What somebody allowed at most, before this start, at an EVSE or a circuit."""

    where: str
    limit: Limit


class Tick(Tagged):
    """Time passed. Several a second; the only way that the core learns of time."""


class OutletSeen(Tagged):
    """A complete poll of an outlet: the board, the Pi's mirror input and the Pi's own relay."""

    evse_id: str
    board: BoardStatus
    pi_mirror_closed: bool | None
    relay_on: bool


class BoardLost(Tagged):
    """The pilot board gave no valid answer for longer than its patience."""

    evse_id: str
    error: str
    pi_mirror_closed: bool | None = None
    relay_on: bool = False


class ReadingTaken(Tagged):
    """A meter answered."""

    reading: Reading


class MeterLost(Tagged):
    """A meter gave no valid answer for longer than its patience (10 s)."""

    meter_id: str
    error: str


class CardPresented(Tagged):
    """A card was read, looked up and, where its record wants that, proven.

    `record` None: neither the local list nor the cache knows it. `level`: what was proven; `unproven`:
    why a proof that was tried did not hold. `random`: it makes its number up, so nobody can know it.
    """

    reader_id: str
    evse_ids: tuple[str, ...]
    token: IdToken
    level: Level
    record: TokenRecord | None
    unproven: Unproven | None = None
    source: Source = Source.LIST
    random: bool = False


class CardAnswered(Tagged):
    """The cloud's word about a card it was asked for (`AskCloud`). `record` None: it knows it not
    either, or gave no answer (`error`). `until_utc`: so long its word may be remembered.
    """

    question_id: str
    record: TokenRecord | None
    until_utc: str | None = None
    error: str = ""


class ListSeen(Tagged):
    """The local list as it is now: at the start, and after each change."""

    version: int
    tokens: int
    confirmed_utc: str | None = None  # when the operator last said that it is up to date
    hurt: str = ""  # it was found damaged, and no card is known since


class UsageRestored(Tagged):
    """What an account had taken before this start."""

    usage: Usage


class ContactRestored(Tagged):
    """When the cloud was last there, before this start."""

    utc: str


class ReservationRestored(Tagged):
    """A reservation of before this start."""

    reservation: Reservation


class UnknownRestored(Tagged):
    """When unknown cards were let in before this start: UTC, or "" where nobody knew the time."""

    taken: tuple[str, ...]


class CostSeen(Tagged):
    """What a running session costs so far, for quotas of money. `cost`: decimal text incl. VAT."""

    evse_id: str
    transaction_id: str
    cost: str


class ReaderLost(Tagged):
    """A card reader stopped answering or its process died."""

    reader_id: str
    error: str


class ReaderBack(Tagged):
    """A card reader answers (again)."""

    reader_id: str


class GrantPassed(Tagged):
    """The record was committed, the board took the grant and the Pi's relay was switched on."""

    evse_id: str


class GrantFailed(Tagged):
    """A grant was asked for and not given; the relay is off. `error` says why."""

    evse_id: str
    error: str


class SessionPriced(Tagged):
    """Billing priced a finished session. `cdr` is the OCPI CDR as it will be recorded."""

    evse_id: str
    transaction_id: str
    cdr: msgspec.Raw
    total_incl_vat: str  # decimal text
    total_excl_vat: str
    currency: str
    receipt: tuple[tuple[str, str], ...] = ()  # (text key or literal, amount), in display order
    account: str = ""  # of the session, whose quotas its money counts for


class SessionSetAside(Tagged):
    """A session that the journal keeps and that cannot be read, or one that cannot be priced; or, by
    its key, another kept value that cannot be read.

    Its bytes stay where they are for a technician, and pricing is tried again at the next start.
    """

    transaction_id: str
    error: str


class JournalStalled(Tagged):
    """A commit has been outstanding for too long, or failed. No grant passes meanwhile."""

    error: str


class JournalWell(Tagged):
    """Commits are quick again."""


class JournalHurt(Tagged):
    """The journal was found damaged at the start; what could be read was kept."""

    error: str


class CommitsTimed(Tagged):
    """How long a commit of the journal typically takes lately; and how many there were in this boot."""

    typical_ms: float
    commits: int


class DiskSeen(Tagged):
    """Free space where the journal is."""

    free_bytes: int
    total_bytes: int


class SensorSeen(Tagged):
    """A temperature sensor was read. None: it gave no value."""

    sensor_id: str
    celsius: float | None


class InputSeen(Tagged):
    """A digital input was read: whether what it watches for is there. None: it cannot be told."""

    input_id: str
    active: bool | None


class CloudSeen(Tagged):
    """What sync reports of its line."""

    connected: bool
    last_ack_age_s: float | None
    pending: dict[str, int]
    answers_cards: bool = False  # it can be asked about cards just now


class RequestReceived(Tagged):
    """A request that passed the table of its socket."""

    request: Request


class SessionRestored(Tagged):
    """A session that the journal held open when the controller started."""

    session: Session


Event = (
    Started | Tick | OutletSeen | BoardLost | ReadingTaken | MeterLost | CardPresented | ReaderLost
    | ReaderBack | GrantPassed | GrantFailed | SessionPriced | JournalStalled | JournalWell
    | CloudSeen | RequestReceived | SessionRestored | OutletFound | WearRestored | TallyRestored
    | AvailabilityRestored | LimitRestored | SessionSetAside | JournalHurt | DiskSeen | SensorSeen
    | InputSeen | CommitsTimed | CardAnswered | ListSeen | UsageRestored | ReservationRestored
    | CostSeen | ContactRestored | UnknownRestored
)


class Stamped(Value):
    """An event with its header: what `step` takes and what a recording holds."""

    at: Header
    event: Event
