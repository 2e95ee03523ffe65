"""A charging session (OCPP: transaction), as it is kept across restarts."""

import enum

from edge.controller.idtoken import IdToken
from edge.controller.reading import Reading
from edge.controller.struct import Value


class ChargingState(enum.StrEnum):
    """OCPP 2.0.1 ChargingStateEnumType."""

    IDLE = "Idle"
    EV_CONNECTED = "EVConnected"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"


class StopReason(enum.StrEnum):
    """OCPP 2.0.1 ReasonEnumType, the part that this site can say."""

    LOCAL = "Local"
    EV_DISCONNECTED = "EVDisconnected"
    ENERGY_LIMIT_REACHED = "EnergyLimitReached"
    DE_AUTHORIZED = "DeAuthorized"
    EMERGENCY_STOP = "EmergencyStop"
    GROUND_FAULT = "GroundFault"
    OVERCURRENT = "OvercurrentFault"
    POWER_LOSS = "PowerLoss"
    POWER_QUALITY = "PowerQuality"
    REBOOT = "Reboot"
    REMOTE = "Remote"
    STOPPED_BY_EV = "StoppedByEV"
    TIMEOUT = "Timeout"
    OTHER = "Other"


class Instant(Value):
    """A moment as this boot knew it: `utc` for people, `boot` and `mono_ns` for arithmetic."""

    mono_ns: int
    boot: int
    utc: str | None = None
    clock_ok: bool = False
    repaired: bool = False  # `utc` was computed from `mono_ns` when the clock could be trusted again


class Period(Value):
    """From `start` on, until the next period or the end. OCPI: one ChargingPeriod."""

    start: Instant
    energy_wh: int  # register value when it began
    charging: bool  # contactor closed and the car drawing or able to
    ev_idle: bool = False  # the car does not ask for power (OCPI PARKING_TIME)


class Session(Value):
    """One transaction from authorisation to its end. `start_wh`/`end_wh` are meter registers."""

    transaction_id: str
    evse_id: str
    token: IdToken
    began: Instant
    plug_seq: int
    group_ref: str | None = None
    board_boot: int = 0
    meter_id: str = ""
    tariff: str = ""  # the OCPI tariff in force at the start: it governs to the end
    seq_no: int = 0  # of the next OCPP TransactionEvent
    charging_state: ChargingState = ChargingState.EV_CONNECTED
    start_reading: Reading | None = None
    end_reading: Reading | None = None
    last_wh: int | None = None
    down_wh: int = 0  # of these, metered while no controller ran
    limit_wh: int | None = None  # the card's credit: then the session stops in order
    saved: Instant | None = None  # when it was recorded last: so much is sure after a power cut
    periods: tuple[Period, ...] = ()
    ended: Instant | None = None
    stop_reason: StopReason | None = None
    paused: bool = False  # somebody asked for it
    told: bool = False  # its Ended row is in the journal (with this value): only its price is missing

    @property
    def least_wh(self) -> int | None:
        """No later register of this session can be lower; None before the first."""
        start = self.start_reading.energy_import_wh if self.start_reading else None
        known = [wh for wh in (start, self.last_wh) if wh is not None]
        return max(known, default=None)

    @property
    def energy_wh(self) -> int:
        """Metered so far: the difference of two register values, 0 before the first."""
        start = self.start_reading.energy_import_wh if self.start_reading else None
        end = self.end_reading.energy_import_wh if self.end_reading else self.last_wh
        return 0 if start is None or end is None else end - start
