"""How a controller is, in figures: the answer to the service action `health`.

For `forecourt doctor`, for a supervisor, for a bug report. Nothing in it names a person: no card, no
reference of one, no session, no address. Ages and times are of the moment at which it was asked;
counters run from the start of the controller, so that two answers give a rate.
"""

import msgspec

from edge.controller.faults import FaultCode, Severity, Stops
from edge.controller.struct import Value

HEALTH = "health"


class ClockHealth(Value):
    """`why` is empty while the wall clock is trusted."""

    ok: bool
    utc: str | None
    why: str = ""


class StreamHealth(Value):
    """`seq`: last committed row; `acked`: last one that the cloud holds; `tail`: last one given up."""

    seq: int
    acked: int
    tail: int = 0


class JournalHealth(Value):
    """`waiting_ms`: how long the oldest row has waited for the disk. Sizes in bytes, with its log.

    `error`: why the last try to write failed; `hurt`: what was found damaged, at the start or since.
    """

    epoch: str
    boot: int
    new: bool
    sqlite: str
    alive: bool
    streams: dict[str, StreamHealth]
    commits: int
    rows: int
    failures: int
    last_ms: float
    max_ms: float
    file_bytes: int
    waiting_ms: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    day_bytes: int | None = None  # written since midnight UTC, or the start if that was later
    error: str | None = None
    hurt: str | None = None
    set_aside: tuple[str, ...] = ()  # names of damaged files that are kept


class RecorderHealth(Value):
    """The flight recorder. `lost`: events that were not kept since it could not keep up."""

    on: bool
    bytes: int = 0
    segments: int = 0
    pins: int = 0
    lost: int = 0
    oldest_utc: str | None = None
    error: str | None = None


class VitalHealth(Value):
    """Something that must be alive for the watchdog to be fed. `age_s`: since its last sign of life."""

    name: str
    alive: bool
    age_s: float | None = None
    detail: str = ""


class SupervisionHealth(Value):
    """`watchdog_s`: what systemd waits for, None without it. `restarts`: in the last ten minutes."""

    vitals: tuple[VitalHealth, ...] = ()
    watchdog_s: float | None = None
    restarts: int = 0
    safe_stop: str | None = None  # why nothing but the sockets runs


class UnitHealth(Value):
    """One unit of a line. `silent`: timeouts in a row, up to now. `gap_ms`: silence that it wants after
    another unit's frame, more than is usual.
    """

    unit: int
    who: str  # "meter main", "board of evse 1"; "" where the site's file has none
    answers: int
    refusals: int
    timeouts: int
    bad: int
    silent: int
    typical_ms: float | None
    worst_ms: float
    crc_errors: int = 0
    gap_ms: float = 0.0


class LineHealth(Value):
    """One bus. `down`: why it cannot be used now. `busy_s`: with a request under way. `another_master`:
    somebody else asks on it. `echo`: it hears what it sends, and its url does not say so.
    """

    id: str
    where: str
    down: str | None
    requests: int
    downs: int
    busy_s: float
    worst_wait_ms: float
    units: tuple[UnitHealth, ...]
    crc_errors: int = 0
    noise_bytes: int = 0
    another_master: bool = False
    echo: bool = False


class BoardHealth(Value):
    """A pilot board. `age_s`: since its last complete poll, None: never."""

    evse_id: str
    where: str  # "unit 11 on cabinet"
    age_s: float | None
    error: str | None = None
    firmware: str = ""
    boots: int = 0
    temperature_c: float | None = None
    faults: tuple[str, ...] = ()


class MeterHealth(Value):
    """`age_s`: since its last good reading, None: never."""

    id: str
    where: str
    age_s: float | None
    error: str | None = None
    bills: bool = True  # an EVSE; False: the meter of a circuit only


class ReaderHealth(Value):
    """A card reader and its process. `error`: why no card is read."""

    id: str
    path: str
    pid: int | None
    error: str | None = None


class SensorHealth(Value):
    """A temperature sensor of the Pi. `celsius` None: it gives no value."""

    id: str
    place: str
    celsius: float | None
    age_s: float | None


class InputHealth(Value):
    """A contact at a pin. `active` None: it cannot be told."""

    id: str
    kind: str
    active: bool | None


class DiskHealth(Value):
    """Where the journal is. `free_bytes` None: not looked at, or it did not answer."""

    folder: str
    free_bytes: int | None
    low_bytes: int
    full_bytes: int


class CloudHealth(Value):
    """What sync says of its line. `connected` None: it has said nothing since the start."""

    configured: bool
    connected: bool | None
    last_ack_age_s: float | None
    pending: dict[str, int]


class ClientHealth(Value):
    """A process at one of the sockets: `origin` is ui, service or sync."""

    origin: str
    pid: int
    uid: int


class EvseHealth(Value):
    """What an outlet does, in OCPP's words."""

    id: str
    state: str
    charging: bool
    operational: bool


class FaultHealth(Value):
    """A fault that stands. Its remedy is in the catalogue of words, by its code."""

    code: FaultCode
    name: str
    severity: Severity
    stops: Stops
    where: str
    since_utc: str | None
    detail: str = ""
    count: int = 0


class Health(Value):
    """Everything, as of `mono_ns`."""

    software: str
    site_id: str
    virtual: bool
    pid: int
    boot: int
    mono_ns: int
    uptime_s: float
    memory_bytes: int | None
    clock: ClockHealth
    journal: JournalHealth
    disk: DiskHealth
    cloud: CloudHealth
    version: int = 1
    recorder: RecorderHealth | None = None
    supervision: SupervisionHealth | None = None
    lines: tuple[LineHealth, ...] = ()
    boards: tuple[BoardHealth, ...] = ()
    meters: tuple[MeterHealth, ...] = ()
    readers: tuple[ReaderHealth, ...] = ()
    sensors: tuple[SensorHealth, ...] = ()
    inputs: tuple[InputHealth, ...] = ()
    clients: tuple[ClientHealth, ...] = ()
    evses: tuple[EvseHealth, ...] = ()
    faults: tuple[FaultHealth, ...] = ()
    notes: tuple[str, ...] = msgspec.field(default=())  # sessions or values that could not be read
