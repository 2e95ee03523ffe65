"""A charging session (OCPP: transaction), as it is kept across restarts."""

import enum

from edge.controller.idtoken import IdToken, Quota, Role, Source
from edge.controller.reading import Quality, Reading
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
    MASTER_PASS = "MasterPass"
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
    energy_wh: int  # the session's start register, and what was metered since, when it began
    charging: bool  # contactor closed and the car drawing or able to
    ev_idle: bool = False  # the car does not ask for power (OCPI PARKING_TIME)


class Segment(Value):
    """What a register counted of a session until it began anew (reset, or another meter)."""

    from_wh: int
    to_wh: int


class Session(Value):
    """One transaction from authorisation to its end.

    Its energy is the difference of two registers; where the register began anew meanwhile, the sum of
    such differences, and what flowed between two of them is nobody's.
    """

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
    segments: tuple[Segment, ...] = ()  # those that have ended
    anew_wh: int | None = None  # the register where the running one began; None: the start register
    down_wh: int = 0  # of these, metered while no controller ran
    limit_wh: int | None = None  # the card's credit: then the session stops in order
    source: Source = Source.LIST
    role: Role = Role.DRIVER
    account: str = ""  # `TokenRecord.account`
    quotas: tuple[Quota, ...] = ()  # of its account, as they were at the start
    cost: str | None = None  # so far, where a quota of money asks for it (`CostSeen`)
    saved: Instant | None = None  # when it was recorded last: so much is sure after a power cut
    periods: tuple[Period, ...] = ()
    ended: Instant | None = None
    stop_reason: StopReason | None = None
    paused: bool = False  # somebody asked for it
    told: bool = False  # its Ended row is in the journal (with this value): only its price is missing

    @property
    def least_wh(self) -> int | None:
        """No later register of this session can be lower; None before the first."""
        known = [wh for wh in (self.base_wh, self.last_wh) if wh is not None]
        return max(known, default=None)

    @property
    def estimated(self) -> tuple[bool, bool]:
        """Whether its start and its end register are estimated."""
        start, end = (reading is not None and reading.quality is Quality.ESTIMATED
                      for reading in (self.start_reading, self.end_reading))
        return start, end

    @property
    def start_wh(self) -> int | None:
        """The start register; None before it was read."""
        return self.start_reading.energy_import_wh if self.start_reading else None

    @property
    def base_wh(self) -> int | None:
        """The register where the running segment began."""
        return self.start_wh if self.anew_wh is None else self.anew_wh

    @property
    def carried_wh(self) -> int:
        """Metered before the register began anew."""
        return sum(segment.to_wh - segment.from_wh for segment in self.segments)

    @property
    def energy_wh(self) -> int:
        """Metered so far: the difference of two register values, 0 before the first."""
        base_wh, end_wh = self.base_wh, self._end_wh
        return self.carried_wh + (0 if base_wh is None or end_wh is None else end_wh - base_wh)

    @property
    def spans(self) -> tuple[Segment, ...]:
        """Every segment, the running one too; more than one: the register began anew."""
        base_wh, end_wh = self.base_wh, self._end_wh
        if base_wh is None or end_wh is None:
            return self.segments
        return (*self.segments, Segment(from_wh=base_wh, to_wh=end_wh))

    @property
    def _end_wh(self) -> int | None:
        return self.end_reading.energy_import_wh if self.end_reading else self.last_wh
