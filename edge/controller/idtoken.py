"""Who is charging, without the card's UID. Names: OCPP 2.0.1 IdTokenType, OCPI 2.2.1 Token."""

import enum

from edge.controller.struct import Value

ISO14443 = "ISO14443"
NO_AUTHORIZATION = "NoAuthorization"  # free-vend: nobody showed anything


class Level(enum.IntEnum):
    """How well a card was proven. L0: the bare UID, which any phone can copy."""

    UID = 0
    ORIGINALITY = 1
    SUN = 2
    MUTUAL = 3
    CERTIFICATE = 4


class Unproven(enum.StrEnum):
    """Why a proof that was tried did not hold."""

    TORN = "torn"  # the card went away meanwhile, or the radio failed: no word about the card
    WRONG = "wrong"  # it does not hold the key: a copy, or another card
    REPLAYED = "replayed"  # a SUN message whose counter was seen before
    FOREIGN = "foreign"  # a certificate of another authority
    OUTDATED = "outdated"  # a certificate before or after its dates
    UNABLE = "unable"  # it does not speak what it was enrolled with


class Source(enum.StrEnum):
    """Who said that a token may charge."""

    LIST = "list"  # the operator's
    OWN = "own"  # entered at the site, by hand
    CACHE = "cache"  # what the cloud said earlier
    CLOUD = "cloud"  # just now
    POLICY = "policy"  # nobody: the site lets unknown cards charge while it cannot ask
    FREE_VEND = "free_vend"


class Role(enum.StrEnum):
    """What a token is for."""

    DRIVER = "driver"  # one session at a time, unless its record says otherwise
    FLEET = "fleet"  # as many as its record says; without a word: any number
    SERVICE = "service"  # a technician: at any time, at every EVSE; starts and stops; audited
    MASTER = "master"  # stops any session, starts none (OCPP 2.0.1 MasterPassGroupId)


class IdToken(Value):
    """The form that a token takes in events and rows.

    `ref` is HMAC-SHA256 of the UID under a site pepper, 32 hex digits; `sealed` the UID under
    AES-GCM with a per-token key that lives outside the journal (base64). `last4` may be shown.
    """

    ref: str
    type: str = ISO14443
    level: Level = Level.UID
    last4: str = ""
    contract_id: str | None = None
    sealed: str = ""


#: Free-vend: one token for all of them, which no list can hold (a `ref` has 32 hex digits).
NOBODY = IdToken(ref="", type=NO_AUTHORIZATION)


class TokenStatus(enum.StrEnum):
    """OCPP 2.0.1 AuthorizationStatusEnumType, the part that a local list can say."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    UNKNOWN = "Unknown"


class Window(Value):
    """A time of the week, by the site's clock on the wall.

    `days`: ISO weekdays, 1 is Monday. Minutes of the day as that clock shows them, from `from_min` on
    and before `until_min` (0 to 1440). With `until_min` <= `from_min` it ends on the next day.
    """

    days: tuple[int, ...]
    from_min: int
    until_min: int


class Per(enum.StrEnum):
    """How often a quota begins anew, at midnight by the site's clock on the wall."""

    DAY = "day"
    WEEK = "week"  # on Monday
    MONTH = "month"
    EVER = "ever"


class Quota(Value):
    """What may be taken in each period. `cost`: decimal text incl. VAT, in the site's currency."""

    per: Per
    energy_wh: int | None = None
    cost: str | None = None


class TokenRecord(Value):
    """What is known of a token. `evse_ids` and `evse_groups` both empty: every EVSE; no `windows`: at
    any time. Quotas and `concurrent` (sessions at once; None: as usual for the role) count for all
    tokens of `user_ref` together, or for the token alone where it has none.
    """

    token: IdToken
    status: TokenStatus = TokenStatus.ACCEPTED
    group_ref: str | None = None
    evse_ids: tuple[str, ...] = ()
    language: str | None = None
    expires_utc: str | None = None
    limit_wh: int | None = None  # energy that one session may take; None: any
    min_level: Level = Level.UID
    role: Role = Role.DRIVER
    user_ref: str | None = None  # a pseudonym: no name enters the core
    evse_groups: tuple[str, ...] = ()
    windows: tuple[Window, ...] = ()
    quotas: tuple[Quota, ...] = ()
    concurrent: int | None = None
    valid_from_utc: str | None = None

    @property
    def account(self) -> str:
        """Whose quotas these are: `u:<user>` or `t:<token>`."""
        return f"t:{self.token.ref}" if self.user_ref is None else f"u:{self.user_ref}"
