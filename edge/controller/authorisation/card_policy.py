"""What a site lets cards do, as its file says under `[cards]`."""

import enum

from edge.controller.idtoken import Level
from edge.controller.struct import Value


class Untrusted(enum.StrEnum):
    """What dates and time windows mean while the clock cannot be trusted."""

    REFUSE = "refuse"  # a token that has any is refused
    ALLOW = "allow"  # they are not looked at


class Stale(enum.StrEnum):
    """Which tokens of the list stay good after `stale_days` without contact."""

    ALL = "all"
    PROVEN = "proven"  # those that prove themselves (L3, L4)
    NONE = "none"


class Choosing(enum.StrEnum):
    """What a card means when more than one car waits for one."""

    ASK = "ask"  # the screen asks; without an answer the car that has waited longest
    OLDEST = "oldest"


class CardPolicy(Value):
    """The zero value: only cards that are known, and only as their records say."""

    free_vend: bool = False  # a plug is enough
    min_level: Level = Level.UID  # of every card, whatever its record says
    unknown_offline: bool = False  # OCPP 2.0.1 OfflineTxForUnknownIdEnabled, and its bounds:
    unknown_limit_wh: int = 10_000
    unknown_per_day: int = 5
    online_s: float = 3.0  # so long is waited for the cloud's word about an unknown card
    untrusted_clock: Untrusted = Untrusted.REFUSE
    stale_days: int | None = 30  # None: the list never grows stale
    stale_keeps: Stale = Stale.PROVEN
    choosing: Choosing = Choosing.ASK
    choose_s: float = 15.0
    bad_taps: int = 5  # unknown and failed ones in a row at one reader, then they have to wait
    bad_tap_s: float = 12.0  # one more is forgiven after so long; the wait doubles while they go on
