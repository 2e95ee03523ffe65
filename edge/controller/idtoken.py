"""Who is charging, without the card's UID. Names: OCPP 2.0.1 IdTokenType, OCPI 2.2.1 Token."""

import enum

from edge.controller.struct import Value


class Level(enum.IntEnum):
    """How well a card was proven. L0: the bare UID, which any phone can copy."""

    UID = 0
    ORIGINALITY = 1
    SUN = 2
    MUTUAL = 3
    CERTIFICATE = 4


class IdToken(Value):
    """The form that a token takes in events and rows.

    `ref` is HMAC-SHA256 of the UID under a site pepper, 32 hex digits; `sealed` the UID under
    AES-GCM with a per-token key that lives outside the journal (base64). `last4` may be shown.
    """

    ref: str
    type: str = "ISO14443"
    level: Level = Level.UID
    last4: str = ""
    contract_id: str | None = None
    sealed: str = ""


class TokenStatus(enum.StrEnum):
    """OCPP 2.0.1 AuthorizationStatusEnumType, the part that a local list can say."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    UNKNOWN = "Unknown"


class TokenRecord(Value):
    """What the local list knows of a token. `evse_ids` empty: every EVSE."""

    token: IdToken
    status: TokenStatus = TokenStatus.ACCEPTED
    group_ref: str | None = None
    evse_ids: tuple[str, ...] = ()
    language: str | None = None
    expires_utc: str | None = None
    limit_wh: int | None = None  # energy that one session may take; None: any
    min_level: Level = Level.UID
