"""Wiring, once: which concrete devices a site is made of. Nobody else names a driver."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from edge.bus.open import open_bus
from edge.bus.owner import LineOwner
from edge.bus.url import parse_url
from edge.controller.events import JournalHurt, OutletFound
from edge.controller.faults import FaultCode
from edge.journal.journal import Journal
from edge.journal.walk import Walk
from edge.link.server import LinkServer
from edge.meter.meter import Meter
from edge.outlet.board_service import BoardService
from edge.outlet.gpio import Gpio, RpiGpio
from edge.outlet.inputs import ContactInput
from edge.outlet.temperature import read_celsius
from edge.rfid.store_port import read_site_keys
from edge.rfid.tokens.lookup import TokenLookup
from edge.station.alarm import Guard
from edge.station.cards import Cards, proofs_of, store_port
from edge.station.claiming import Line, claim_outlets, make_safe
from edge.station.clock import Clock, computer_boot
from edge.station.config import MB, to_plan
from edge.station.config_journal import keep_days
from edge.station.config_meters import model_of
from edge.station.config_sections import Site
from edge.station.disk_watch import DiskWatch, room
from edge.station.health import HealthReport, recorder_health
from edge.station.housekeeper import Housekeeper
from edge.station.input_driver import READS_THAT_COUNT, InputDriver
from edge.station.line_desk import LineDesk
from edge.station.meter_driver import MeterDriver, shares
from edge.station.notify import Notifier
from edge.station.outlet_driver import OutletDriver
from edge.station.pricing import read_tariff_text
from edge.station.reader_driver import ReaderDriver
from edge.station.recording import record
from edge.station.relays import StartLimit
from edge.station.restoring import open_journal, restore
from edge.station.scribe import Scribe
from edge.station.sensor_driver import PERIOD_S as SENSOR_PERIOD_S
from edge.station.sensor_driver import SensorDriver
from edge.station.sockets import make_servers
from edge.station.station import Station
from edge.station.vitals import Vitals
from edge.station.watching import watch

FIRST_LOOK_S = 5.0
MEND_MOST_S = 1800.0
TIMEOUT_S = 60.0

log = logging.getLogger(__name__)


class Running(NamedTuple):
    """A station that serves, and the outlets that it ends with."""

    station: Station
    outlets: Mapping[str, OutletDriver]


@contextlib.asynccontextmanager
async def running(site: Site, software: str, guard: Guard, notifier: Notifier, restarts: int,
                  limit: StartLimit, credentials: Path | None = None) -> "AsyncIterator[Running]":
    """A station that runs: every task started, every socket open. On the way out all relays drop.

    Raises `DeviceError`, `JournalError`, `OSError` for what cannot be had at all.
    """
    async with contextlib.AsyncExitStack() as stack:
        state_dir = Path(site.paths.state)
        journal, hurt = await open_journal(state_dir / "journal.db", partial(_mends, notifier))
        stack.push_async_callback(journal.close)
        log.info("journal: epoch %s, boot %d, SQLite %s", journal.epoch, journal.boot,
                 journal.sqlite_version)
        clock = Clock(boot=journal.boot, floor_utc=await journal.clock_floor_utc())
        plan = msgspec.structs.replace(
            to_plan(site), tariff=read_tariff_text(Path(site.tariff.file)), software=software)
        station = Station(plan, clock, scribe := Scribe(journal))
        station.failure.add_done_callback(lambda failure: guard.fail(failure.result()))
        recorder = record(site, station, journal.epoch)
        stack.push_async_callback(recorder.close)
        lines = await _lines(site, station, stack)
        with limit.lock:
            dropped = [evse.contactor.coil_gpio for evse in site.evses] if limit.passed else ()
            gpio = RpiGpio(mine=dropped)
            outlets, found = claim_outlets(site, lines, gpio, station)
        guard.make_safe = station.make_safe = partial(make_safe, outlets)
        stack.callback(make_safe, outlets)
        meters = meters_of(site, lines, station)
        tokens = await TokenLookup.open(state_dir, credentials)
        stack.push_async_callback(tokens.close)
        services = {e.id: BoardService(lines[e.board.bus], e.board.unit) for e in site.evses}
        health = HealthReport(site, station, journal, scribe, lines, software)
        health.recorder = lambda: recorder_health(recorder.status())
        servers, cards = make_servers(site, station, journal, scribe, outlets, meters, services,
                                      _line_desk(site, lines), health, tokens)
        kept = await restore(journal, hand_in=station.hand_in, meters=meters, hurt=hurt,
                             found=(_still(look, limit) for look in found), software=software,
                             computer=computer_boot(), at=clock.header())
        limit.over()
        if kept is not None:
            scribe.write(kept)
        for server in servers:  # whoever asks for something asks a site that knows what it kept
            await _opened(server)
            stack.push_async_callback(server.close)
        stack.push_async_callback(station.stop)
        _start_senses(site, gpio, station, _keep_house(site, station, journal))
        _start(station, outlets, meters)
        health.readers = readers = await _readers(site, tokens, cards, station, stack)
        await _first_look([*(o.looked for o in outlets.values()), *(r.looked for r in readers)])
        stack.callback(make_safe, outlets)  # first of all on the way out, too
        vitals = Vitals(clock_ns=clock.mono_ns, restarts=restarts, watchdog_s=notifier.watchdog_s,
                        lines={name: line.pulse for name, line in lines.items()},
                        threads={"journal": lambda: journal.alive, "recorder": lambda: recorder.alive})
        health.supervision = vitals.report
        station.spawn(watch(vitals, notifier, station))
        station.spawn(tokens.clear_list())
        yield Running(station, outlets)


def _mends(notifier: Notifier, since_s: float) -> None:
    """A start has a minute; a journal of months that was damaged takes longer to mend."""
    if since_s < MEND_MOST_S:
        notifier.starting(f"mending a damaged journal for {since_s:.0f} s", TIMEOUT_S)


def _still(look: OutletFound, limit: StartLimit) -> OutletFound:
    """What is so of it when it is handed in: waiting for the journal may have taken too long."""
    return msgspec.structs.replace(look, relay_on=look.relay_on and not limit.passed)


async def _opened(server: LinkServer) -> None:
    try:
        await server.start()
    except LookupError as error:  # no such group: somebody has to make it
        raise OSError(f"{server.path}: {error}") from error


def meters_of(site: Site, lines: Mapping[str, Line], station: Station) -> dict[str, MeterDriver]:
    """Each with its place on its line. A bill rests on those that an outlet has."""
    urls = {bus.id: parse_url(bus.url) for bus in site.buses}
    billed = {evse.meter for evse in site.evses}
    return {m.id: MeterDriver(
        m.id, Meter(lines[m.bus], m.unit, model_of(m), m.id, station.clock.mono_ns,
                    line=urls[m.bus], slow_s=m.energy_period_s, spread=share, billed=m.id in billed),
        hand_in=station.hand_in, clock_ns=station.clock.mono_ns, spawn=station.spawn,
        period_s=m.period_s, phase_s=share * m.period_s)
        for m, share in zip(site.meters, shares([m.bus for m in site.meters]), strict=True)}


async def _lines(site: Site, station: Station,
                 stack: contextlib.AsyncExitStack) -> dict[str, LineOwner]:
    lines: dict[str, LineOwner] = {}
    for bus in site.buses:
        lines[bus.id] = line = open_bus(bus.url)
        line.on_failed = station.fail
        await line.start()
        stack.push_async_callback(line.close)
    return lines


def _line_desk(site: Site, lines: Mapping[str, LineOwner]) -> LineDesk:
    wired: dict[str, set[int]] = {bus.id: set() for bus in site.buses}
    for meter in site.meters:
        wired[meter.bus].add(meter.unit)
    for evse in site.evses:
        wired[evse.board.bus].add(evse.board.unit)
    return LineDesk(lines, {bus.id: bus.url for bus in site.buses}, wired)


async def _readers(site: Site, tokens: TokenLookup, cards: Cards, station: Station,
                   stack: contextlib.AsyncExitStack) -> list[ReaderDriver]:
    await cards.look_at_list()
    station.spawn(cards.watch_list())
    keys = read_site_keys(tokens.vault, site.proofs.uid_applications, site.proofs.uid_key_no)
    port = store_port(tokens, keys, lambda: station.site, station.clock.header)
    proofs = proofs_of(keys, site.proofs.authorities, lambda: station.site, station.clock.header)
    readers = [ReaderDriver(r.id, r.path, r.serves, virtual=site.site.virtual, tokens=port,
                            proofs=proofs, book=cards.book, hand_in=station.hand_in,
                            spawn=station.spawn) for r in site.readers]
    cards.readers = {reader.reader_id: reader for reader in readers}
    for reader in readers:
        await reader.start(station.fail)
        stack.push_async_callback(reader.stop)
    return readers


def _start(station: Station, outlets: Mapping[str, OutletDriver],
           meters: Mapping[str, MeterDriver]) -> None:
    for outlet in outlets.values():
        station.spawn(outlet.run())
    for meter in meters.values():
        station.spawn(meter.run())
    station.spawn(station.tick())


def _keep_house(site: Site, station: Station, journal: Journal) -> Housekeeper:
    """Started."""
    keeper = Housekeeper(
        journal, keep_days(site.journal), now=station.clock.header, hand_in=station.hand_in,
        low=lambda: any(f.code in (FaultCode.DISK_LOW, FaultCode.JOURNAL_FULL)
                        for f in station.site.faults.values()))
    station.spawn(keeper.run())
    station.spawn(keeper.watch_pace())
    def hurt(why: str) -> None:
        station.hand_in(JournalHurt(error=why))

    journal.on_put_back = hurt
    station.spawn(Walk(journal, hurt).run())
    return keeper


def _start_senses(site: Site, gpio: Gpio, station: Station, keeper: Housekeeper) -> None:
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
        hand_in=keeper.seen).run())


async def _first_look(looked: Iterable[asyncio.Event]) -> None:
    """Until every outlet and reader was looked at once; what does not answer is not waited for long."""
    looks = [asyncio.create_task(event.wait()) for event in looked]
    await asyncio.wait(looks, timeout=FIRST_LOOK_S)
    for look in looks:
        look.cancel()
