"""What happened: the only input of the core. Past tense. The shell stamps each event once."""

import msgspec

from edge.controller.idtoken import IdToken, Level, TokenRecord
from edge.controller.pilot import BoardStatus
from edge.controller.reading import Reading
from edge.controller.request import Request
from edge.controller.session import Session
from edge.controller.struct import Tagged, Value


class Header(Value):
    """When and where an event was seen. The core reads no clock and mints no ids."""

    mono_ns: int
    boot: int
    fresh_id: str
    utc: str | None = None  # ISO 8601 with milliseconds and Z; None: the clock is not known at all
    clock_ok: bool = False


class Started(Tagged):
    """The first event of a boot: the outlets as found, before any pin was claimed."""

    software: str


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
    """A card was read and looked up. `record` None: the local list does not know it."""

    reader_id: str
    evse_ids: tuple[str, ...]
    token: IdToken
    level: Level
    record: TokenRecord | None


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


class JournalStalled(Tagged):
    """A commit has been outstanding for too long, or failed. No grant passes meanwhile."""

    error: str


class JournalWell(Tagged):
    """Commits are quick again."""


class CloudSeen(Tagged):
    """What sync reports of its line."""

    connected: bool
    last_ack_age_s: float | None
    pending: dict[str, int]


class RequestReceived(Tagged):
    """A request that passed the table of its socket."""

    request: Request


class SessionRestored(Tagged):
    """A session that the journal held open when the controller started."""

    session: Session


Event = (
    Started | Tick | OutletSeen | BoardLost | ReadingTaken | MeterLost | CardPresented | ReaderLost
    | ReaderBack | GrantPassed | GrantFailed | SessionPriced | JournalStalled | JournalWell
    | CloudSeen | RequestReceived | SessionRestored
)


class Stamped(Value):
    """An event with its header: what `step` takes and what a recording holds."""

    at: Header
    event: Event
