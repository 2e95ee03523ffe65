"""What a contactor has done, and how much of its life that is. Kept across restarts."""

from edge.controller.struct import Value


class ContactorWear(Value):
    """Since the contactor was new. `load_breaks`: openings with 1 A or more, or an unknown current."""

    evse_id: str
    cycles: int = 0
    load_breaks: int = 0
    closed_s: int = 0
