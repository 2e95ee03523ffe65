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
    ESTIMATED = "estimated"  # the last one that was believed, as no fresh one could be had in time


class PerPhase(Value):
    """One value per phase; `None` where the meter has none or it was unavailable (never zero)."""

    L1: float | None = None
    L2: float | None = None
    L3: float | None = None


class Reading(Value):
    """One reading. `mono_ns` is when its request left, so neither currents nor power are older.

    A meter is read in two tiers: `energy_mono_ns` is when the request for energy, voltage and frequency
    left, where that was another turn than this one (`None`: this one).
    `energy_raw` is the register as read, in hex; `energy_scale` is Wh per count as a decimal text.
    `rebased_from_wh`: the register began anew, and this is what was believed last before;
    `rebased_why`: "reset", "exchanged" (another meter) or "wrapped" (it was full).
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
    energy_mono_ns: int | None = None
    energy_export_wh: int | None = None
    frequency_hz: float | None = None
    rebased_from_wh: int | None = None
    rebased_why: str = ""

    @property
    def energy_ns(self) -> int:
        """Nothing in the energy, the voltages and the frequency is older than this."""
        return self.mono_ns if self.energy_mono_ns is None else self.energy_mono_ns
