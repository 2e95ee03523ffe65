"""The virtual site's files: its `site.toml`, its tariff, and the cabinet that fits a `site.toml`."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from hil_tests.virtual.cabinet_config import (
    CabinetConfig,
    CarSpec,
    EvseSpec,
    InputSpec,
    LineSpec,
    MeterSpec,
    ReaderSpec,
    RelaySpec,
    SensorSpec,
)
from hil_tests.virtual.site_cards import SITE_CARDS

# Bare numbers that every virtual site knows; what else people carry: `site_cards.SITE_CARDS`.
CARDS = {card.name: card.uid for card in SITE_CARDS[:2]}

SITE_ID = "SE*FCT*E0001"

_HEAD = """\
# The virtual site of `forecourt demo`: written anew at each start.

[site]
id = "%(id)s"
name = "Hamngatan garage"
time_zone = "Europe/Stockholm"
languages = ["sv", "en"]
support = { phone = "+46 10 000 00 00", email = "help@example.org" }
virtual = true

[site.location]
address = "Hamngatan 1"
postal_code = "111 47"
city = "Stockholm"
country = "SWE"
latitude = 59.33258
longitude = 18.07230

[paths]
state = "state"
run = "%(run)s"
%(limit)s

[[circuit]]
id = "grid"
fuse_a = 63
meter = "main"

[[circuit]]
id = "row-a"
parent = "grid"
fuse_a = 32

[[bus]]
id = "cabinet"
url = "rtu:%(line)s?baud=38400&parity=E"

[[meter]]
id = "main"
bus = "cabinet"
unit = 1
model = "eastron-sdm630"
supply_side = true

[[reader]]
id = "front"
path = "udp:127.0.0.1:%(reader_port)d"
serves = [%(serves)s]

[tariff]
file = "tariff.json"

[cloud]
url = "mqtt://127.0.0.1:%(relay_port)d"
"""

_EVSE = """
[[meter]]
id = "bay-%(id)s"
bus = "cabinet"
unit = %(meter_unit)d
model = "eastron-sdm630"
supply_side = true

[[evse]]
id = "%(id)s"
label = "Bay %(id)s"
circuit = "row-a"
phases = %(phases)s
max_a = 16
failsafe_a = %(failsafe_a)d
meter = "bay-%(id)s"
board = { bus = "cabinet", unit = %(board_unit)d, hold_s = %(hold_s)d }
contactor = { coil_gpio = %(coil)d, mirror_gpio = %(mirror)d%(rated)s }
"""

_INPUT = """
[[input]]
id = "%(id)s"
kind = "%(kind)s"
gpio = %(gpio)d
active = "%(active)s"
%(evses)s
"""

_SENSOR = """
[[sensor]]
id = "%(id)s"
place = "%(id)s"
file = "%(file)s"
fallback_a = %(fallback_a)d
%(evses)s
"""

#: Every kind of input and every place of a sensor: (id and kind, pin, active level, EVSEs; "": all).
INPUTS = (("door", 12, "low", ""), ("tilt", 13, "high", '"1"'), ("water", 24, "high", ""),
          ("breaker", 25, "low", '"1"'), ("earth", 26, "low", ""), ("emergency_stop", 27, "low", ""))
SENSORS = (("terminals", "28-0000001/w1_slave", 0, '"1"'), ("cabinet", "hwmon0/temp1_input", 10, ""),
           ("cable", "28-0000002/temperature", 0, '"1"'))


@dataclass(frozen=True)
class Choices:
    """What a test wants otherwise in `site.toml`. `timers`: any of the core's, in seconds."""

    rules: Mapping[str, float] = field(default_factory=dict)
    timers: Mapping[str, float] = field(default_factory=dict)
    journal: Mapping[str, int] = field(default_factory=dict)
    rated: Mapping[str, int] = field(default_factory=dict)  # of every contactor
    state_limit_mb: int | None = None
    senses: bool = True  # inputs and sensors
    hold_s: int = 60  # how long the boards hold the failsafe current without a controller
    people: bool = False  # everybody's cards on a signed list, instead of two bare numbers


USUAL = Choices()

TARIFF = {
    "country_code": "SE", "party_id": "FCT", "id": "demo", "currency": "SEK", "type": "REGULAR",
    "elements": [
        {"price_components": [{"type": "ENERGY", "price": 4.00, "vat": 25, "step_size": 1}]},
        {"price_components": [{"type": "PARKING_TIME", "price": 12.00, "vat": 25, "step_size": 60}],
         "restrictions": {"min_duration": 7200}},
    ],
    "last_updated": "2026-11-01T00:00:00Z",
}

_FIRST_BOARD, _FIRST_METER, _FIRST_COIL, _FIRST_MIRROR = 11, 2, 4, 16
_MOST_EVSES = 8


def write_site(folder: Path, *, run_dir: Path, evses: int, reader_port: int, relay_port: int,
               choices: Choices = USUAL) -> Path:
    """Write `site.toml` and `tariff.json`; the path of the former. 1 to 8 EVSEs with turned phases."""
    if not 1 <= evses <= _MOST_EVSES:
        raise ValueError(f"evses: got {evses}, expected 1 to {_MOST_EVSES}")
    ids = [str(number + 1) for number in range(evses)]
    limit = "" if choices.state_limit_mb is None else f"state_limit_mb = {choices.state_limit_mb}"
    text = _HEAD % {"id": SITE_ID, "run": run_dir, "limit": limit, "line": folder / "rs485",
                    "reader_port": reader_port,
                    "serves": ", ".join(f'"{evse}"' for evse in ids), "relay_port": relay_port}
    phases = ("L1", "L2", "L3")
    for n, evse in enumerate(ids):
        turned = phases[n % 3:] + phases[:n % 3]
        text += _EVSE % {"id": evse, "meter_unit": _FIRST_METER + n, "phases": json.dumps(turned),
                         "board_unit": _FIRST_BOARD + n, "coil": _FIRST_COIL + n,
                         "mirror": _FIRST_MIRROR + n, "hold_s": choices.hold_s,
                         "rated": "".join(f", {k} = {v}" for k, v in choices.rated.items()),
                         "failsafe_a": 6 if evses * 6 <= 32 else 0}  # 32: the fuse of the row
    text += _senses() if choices.senses else ""
    text += (_table("rules", choices.rules) + _table("journal", choices.journal)
             + _table("virtual_timers", choices.timers))
    path = folder / "site.toml"
    path.write_text(text, encoding="utf-8")
    (folder / "tariff.json").write_text(json.dumps(TARIFF, indent=2) + "\n", encoding="utf-8")
    return path


def _senses() -> str:
    def whose(evses: str) -> str:
        return f"evses = [{evses}]" if evses else ""

    return "".join(_INPUT % {"id": kind, "kind": kind, "gpio": gpio, "active": active,
                             "evses": whose(evses)} for kind, gpio, active, evses in INPUTS) + "".join(
        _SENSOR % {"id": place, "file": f"sensors/{file}", "fallback_a": fallback_a,
                   "evses": whose(evses)} for place, file, fallback_a, evses in SENSORS)


def _table(name: str, values: Mapping[str, float]) -> str:
    if not values:
        return ""
    return f"\n[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in values.items())


def cabinet_of(site_file: Path, *, control: Path, gpio: Path, broker_port: int,
               on_exit: str = "persist") -> CabinetConfig:
    """The cabinet that is wired as a `site.toml` says. Reads the file by itself."""
    site = tomllib.loads(site_file.read_text(encoding="utf-8"))
    folder = site_file.parent
    circuits = {circuit["id"]: circuit for circuit in site["circuit"]}
    relay_port = int(site["cloud"]["url"].rpartition(":")[2])
    return CabinetConfig(
        control=str(control), gpio=str(gpio), folder=str(folder), moves=str(folder / "moves.jsonl"),
        on_exit=on_exit,
        lines=tuple(_line(bus) for bus in site["bus"]),
        meters=tuple(_meter(n, meter, site, circuits) for n, meter in enumerate(site["meter"])),
        evses=tuple(_evse(n, evse) for n, evse in enumerate(site["evse"])),
        readers=tuple(ReaderSpec(id=reader["id"], port=int(reader["path"].rpartition(":")[2]))
                      for reader in site.get("reader", [])),
        inputs=tuple(_input(entry, site) for entry in site.get("input", [])),
        sensors=tuple(_sensor(entry, folder) for entry in site.get("sensor", [])),
        cards={card.name: card.spec for card in SITE_CARDS},
        relay=RelaySpec(listen_port=relay_port, broker_port=broker_port))


def _line(bus: dict[str, Any]) -> LineSpec:
    path, _, query = bus["url"].removeprefix("rtu:").partition("?")
    options = {key: values[-1] for key, values in parse_qs(query).items()}
    parity = options.get("parity", "E")
    return LineSpec(id=bus["id"], link=path, baud=int(options.get("baud", "19200")),
                    bits_per_char=10 if parity == "N" else 11)


def _meter(n: int, meter: dict[str, Any], site: dict[str, Any],
           circuits: dict[str, dict[str, Any]]) -> MeterSpec:
    """An outlet's meter, or a circuit's, through which the current of every outlet below flows."""
    own = [evse["id"] for evse in site["evse"] if evse["meter"] == meter["id"]]
    fed = [name for name, circuit in circuits.items() if circuit.get("meter") == meter["id"]]
    below = own or [evse["id"] for evse in site["evse"]
                    if any(name in fed for name in _way_to_grid(evse["circuit"], circuits))]
    return MeterSpec(
        id=meter["id"], line=meter["bus"], unit=meter["unit"], model=meter["model"],
        evses=tuple(below), by_grid_phase=not own, supply_side=meter["supply_side"],
        house_a=0.0 if own else 4.0, start_wh=417_250 + 93_407 * n)


def _input(entry: dict[str, Any], site: dict[str, Any]) -> InputSpec:
    evses = entry.get("evses", [evse["id"] for evse in site["evse"]])
    return InputSpec(id=entry["id"], gpio=entry["gpio"], active_high=entry["active"] == "high",
                     kind=entry["kind"], evses=tuple(evses))


def _sensor(entry: dict[str, Any], folder: Path) -> SensorSpec:
    form = "w1_slave" if entry["file"].endswith("w1_slave") else "millidegrees"
    return SensorSpec(id=entry["id"], file=str(folder / entry["file"]), form=form)


def _way_to_grid(circuit: str | None, circuits: dict[str, dict[str, Any]]) -> list[str]:
    way = []
    while circuit is not None:
        way.append(circuit)
        circuit = circuits[circuit].get("parent")
    return way


def _evse(n: int, evse: dict[str, Any]) -> EvseSpec:
    return EvseSpec(
        id=evse["id"], line=evse["board"]["bus"], board_unit=evse["board"]["unit"],
        coil_gpio=evse["contactor"]["coil_gpio"], mirror_gpio=evse["contactor"]["mirror_gpio"],
        phases=tuple(evse["phases"]),
        car=CarSpec(max_a=16.0 - 3 * (n % 2), phases=len(evse["phases"]), x1_open_s=0.6))
