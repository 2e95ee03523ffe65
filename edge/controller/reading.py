"""What a meter says, with its age. Source of context names: OCPP 2.0.1 ReadingContextEnumType."""

import enum

from edge.controller.struct import Value


class ReadingContext(enum.StrEnum):
    """Why a reading was taken (OCPP 2.0.1 names)."""

    TRANSACTION_BEGIN = "Transaction.Begin"
    TRANSACTION_END = "Transaction.End"
    SAMPLE_PERIODIC = "Sample.Periodic"


class Quality(enum.StrEnum):
    """Whether a reading may be billed."""

    GOOD = "good"
    SUSPECT = "suspect"  # the energy acceptor refused the register value: display at most


class PerPhase(Value):
    """One value per phase; `None` where the meter has none or it was unavailable (never zero)."""

    L1: float | None = None
    L2: float | None = None
    L3: float | None = None


class Reading(Value):
    """One reading. `mono_ns` is when its request left, so nothing in it is older than that.

    `energy_raw` is the register as read, in hex; `energy_scale` is Wh per count as a decimal text.
    A value that could not be had is `None`: never the last good one and never zero.
    """

    meter_id: str
    mono_ns: int
    context: ReadingContext = ReadingContext.SAMPLE_PERIODIC
    quality: Quality = Quality.GOOD
    energy_import_wh: int | None = None
    energy_raw: str = ""
    energy_scale: str = ""
    power_w: float | None = None
    current_a: PerPhase = PerPhase()
    voltage_v: PerPhase = PerPhase()
