"""What is asked about cards on the local sockets, by sync and by a technician's commands.

| action | socket | arguments | answer |
|---|---|---|---|
| `card.answer` | sync | `CardAnswer` | `accepted`, or refused: nobody waits for it |
| `reservation.set` | sync | `ReservationSet` | `accepted` or refused |
| `reservation.cancel` | sync | `ReservationCancel` | `accepted` or refused |
| `card.next` | service | `CardNext` | `CardShown` |
| `card.taps` | service | `CardTaps` | `TapsSeen` |
| `card.refusals` | service | none | `RefusedCards` |
| `card.enrol` | service | `CardEnrol` | `CardEnrolled` |

On `sync.sock` the server pushes `card.questions`: all that the cloud is asked about now. Numbers of
cards travel in clear here, as an operator knows cards by them: in memory, never in a log or a row.
"""

from typing import Annotated, Literal

import msgspec

from edge.controller.struct import Value

ANSWER = "card.answer"
SET, CANCEL = "reservation.set", "reservation.cancel"
NEXT = "card.next"
TAPS = "card.taps"
REFUSALS = "card.refusals"
ENROL = "card.enrol"

QUESTIONS = "card.questions"
"""Push topic: `CardQuestions`. A state, not news: of one topic a client hears only the latest."""

MAX_WAIT_S = 60.0
"""How long `card.next` and `card.taps` may wait."""

Uid = Annotated[str, msgspec.Meta(pattern=r"^([0-9A-F]{8}|[0-9A-F]{14}|[0-9A-F]{20})\Z")]
"""Upper-case hex, byte 0 of ISO/IEC 14443-3 first."""
Wait = Annotated[float, msgspec.Meta(ge=0, le=MAX_WAIT_S)]


class CardQuestion(Value):
    """May this card charge? What OCPP 2.0.1 AuthorizeRequest says, and where. `within_s`: from when it
    was asked; after that the site decides by itself.
    """

    question_id: str
    id_token: Uid
    type: str
    level: int  # how well the card was proven (0: only its number)
    reader_id: str
    evses: tuple[int, ...]  # OCPP's numbers of the EVSEs that the reader serves
    within_s: float

    def __repr__(self) -> str:
        return f"CardQuestion(question_id={self.question_id!r}, type={self.type!r})"


class CardQuestions(Value):
    """Every question that is open."""

    questions: tuple[CardQuestion, ...] = ()


class WireIdToken(Value, rename="camel", forbid_unknown_fields=False):
    """OCPP 2.0.1 IdTokenType. Of somebody else's shapes, what we do not know is passed over."""

    id_token: Annotated[str, msgspec.Meta(max_length=255)]
    type: str

    def __repr__(self) -> str:
        return f"WireIdToken(type={self.type!r})"


class IdTokenInfo(Value, rename="camel", forbid_unknown_fields=False):
    """OCPP 2.0.1 IdTokenInfoType: what AuthorizeResponse says of a token."""

    status: Literal["Accepted", "Blocked", "ConcurrentTx", "Expired", "Invalid", "NoCredit",
                    "NotAllowedTypeEVSE", "NotAtThisLocation", "NotAtThisTime", "Unknown"]
    cache_expiry_date_time: str | None = None
    evse_id: tuple[int, ...] = ()  # empty: all of them
    group_id_token: WireIdToken | None = None
    language1: Annotated[str, msgspec.Meta(max_length=8)] | None = None
    personal_message: msgspec.Raw = msgspec.Raw(b"null")  # nobody shows it yet


class CardAnswer(Value):
    """The cloud's word: what it knows, or why there is no word."""

    question_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    id_token_info: IdTokenInfo | None = None
    error: Annotated[str, msgspec.Meta(max_length=200)] = ""


class ReservationSet(Value):
    """OCPP 2.0.1 ReserveNow, for one EVSE, for a token or a group: in clear here, and no further."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=36)]
    evse_id: str
    until_utc: str
    id_token: WireIdToken | None = None
    group_id_token: WireIdToken | None = None


class ReservationCancel(Value):
    """OCPP 2.0.1 CancelReservation."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=36)]


class CardNext(Value):
    """The next card at this reader (None: at any) is shown to the technician, and to nobody else."""

    reader_id: str | None = None
    within_s: Wait = 30.0


class CardShown(Value):
    """A card as it is, for the technician who holds it. `allowed`: why it may not begin a session at
    each EVSE now, in the log's words; "" where it may.
    """

    reader_id: str
    uid: Uid
    kind: str
    random: bool
    level: int
    unproven: str | None
    ref: str
    known: bool
    status: str | None = None
    source: str | None = None
    min_level: int = 0
    contract_id: str | None = None
    group: str | None = None
    role: str | None = None
    allowed: dict[str, str] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        return f"CardShown(reader_id={self.reader_id!r}, kind={self.kind!r}, level={self.level})"


class CardTaps(Value):
    """Taps that changed after `after` (0: those to come), as soon as there are any."""

    after: Annotated[int, msgspec.Meta(ge=0)] = 0
    within_s: Wait = 25.0


class Tap(Value):
    """A tap and what became of it. `index`: for `card.enrol`, while it is remembered."""

    index: int
    age_s: float
    reader_id: str
    last4: str
    kind: str
    level: int
    unproven: str | None
    known: bool
    decision: Literal["open", "accepted", "refused"]
    why: str = ""  # for the driver: `refusal.Why`
    log: str = ""


class TapsSeen(Value):
    """`next`: to ask with as `after`."""

    next: int
    taps: tuple[Tap, ...] = ()


class RefusedCards(Value):
    """Refused lately, the latest first."""

    taps: tuple[Tap, ...] = ()


class CardEnrol(Value):
    """Put a card onto the site's own list: by its number (from `card.next`), or as one that was refused
    lately (`index` of `card.refusals`).

    `card`: what it may do, as an entry of a list says it (`edge.rfid.tokens.list_entry.Card`).
    """

    uid: Uid | None = None
    index: int | None = None
    card: msgspec.Raw = msgspec.Raw(b"{}")

    def __repr__(self) -> str:
        return f"CardEnrol(index={self.index}, uid=<{'secret' if self.uid else None}>)"


class CardEnrolled(Value):
    """It is on the list."""

    last4: str
    ref: str
    replaced: bool  # the list knew it before
