"""Wiring, once: which concrete devices a site is made of. Nobody else names a driver."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec

from edge.bus.open import open_bus
from edge.bus.port import Bus
from edge.controller.events import OutletFound
from edge.controller.request import Origin
from edge.controller.snapshot import SiteView
from edge.controller.trouble import DeviceError
from edge.journal.journal import Journal
from edge.link.journal_protocol import CloudDescription, SiteDescription
from edge.link.messages import JOURNAL_GROWN, SNAPSHOT
from edge.link.server import LinkServer
from edge.meter.catalogue import load as load_model
from edge.meter.meter import Meter
from edge.outlet.board import PilotBoard
from edge.outlet.board_service import BoardService
from edge.outlet.contactor import Contactor
from edge.outlet.gpio import Gpio, RpiGpio
from edge.outlet.inputs import ContactInput
from edge.outlet.temperature import read_celsius
from edge.rfid.lookup import TokenLookup
from edge.station.clock import Clock, computer_boot
from edge.station.config import MB, board_settings, to_plan
from edge.station.config_billing import cdr_facts
from edge.station.config_sections import Site
from edge.station.desk import Desk
from edge.station.disk_watch import DiskWatch, room
from edge.station.input_driver import READS_THAT_COUNT, InputDriver
from edge.station.meter_driver import PERIOD_S, MeterDriver
from edge.station.outlet_driver import OutletDriver
from edge.station.pricing import Pricing, read_tariff, read_tariff_text
from edge.station.reader_driver import ReaderDriver
from edge.station.restoring import open_journal, restore
from edge.station.runner import Runner
from edge.station.scribe import Scribe
from edge.station.sensor_driver import PERIOD_S as SENSOR_PERIOD_S
from edge.station.sensor_driver import SensorDriver
from edge.station.snapshots import Snapshots
from edge.station.station import Station

SNAPSHOT_S = 0.25  # between two pushes, at least
FIRST_LOOK_S = 5.0

log = logging.getLogger(__name__)


class Line(Bus, Protocol):
    """A line with its owner's life."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...


@contextlib.asynccontextmanager
async def running(site: Site, software: str) -> AsyncIterator[Station]:
    """A station that runs: every task started, every socket open. On the way out all relays drop.

    Raises `DeviceError`, `JournalError`, `OSError` for what cannot be had at all.
    """
    async with contextlib.AsyncExitStack() as stack:
        state_dir = Path(site.paths.state)
        journal, hurt = await open_journal(state_dir / "journal.db")
        stack.push_async_callback(journal.close)
        log.info("journal: epoch %s, boot %d, SQLite %s", journal.epoch, journal.boot,
                 journal.sqlite_version)
        clock = Clock(boot=journal.boot, floor_utc=await journal.clock_floor_utc())
        plan = msgspec.structs.replace(
            to_plan(site), tariff=read_tariff_text(Path(site.tariff.file)), software=software)
        station = Station(plan, clock, scribe := Scribe(journal))
        lines: dict[str, Line] = {}
        for bus in site.buses:
            lines[bus.id] = line = open_bus(bus.url)
            await line.start()
            stack.push_async_callback(line.close)
        outlets, found = claim_outlets(site, lines, gpio := RpiGpio(), station)
        stack.callback(make_safe, outlets)
        meters = _meters(site, lines, station)
        tokens = await TokenLookup.open(state_dir)
        stack.push_async_callback(tokens.close)
        services = {e.id: BoardService(lines[e.board.bus], e.board.unit) for e in site.evses}
        servers = _servers(site, station, journal, scribe, outlets, meters, services)
        kept = await restore(journal, hand_in=station.hand_in, meters=meters, found=found, hurt=hurt,
                             software=software, computer=computer_boot(), at=clock.header())
        if kept is not None:
            scribe.write(kept)
        for server in servers:  # whoever asks for something asks a site that knows what it kept
            await server.start()
            stack.push_async_callback(server.close)
        stack.push_async_callback(station.stop)
        _start_senses(site, gpio, station)
        _start(station, outlets, meters)
        readers = _readers(site, tokens, station)
        for reader in readers:
            await reader.start()
            stack.push_async_callback(reader.stop)
        await _first_look([*(o.looked for o in outlets.values()), *(r.looked for r in readers)])
        stack.callback(make_safe, outlets)  # first of all on the way out, too
        yield station


def make_safe(outlets: Mapping[str, OutletDriver]) -> None:
    """Every relay off, each whatever became of the others."""
    for outlet in outlets.values():
        try:
            outlet.make_safe()
        except Exception:
            log.exception("evse %s: relay could not be dropped", outlet.evse_id)


def claim_outlets(site: Site, lines: Mapping[str, Line], gpio: Gpio,
                  station: Station) -> tuple[dict[str, OutletDriver], list[OutletFound]]:
    """Each outlet's lines, claimed at the level that they had, and what they said before that.

    Raises `DeviceError` if a line cannot be had; then every relay was dropped that can be.
    """
    outlets: dict[str, OutletDriver] = {}
    looks: list[OutletFound] = []
    troubles: list[DeviceError] = []
    for evse in site.evses:
        contactor = Contactor(gpio, evse.contactor.coil_gpio, evse.contactor.mirror_gpio)
        board = PilotBoard(lines[evse.board.bus], evse.board.unit, station.clock.mono_ns)
        outlets[evse.id] = OutletDriver(
            evse.id, board, contactor, settings=board_settings(evse), hand_in=station.hand_in,
            clock_ns=station.clock.mono_ns, utc_s=station.clock.utc_s, spawn=station.spawn)
        try:
            looks.append(_look(evse.id, contactor))
        except DeviceError as error:
            troubles.append(error)
            with contextlib.suppress(DeviceError):  # it may be the mirror's line alone
                gpio.claim_output(evse.contactor.coil_gpio, False)
    if troubles:
        make_safe(outlets)
        raise troubles[0]
    return outlets, looks


def _look(evse_id: str, contactor: Contactor) -> OutletFound:
    look = OutletFound(evse_id=evse_id, relay_on=contactor.claim(),
                       pi_mirror_closed=contactor.mirror_closed())
    log.info("evse %s: relay found %s, contactor %s", evse_id, "on" if look.relay_on else "off",
             "closed" if look.pi_mirror_closed else "open")
    return look


def _meters(site: Site, lines: Mapping[str, Line], station: Station) -> dict[str, MeterDriver]:
    return {m.id: MeterDriver(
        m.id, Meter(lines[m.bus], m.unit, load_model(m.model), m.id, station.clock.mono_ns),
        hand_in=station.hand_in, clock_ns=station.clock.mono_ns, spawn=station.spawn)
        for m in site.meters}


def _readers(site: Site, tokens: TokenLookup, station: Station) -> list[ReaderDriver]:
    return [ReaderDriver(r.id, r.path, r.serves, virtual=site.site.virtual, tokens=tokens,
                         hand_in=station.hand_in, spawn=station.spawn) for r in site.readers]


def _start(station: Station, outlets: Mapping[str, OutletDriver],
           meters: Mapping[str, MeterDriver]) -> None:
    for outlet in outlets.values():
        station.spawn(outlet.run())
    for n, meter in enumerate(meters.values()):
        station.spawn(meter.run(n * PERIOD_S / max(1, len(meters))))
    station.spawn(station.tick())


def _start_senses(site: Site, gpio: Gpio, station: Station) -> None:
    """Inputs, sensors and the disk."""
    contacts = {n.id: ContactInput(gpio, n.gpio, active_high=n.active == "high") for n in site.inputs}
    inputs = InputDriver(contacts, hand_in=station.hand_in, clock_ns=station.clock.mono_ns)
    for _ in range(READS_THAT_COUNT):  # before anything is decided about an outlet
        inputs.look()
    if contacts:
        station.spawn(inputs.run())
    for n, sensor in enumerate(site.sensors):
        driver = SensorDriver(sensor.id, partial(read_celsius, Path(sensor.file)),
                              hand_in=station.hand_in)
        station.spawn(driver.run(n * SENSOR_PERIOD_S / len(site.sensors)))
    limit_mb = site.paths.state_limit_mb
    station.spawn(DiskWatch(
        partial(room, Path(site.paths.state), None if limit_mb is None else limit_mb * MB),
        hand_in=station.hand_in).run())


async def _first_look(looked: Iterable[asyncio.Event]) -> None:
    """Until every outlet and reader was looked at once; what does not answer is not waited for long."""
    looks = [asyncio.create_task(event.wait()) for event in looked]
    await asyncio.wait(looks, timeout=FIRST_LOOK_S)
    for look in looks:
        look.cancel()


def _servers(site: Site, station: Station, journal: Journal, scribe: Scribe,
             outlets: dict[str, OutletDriver], meters: dict[str, MeterDriver],
             services: dict[str, BoardService]) -> list[LinkServer]:
    """What the station needs for its first event, and its three sockets, not open yet."""
    tariff = read_tariff(Path(site.tariff.file))
    pricing = Pricing(tariff, site.site.time_zone, cdr_facts(site))
    snapshots = Snapshots(_site_view(site, pricing.currency), pricing)
    run_dir = Path(site.paths.run)
    desk = Desk(
        journal=journal, hand_in=station.hand_in, outlets=outlets, meters=meters,
        services=services, snapshot=lambda: snapshots.take(station.site, station.clock.header()),
        description=_description(site, journal.epoch))
    groups = site.paths.socket_groups
    servers = {origin: LinkServer(run_dir, origin, desk.handle, group=getattr(groups, origin))
               for origin in Origin}

    def grown(_streams: dict[str, int]) -> None:
        """All heads: of one topic a client hears only the latest push."""
        heads = {stream.value: seq for stream, (seq, _) in journal.heads().items()}
        servers[Origin.SYNC].push(JOURNAL_GROWN, heads)

    journal.on_grown = grown

    def push() -> None:
        for origin in (Origin.UI, Origin.SERVICE):
            if servers[origin].clients:
                now = station.clock.header()
                servers[origin].push(SNAPSHOT, snapshots.take(station.site, now))

    station.changed = _throttled(push)
    runner = Runner(scribe=scribe, outlets=outlets, meters=meters, hand_in=station.hand_in,
                    price=pricing.price, answer=desk.answered, spawn=station.spawn)
    station.run_effects = runner.run
    return list(servers.values())


def _throttled(push: Callable[[], None]) -> Callable[[], None]:
    """At most four a second, and the last state always gets out."""
    loop = asyncio.get_running_loop()
    waiting: list[asyncio.TimerHandle] = []

    def now() -> None:
        waiting.clear()
        push()

    def later() -> None:
        if not waiting:
            waiting.append(loop.call_later(SNAPSHOT_S, now))

    return later


def _description(site: Site, epoch: str) -> SiteDescription:
    cloud = site.cloud
    return SiteDescription(
        site_id=site.site.id, epoch=epoch, cloud=None if cloud is None else CloudDescription(
            url=cloud.url, ca=cloud.ca, cert=cloud.cert, key=cloud.key))


def _site_view(site: Site, currency: str) -> SiteView:
    return SiteView(
        id=site.site.id, name=site.site.name, time_zone=site.site.time_zone, currency=currency,
        languages=site.site.languages, phone=site.site.support.phone,
        email=site.site.support.email or "", virtual=site.site.virtual)
