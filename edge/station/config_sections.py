"""The shape of `site.toml`: one struct per table, with the bounds that one value alone can break."""

from typing import Annotated

import msgspec
from msgspec import Meta

from edge.controller.site import Timers
from edge.controller.struct import Value
from edge.station.config_cards import CardsSection, Groups
from edge.station.config_journal import JournalSection
from edge.station.config_proofs import ProofsSection
from edge.station.config_senses import Curve, InputSection, RulesSection, SensorSection
from edge.station.config_types import File, Gpio, Id, Phase, Ref, Text, Unit, amperes


class Support(Value):
    """Whom a driver in trouble can reach."""

    phone: Annotated[str, Meta(pattern=r"^\+?[0-9 ()/-]{3,30}\Z",
                               description='a telephone number in quotes, as "+46 10 000 00 00"')]
    email: Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+\Z",
                               description="a mail address in quotes")] | None = None


class LocationSection(Value):
    """`[site.location]`: what a CDR says of the place (OCPI CdrLocation)."""

    address: Annotated[str, Meta(min_length=1, max_length=45,
                                 description="street and number, in quotes")]
    city: Annotated[str, Meta(min_length=1, max_length=45, description="a town in quotes")]
    country: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z",
                                 description='an ISO 3166 alpha-3 code, as "SWE"')]
    latitude: Annotated[float, Meta(ge=-90, le=90, description="degrees north, as 59.33258")]
    longitude: Annotated[float, Meta(ge=-180, le=180, description="degrees east, as 18.06490")]
    postal_code: Annotated[str, Meta(min_length=1, max_length=10,
                                     description="a postal code in quotes")] | None = None


class SiteSection(Value):
    """`[site]`: who and where. `virtual` permits `udp:` readers and the GPIO shim."""

    id: Annotated[str, Meta(
        pattern=r"^[A-Z]{2}\*?[A-Z0-9]{3}\*?E[A-Z0-9][A-Z0-9*]{0,30}\Z",
        description='an id in the form of an EVSE id (country, operator, E...), as "SE*FCT*E0001"')]
    name: Text
    time_zone: Annotated[str, Meta(description='an IANA time zone, as "Europe/Stockholm"')]
    languages: Annotated[tuple[str, ...], Meta(
        min_length=1, description='languages of the screen, the first is the default, as ["sv", "en"]')]
    support: Support
    virtual: bool = False
    location: LocationSection | None = None

    @property
    def country_code(self) -> str:
        """ISO 3166 alpha-2, from the site's id (OCPI `country_code`)."""
        return self.id[:2]

    @property
    def party_id(self) -> str:
        """The operator's three characters, from the site's id (OCPI `party_id`)."""
        return self.id.replace("*", "")[2:5]


Group = Annotated[str, Meta(pattern=r"^[a-z_][a-z0-9_-]{0,31}\Z",
                            description="a system group in quotes")]


class SocketGroups(Value):
    """Who may connect to which socket besides the controller's own user. The user must be in each."""

    ui: Group | None = None
    service: Group | None = None
    sync: Group | None = None


class PathsSection(Value):
    """`[paths]`: relative ones are meant from the folder of the site's file."""

    state: File = "/var/lib/forecourt"
    run: File = "/run/forecourt"
    socket_groups: SocketGroups = SocketGroups()
    state_limit_mb: Annotated[int, Meta(ge=10, le=1_000_000, description=(
        "megabytes from 10 on that the state folder may hold; without it: the disk"))] | None = None


class CircuitSection(Value):
    """`[[circuit]]`: a fuse. Without `parent`: the grid connection."""

    id: Id
    fuse_a: Annotated[float, amperes(6, 2000)]
    parent: Ref | None = None
    meter: Ref | None = None


class BusSection(Value):
    """`[[bus]]`: a serial line or a gateway, as `rtu:/dev/ttyAMA0?baud=19200&parity=E`."""

    id: Id
    url: Annotated[str, Meta(
        min_length=1, description='a bus url, as "rtu:/dev/ttyUSB0?baud=19200&parity=E"')]


class MeterSection(Value):
    """`[[meter]]`: `supply_side` false: behind the contactor, so dead while that is open.

    `max_current_a`: the most that can flow through it, where that is not what its model says: a variant
    with transformers counts more, and energy that seems to flow faster than it can is refused.
    """

    id: Id
    bus: Ref
    unit: Unit
    model: Annotated[str, Meta(min_length=1, description='a meter model, as "eastron-sdm630"')]
    supply_side: Annotated[bool, Meta(description=(
        "true (wired before the contactor) or false (behind it: dead while it is open)"))]
    period_s: Annotated[float, Meta(ge=0.2, le=5, description=(
        "seconds from 0.2 to 5 between two readings of its currents and power"))] = 1.0
    energy_period_s: Annotated[float, Meta(ge=1, le=8, description=(
        "seconds from 1 to 8 between two readings of its energy and voltages"))] = 4.0
    max_current_a: Annotated[float, amperes(1, 10_000)] | None = None


class BoardSection(Value):
    """Where an EVSE's pilot board is, and what it does other than usual."""

    bus: Ref
    unit: Unit
    hold_s: Annotated[int, Meta(ge=0, le=600, description=(
        "seconds from 0 to 600 that the failsafe current holds without a controller"))] = 60
    fault_f_ms: Annotated[int, Meta(ge=0, le=10_000, description=(
        "milliseconds of state F after a fault: 300 to 10000, or 0 for cars that lock up by it"))] = 300
    weld_suspect_ms: Annotated[int, Meta(ge=30, le=900, description=(
        "milliseconds from 30 to 900, at least twice the contactor's drop-out time"))] = 250


class ContactorSection(Value):
    """The Pi's pins (BCM numbers): coil relay, 1 = energised; mirror contact, 1 = closed."""

    coil_gpio: Gpio
    mirror_gpio: Gpio
    rated_cycles: Annotated[int, Meta(ge=1, le=100_000_000, description=(
        "the contactor's mechanical life in its data sheet, a whole number of cycles"))] = 1_000_000
    rated_load_breaks: Annotated[int, Meta(ge=1, le=100_000_000, description=(
        "the contactor's electrical life in its data sheet, a whole number of cycles"))] = 100_000


class EvseSection(Value):
    """`[[evse]]`: an outlet. `phases`: the grid phase that each of its own phases is wired to."""

    id: Id
    label: Text
    circuit: Ref
    phases: Annotated[tuple[Phase, ...], Meta(
        min_length=1, max_length=3, description='one or three of "L1", "L2", "L3", in a list')]
    max_a: Annotated[float, amperes(6, 80)]
    failsafe_a: Annotated[float, amperes(0, 80)]
    meter: Ref
    board: BoardSection
    contactor: ContactorSection
    ventilation: Annotated[bool, Meta(description=(
        "true only where a car that needs ventilation may charge"))] = False
    temperature_curve: Curve | None = None  # of the board's own sensor
    nominal_v: Annotated[float, Meta(ge=90, le=300, description=(
        "volts from 90 to 300 between a phase and neutral"))] = 230.0
    groups: Groups = ()


class ReaderSection(Value):
    """`[[reader]]`: a card reader, by nfcpy's path."""

    id: Id
    path: Annotated[str, Meta(
        pattern=r"^(usb|tty|udp)(:\S*)?\Z",
        description='a reader path in quotes, as "usb:072f:2200" or "tty:AMA0:pn532"')]
    serves: Annotated[tuple[str, ...], Meta(
        min_length=1, description='ids of EVSEs in a list, as ["1", "2"]')]


class TariffSection(Value):
    """`[tariff]`: an OCPI 2.2.1 tariff object as JSON."""

    file: File


class CloudSection(Value):
    """`[cloud]`: the broker, and the files that prove who is who."""

    url: Annotated[str, Meta(min_length=1, description='a broker url, as "mqtts://mqtt.example.org"')]
    ca: File | None = None
    cert: File | None = None
    key: File | None = None


class RecorderSection(Value):
    """`[recorder]`: how much of the past the flight recorder keeps."""

    hours: Annotated[int, Meta(ge=1, le=72, description="hours from 1 to 72")] = 6
    max_mb: Annotated[int, Meta(ge=4, le=100_000, description=(
        "megabytes from 4 on for the last hours, and as many for what is pinned"))] = 100
    pins: Annotated[int, Meta(ge=2, le=1000, description="incidents from 2 to 1000")] = 20


class Site(Value):
    """A whole site. In what `load` returns, all paths are absolute."""

    site: SiteSection
    circuits: Annotated[tuple[CircuitSection, ...], Meta(min_length=1)] = msgspec.field(name="circuit")
    buses: tuple[BusSection, ...] = msgspec.field(name="bus")
    meters: tuple[MeterSection, ...] = msgspec.field(name="meter")
    evses: tuple[EvseSection, ...] = msgspec.field(name="evse")
    tariff: TariffSection
    paths: PathsSection = PathsSection()
    readers: tuple[ReaderSection, ...] = msgspec.field(name="reader", default=())
    cloud: CloudSection | None = None
    inputs: tuple[InputSection, ...] = msgspec.field(name="input", default=())
    sensors: tuple[SensorSection, ...] = msgspec.field(name="sensor", default=())
    rules: RulesSection = RulesSection()
    journal: JournalSection = JournalSection()
    recorder: RecorderSection = RecorderSection()
    cards: CardsSection = CardsSection()
    proofs: ProofsSection = ProofsSection()
    virtual_timers: Timers | None = None
