"""A site in one file: its shape, and how it is read.

`load` gives a `Site` in which everything refers to something that exists, or raises `ConfigErrors`
with every problem found. Config says WHERE a thing is; code says how to speak to it.
"""

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from edge.controller import site as plan
from edge.controller.struct import Value
from edge.station.config_read import Findings, Problem, read_table

Id = Annotated[str, Meta(
    pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}\Z",
    description="a name of 1 to 32 letters, digits, dots or dashes, in quotes")]
Ref = Annotated[str, Meta(min_length=1, description="an id that this file declares, in quotes")]
Text = Annotated[str, Meta(min_length=1, max_length=100, description="a text in quotes")]
File = Annotated[str, Meta(min_length=1, description="a path in quotes")]
Unit = Annotated[int, Meta(ge=1, le=247, description="a Modbus unit id from 1 to 247")]
Gpio = Annotated[int, Meta(ge=2, le=27, description="a BCM GPIO number from 2 to 27")]
Phase = Annotated[str, Meta(pattern=r"^L[123]\Z")]


def _amperes(least: int, most: int) -> Meta:
    return Meta(ge=least, le=most, description=(
        f"a number of amperes from {least} to {most}, without quotes and without a unit"))


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


class CircuitSection(Value):
    """`[[circuit]]`: a fuse. Without `parent`: the grid connection."""

    id: Id
    fuse_a: Annotated[float, _amperes(6, 2000)]
    parent: Ref | None = None
    meter: Ref | None = None


class BusSection(Value):
    """`[[bus]]`: a serial line or a gateway, as `rtu:/dev/ttyAMA0?baud=19200&parity=E`."""

    id: Id
    url: Annotated[str, Meta(
        min_length=1, description='a bus url, as "rtu:/dev/ttyUSB0?baud=19200&parity=E"')]


class MeterSection(Value):
    """`[[meter]]`: `supply_side` false: behind the contactor, so dead while that is open."""

    id: Id
    bus: Ref
    unit: Unit
    model: Annotated[str, Meta(min_length=1, description='a meter model, as "eastron-sdm630"')]
    supply_side: Annotated[bool, Meta(description=(
        "true (wired before the contactor) or false (behind it: dead while it is open)"))]


class BoardSection(Value):
    """Where an EVSE's pilot board is."""

    bus: Ref
    unit: Unit


class ContactorSection(Value):
    """The Pi's pins (BCM numbers): coil relay, 1 = energised; mirror contact, 1 = closed."""

    coil_gpio: Gpio
    mirror_gpio: Gpio


class EvseSection(Value):
    """`[[evse]]`: an outlet. `phases`: the grid phase that each of its own phases is wired to."""

    id: Id
    label: Text
    circuit: Ref
    phases: Annotated[tuple[Phase, ...], Meta(
        min_length=1, max_length=3, description='one or three of "L1", "L2", "L3", in a list')]
    max_a: Annotated[float, _amperes(6, 80)]
    failsafe_a: Annotated[float, _amperes(0, 80)]
    meter: Ref
    board: BoardSection
    contactor: ContactorSection


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


class ConfigErrors(Exception):
    """Everything that is wrong with a site's files, in file order. Nothing was energised."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def load(path: Path) -> Site:
    """Read and check a site's file and the tariff that it names.

    Raises `ConfigErrors` with all problems found; opens no device.
    """
    from edge.station.config_checks import check

    raw = _toml(path)
    findings = Findings(path.name, raw)
    found = read_table(Site, raw, (), findings)
    if found is not None:
        check(found, path.parent, findings)
    problems = findings.in_file_order()
    if problems or found is None:
        raise ConfigErrors(problems)
    return _with_absolute_paths(found, path.absolute().parent)


def _toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problem = Problem(path.name, "(file)", error.strerror or str(error), "a readable file")
    except UnicodeDecodeError as error:
        problem = Problem(path.name, "(file)", f"byte {error.start} that is not UTF-8", "UTF-8 text")
    except tomllib.TOMLDecodeError as error:
        problem = Problem(path.name, "(file)", str(error), "valid TOML")
    raise ConfigErrors((problem,))


def _with_absolute_paths(site: Site, folder: Path) -> Site:
    def absolute(file: str) -> str:
        return str(folder / file)

    replace = msgspec.structs.replace
    cloud = site.cloud
    if cloud is not None:
        cloud = replace(cloud, **{name: absolute(file) for name in ("ca", "cert", "key")
                                  if (file := getattr(cloud, name)) is not None})
    return replace(
        site, cloud=cloud, tariff=replace(site.tariff, file=absolute(site.tariff.file)),
        paths=replace(site.paths, state=absolute(site.paths.state), run=absolute(site.paths.run)))


def to_plan(site: Site) -> plan.SitePlan:
    """The part of a site that the core decides with."""
    from edge.meter import catalogue

    def refresh_s(meter: MeterSection) -> float:
        return catalogue.load(meter.model).refresh_s

    meters = {meter.id: meter for meter in site.meters}
    billing = {evse.meter for evse in site.evses}
    return plan.SitePlan(
        id=site.site.id,
        circuits=tuple(plan.Circuit(id=c.id, fuse_a=c.fuse_a, parent=c.parent) for c in site.circuits),
        evses=tuple(
            plan.Evse(
                id=evse.id, label=evse.label, circuit=evse.circuit, phases=evse.phases,
                max_a=evse.max_a, failsafe_a=evse.failsafe_a, meter_id=evse.meter,
                meter_on_supply_side=meters[evse.meter].supply_side,
                meter_refresh_s=refresh_s(meters[evse.meter]), ordinal=ordinal)
            for ordinal, evse in enumerate(site.evses, 1)),
        site_meters=tuple(dict.fromkeys(
            c.meter for c in site.circuits if c.meter is not None and c.meter not in billing)))
