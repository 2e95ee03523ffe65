"""What a virtual cabinet consists of: the JSON that `python -m hil_tests.virtual.cabinet` reads."""

from pathlib import Path

import msgspec

PHASES = ("L1", "L2", "L3")


class _Part(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Everything by name, nothing unknown."""


class LineSpec(_Part):
    """An RS-485 line. `link`: the symlink to its pty, as a bus url names it."""

    id: str
    link: str
    baud: int = 19200
    bits_per_char: int = 11  # 8E1; 10 is 8N1


class MeterSpec(_Part):
    """A meter. `evses`: whose current flows through it; `house_a`: what flows besides, per phase."""

    id: str
    line: str
    unit: int
    model: str = "eastron-sdm630"
    evses: tuple[str, ...] = ()
    by_grid_phase: bool = False  # True: a circuit's meter; False: an outlet's, in its own phase order
    supply_side: bool = True  # False: dead while the contactor of its EVSE is open
    house_a: float = 0.0
    start_wh: float = 0.0


class CarSpec(_Part):
    """Habits of the car that `plug` connects; see `physics.Car`."""

    max_a: float = 16.0
    phases: int = 3
    ask_after_s: float = 0.5
    x1_open_s: float = 1.0


class EvseSpec(_Part):
    """A charging point: its board on a line, its lines of the Pi, its wiring and its car."""

    id: str
    line: str
    board_unit: int
    coil_gpio: int
    mirror_gpio: int
    phases: tuple[str, ...] = PHASES
    car: CarSpec = msgspec.field(default_factory=CarSpec)


class ReaderSpec(_Part):
    """A card reader's field, at a UDP port of the loopback."""

    id: str
    port: int


class InputSpec(_Part):
    """A contact at a line of the Pi. `kind` "breaker": the auxiliary contact of those of its EVSEs."""

    id: str
    gpio: int
    active_high: bool
    kind: str = "door"
    evses: tuple[str, ...] = ()


class SensorSpec(_Part):
    """A temperature in a file of the kernel's. `form`: "millidegrees" or "w1_slave"."""

    id: str
    file: str
    form: str = "millidegrees"
    celsius: float = 25.0


class CardSpec(_Part):
    """A card that a person may hold to a reader: see `wallet.py`. Bytes are written in hex.

    `kind`: one of `wallet.KINDS`. `random`: it makes up a new number at each tap, and tells `uid` only
    to who knows its key. `keys`: by their number in the card. `application`: the AID of a DESFire.
    `meta_key` and `file_key`: of SUN messages. `authority`: the private key (a number) of the authority
    that signed its certificate, `dates` that certificate's, as YYYYMMDD.
    """

    uid: str
    kind: str = "number"
    random: bool = False
    keys: dict[str, str] = msgspec.field(default_factory=dict)
    application: str = "F04543"
    meta_key: str | None = None
    file_key: str | None = None
    signature: str | None = None
    authority: str | None = None
    authority_id: str = "FCTTEST1"
    dates: tuple[str, str] = ("20250101", "20451231")
    copied_certificate: bool = False  # without the private key that belongs to it


class RelaySpec(_Part):
    """The network: where the site connects, and where the broker is."""

    listen_port: int
    broker_port: int


class CabinetConfig(_Part):
    """The whole cabinet. Paths are absolute, or relative to the working folder."""

    control: str  # Unix socket of the rig
    gpio: str  # Unix socket of the RPi shim
    folder: str  # for what the boards need
    moves: str | None = None  # move log
    on_exit: str = "persist"  # GPIO lines of a process that ended: persist, input, reset
    tick_s: float = 0.005
    lines: tuple[LineSpec, ...] = ()
    meters: tuple[MeterSpec, ...] = ()
    evses: tuple[EvseSpec, ...] = ()
    readers: tuple[ReaderSpec, ...] = ()
    inputs: tuple[InputSpec, ...] = ()
    sensors: tuple[SensorSpec, ...] = ()
    cards: dict[str, str | CardSpec] = msgspec.field(default_factory=dict)  # a UID in hex is a number
    relay: RelaySpec | None = None


def read(path: Path) -> CabinetConfig:
    """Read a config. Raises `msgspec.ValidationError`, `msgspec.DecodeError`, `OSError`."""
    return msgspec.json.decode(path.read_bytes(), type=CabinetConfig)


def write(config: CabinetConfig, path: Path) -> None:
    """Write a config."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(config), indent=2) + b"\n")
