"""What a contactor has done, and how much of its life that is. Kept across restarts."""

from edge.controller.site import Evse
from edge.controller.struct import Value


class ContactorWear(Value):
    """Since the contactor was new. `load_breaks`: openings with 1 A or more, or an unknown current.

    `closed`: when this was kept, so that an opening that no controller saw is counted. `closed_s` is
    what controllers saw of it.
    """

    evse_id: str
    cycles: int = 0
    load_breaks: int = 0
    closed_s: int = 0
    closed: bool = False


def worn_share(evse: Evse, wear: ContactorWear) -> float:
    """Share of its rated life that is used up: by cycles or by load breaks, whichever is more."""
    return max(wear.cycles / evse.rated_cycles, wear.load_breaks / evse.rated_load_breaks)
