"""What shall be done: the only output of the core. Imperative. Every class says whether it grants.

`GRANTS` effects wait for the commit of every record of the same and all earlier steps, and are
dropped if power is taken from that EVSE meanwhile. All others run at once, records after.
"""

import enum
from typing import ClassVar

import msgspec

from edge.controller.faults import Fault
from edge.controller.idtoken import IdToken, TokenRecord
from edge.controller.reading import ReadingContext
from edge.controller.session import Session
from edge.controller.struct import Tagged


class Stream(enum.StrEnum):
    """The lanes of the journal, in order of importance."""

    TX = "tx"  # billing
    EV = "ev"  # faults and status
    TM = "tm"  # telemetry


class CloseContactor(Tagged):
    """Write a grant of `current_a` for `grant_s` to the board and switch the Pi's relay on."""

    GRANTS: ClassVar[bool] = True
    evse_id: str
    grant_s: float
    current_a: float


class RenewGrant(Tagged):
    """Heartbeat of a grant that was given: never starts, never raises; so it waits for nothing."""

    GRANTS: ClassVar[bool] = False
    evse_id: str
    grant_s: float
    current_a: float


class OpenContactor(Tagged):
    """Relay off and grant revoked. `urgent`: both at once; else one after the other, so that each
    proves within half a second that it opens the contactor alone.
    """

    GRANTS: ClassVar[bool] = False
    evse_id: str
    urgent: bool
    reason: str


class OfferCurrent(Tagged):
    """Offer (more) current by PWM. `because` names the limit in words that a screen can show.

    `from_a`: what was offered before, 0 for X1. Until this passes, no more than that is in force.
    """

    GRANTS: ClassVar[bool] = True
    evse_id: str
    current_a: float
    because: str
    from_a: float = 0.0


class LowerCurrent(Tagged):
    """Offer less, at once."""

    GRANTS: ClassVar[bool] = False
    evse_id: str
    current_a: float
    because: str


class WithdrawOffer(Tagged):
    """X1: steady +12 V through the resistor, no PWM."""

    GRANTS: ClassVar[bool] = False
    evse_id: str


class ReadMeter(Tagged):
    """Read a meter now and hand in `ReadingTaken` with this context."""

    GRANTS: ClassVar[bool] = False
    meter_id: str
    context: ReadingContext


class PriceSession(Tagged):
    """Price a finished session and hand in `SessionPriced`. Billing waits for the record."""

    GRANTS: ClassVar[bool] = True
    evse_id: str
    session: Session


class Record(Tagged):
    """Append a row. `type` is the versioned name of `data`, which is JSON exactly as sent."""

    GRANTS: ClassVar[bool] = False
    stream: Stream
    type: str
    data: msgspec.Raw


class SaveSession(Tagged):
    """Keep a session across restarts, in the same transaction as the rows of this step.

    `session` None: it is closed and priced, forget it.
    """

    GRANTS: ClassVar[bool] = False
    transaction_id: str
    session: Session | None


class Keep(Tagged):
    """Keep a value across restarts under its key, in the same transaction as the rows of this step.

    `key` has a colon: by that, what is salvaged of a damaged journal is told from sessions. `data`
    None: forget it.
    """

    GRANTS: ClassVar[bool] = False
    key: str
    data: msgspec.Raw | None


class WakeCar(Tagged):
    """Have the board show F for so long, then X1: some cars that sleep wake up by it."""

    GRANTS: ClassVar[bool] = False
    evse_id: str
    pulse_s: float


class RaiseFault(Tagged):
    """Tell people: a fault began (its row is a `Record` of its own)."""

    GRANTS: ClassVar[bool] = False
    fault: Fault


class ClearFault(Tagged):
    """Tell people: a fault ended."""

    GRANTS: ClassVar[bool] = False
    fault: Fault


class AcknowledgeBoard(Tagged):
    """Tell the board that a technician looked: it may clear the faults that it latched.

    `fault_seq`: the newest one that he can have seen; what the board latched since stays.
    """

    GRANTS: ClassVar[bool] = False
    evse_id: str
    fault_seq: int


class AskCloud(Tagged):
    """Ask the cloud about a card that nobody here knows, and hand in `CardAnswered` with this id."""

    GRANTS: ClassVar[bool] = False
    question_id: str
    reader_id: str
    evse_ids: tuple[str, ...]
    token: IdToken
    within_s: float


class RememberCard(Tagged):
    """Put the cloud's word about a token into the cache until then; None: take it out."""

    GRANTS: ClassVar[bool] = False
    record: TokenRecord
    until_utc: str | None


class TellReader(Tagged):
    """Beep or blink at a reader: the card was taken, or not."""

    GRANTS: ClassVar[bool] = False
    reader_id: str
    accepted: bool


class NoteRefusal(Tagged):
    """A card was refused: for the log, and for the technician's list of recent refusals.

    `why` is what the driver is told (`refusal.Why`), `log` the whole reason. Neither names a number.
    """

    GRANTS: ClassVar[bool] = False
    reader_id: str
    why: str
    log: str
    token_ref: str
    last4: str


class AnswerRequest(Tagged):
    """The core's own answer to a request: `refusal` None means accepted."""

    GRANTS: ClassVar[bool] = False
    request_id: str
    refusal: str | None


Effect = (
    CloseContactor | RenewGrant | OpenContactor | OfferCurrent | LowerCurrent | WithdrawOffer
    | ReadMeter | PriceSession | Record | SaveSession | RaiseFault | ClearFault
    | AcknowledgeBoard | AnswerRequest | Keep | WakeCar | AskCloud | RememberCard | TellReader
    | NoteRefusal
)
