"""The site as the core needs it: circuits, EVSEs, limits. Built by `edge/station/config.py`."""

import enum

from edge.controller.authorisation.card_policy import CardPolicy
from edge.controller.struct import Value

PHASES = ("L1", "L2", "L3")


class Circuit(Value):
    """A fuse. `parent` None: the grid connection."""

    id: str
    fuse_a: float
    parent: str | None = None
    meter_id: str | None = None


class CurvePoint(Value):
    """At this temperature so much of `max_a` may be offered; between two points in proportion."""

    celsius: float
    share: float


#: Our own choice for terminals and cabinets: half at 70 degrees, nothing from 80 on.
CURVE = (CurvePoint(celsius=60.0, share=1.0), CurvePoint(celsius=70.0, share=0.5),
         CurvePoint(celsius=80.0, share=0.0))

#: Of a board's own sensor. The board itself opens above 71 degrees (`firmware/faults.py`), so that all
#: is taken in order before. The shares are OpenEVSE's steps (65, 68 and 71 degrees), a little earlier.
BOARD_CURVE = (CurvePoint(celsius=58.0, share=1.0), CurvePoint(celsius=64.0, share=0.5),
               CurvePoint(celsius=67.0, share=0.25), CurvePoint(celsius=69.0, share=0.0))
BOARD_PANIC_C = 70.0


class SensorPlace(enum.StrEnum):
    """Where a temperature sensor sits, which decides the fault that names it."""

    TERMINALS = "terminals"
    CABINET = "cabinet"
    CABLE = "cable"


class Sensor(Value):
    """A temperature sensor of the Pi; each board has one of its own, at the contactor's terminals.

    `panic_c`: from here on the contactor opens at once. `fallback_a`: what is offered while it gives
    no value; below 6 A that is a pause.
    """

    id: str
    place: SensorPlace
    evse_ids: tuple[str, ...]
    curve: tuple[CurvePoint, ...] = CURVE
    panic_c: float = 85.0
    fallback_a: float = 0.0


class InputKind(enum.StrEnum):
    """What a digital input of the Pi watches for."""

    DOOR = "door"
    TILT = "tilt"
    WATER = "water"
    BREAKER = "breaker"  # open, in front of the outlets
    EARTH = "earth"  # lost
    EMERGENCY_STOP = "emergency_stop"  # of the site; each board has one of its own


class Input(Value):
    """A digital input of the Pi and the EVSEs that it stops."""

    id: str
    kind: InputKind
    evse_ids: tuple[str, ...]


class Evse(Value):
    """One outlet. `phases`: which grid phase each of its phases is wired to, in its own order."""

    id: str
    label: str
    circuit: str
    phases: tuple[str, ...]
    max_a: float
    failsafe_a: float
    meter_id: str
    meter_on_supply_side: bool = True  # False: dead while the contactor is open, and no fault
    meter_refresh_s: float = 1.0  # how old a register may be inside the meter
    ventilation: bool = False  # a car in state D may charge here
    ordinal: int = 1  # OCPP evse.id, from 1 in file order
    meter_step_wh: float = 10.0  # one step of its register
    curve: tuple[CurvePoint, ...] = BOARD_CURVE  # of the board's own sensor
    rated_cycles: int = 1_000_000  # of the contactor, without load
    rated_load_breaks: int = 100_000
    nominal_v: float = 230.0
    groups: tuple[str, ...] = ()  # that a token's record may name


class Timers(Value):
    """Every wait of the core, in seconds."""

    plug_in_s: float = 60.0  # a card without a plug
    stop_open_s: float = 6.0  # X1 to opening, whatever the current
    mirror_close_s: float = 1.0
    mirror_open_s: float = 1.0
    relay_open_s: float = 1.0  # from the relay's command to no supply behind it
    raise_s: float = 5.0  # between two raises of one offer
    grant_s: float = 5.0
    renew_s: float = 1.0
    fault_off_s: float = 30.0  # minimum off time after a fault opened it
    hammer_count: int = 5  # so many re-closings
    hammer_window_s: float = 120.0  # within this time
    hammer_hold_s: float = 300.0  # hold off for so long
    wake_after_s: float = 30.0  # offered and not asked: one wake-up attempt; 0: none
    wake_pulse_s: float = 4.0
    replug_s: float = 5.0  # a plug that bounces for no longer
    replug_young_s: float = 300.0  # in a session that is no older than this ends nothing
    stagger_s: float = 60.0  # after mains return, the longest wait
    resume_s: float = 3600.0  # a session that was last seen longer ago is not resumed
    auth_timeout_s: float = 0.0  # a plug without a card; 0: for ever
    overcurrent_s: float = 7.0
    voltage_s: float = 5.0  # out of range for so long
    voltage_back_s: float = 30.0  # back in range for so long
    overload_s: float = 5.0
    derate_hold_s: float = 60.0  # before more is offered again
    sensor_stale_s: float = 10.0
    frozen_s: float = 600.0  # current flows, and the register stands
    contradicts_s: float = 30.0  # a meter's power and its currents
    min_off_s: float = 5.0  # doubled from the fourth short charge in a row on, at most 64 times
    short_s: float = 60.0  # a charge that the car ends sooner is a short one
    sample_s: float = 60.0  # periodic TransactionEvent
    telemetry_s: float = 10.0
    receipt_s: float = 60.0
    message_s: float = 5.0
    explained_s: float = 10.0  # a refusal that a page of its own explains
    board_lost_s: float = 3.0  # without a valid poll
    meter_lost_s: float = 10.0  # without a good reading
    cloud_lost_s: float = 5.0
    clock_lost_s: float = 60.0  # time servers answer within seconds of the start, if there is a network
    mirror_agree_s: float = 1.0
    start_read_s: float = 2.0  # after that the last one from behind an open contactor starts it
    end_read_s: float = 30.0  # after that the last register value that was seen ends the session
    whole_s: float = 1.0  # so often everything is judged, whoever is at rest (`resting.py`)
    card_dead_s: float = 3.0  # a card that started a session does not stop it so soon after


class SitePlan(Value):
    """Everything that the core needs to know of a site."""

    id: str
    circuits: tuple[Circuit, ...]
    evses: tuple[Evse, ...]
    timers: Timers = Timers()
    sensors: tuple[Sensor, ...] = ()
    inputs: tuple[Input, ...] = ()
    wear_warning: float = 0.8  # share of the rated life
    undervoltage: float = 0.85  # of nominal; IEC 60038 allows 0.90 to 1.10 at the supply
    overvoltage: float = 1.15
    disk_low_bytes: int = 500_000_000
    disk_full_bytes: int = 50_000_000  # what ending the sessions needs, many times over
    slow_commit_ms: int = 500  # a card may be busy so long at most (SD Physical Layer, 4.6.2.2)
    site_meters: tuple[str, ...] = ()  # meters of circuits, which no EVSE is billed by
    tariff: str = ""  # OCPI JSON, kept with each session; only billing reads it
    software: str = "0.1.0"
    cards: CardPolicy = CardPolicy()
    zone: tuple[tuple[int, int], ...] = ()  # from each moment (s since 1970) on, the seconds that its
    # clock on the wall is ahead of UTC; sorted; before the first: as the first. Empty: UTC
