"""The figures of a station: complete, as of now, without a word about a person, and never waiting."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest_asyncio

from edge.bus.figures import line_figures
from edge.bus.link import WireCounts
from edge.bus.port import BusClass
from edge.bus.stats import LineStats
from edge.controller.events import (
    BoardLost,
    CloudSeen,
    DiskSeen,
    Header,
    MeterLost,
    OutletSeen,
    SensorSeen,
)
from edge.controller.pilot import BoardStatus
from edge.controller.request import Origin
from edge.journal.journal import Journal
from edge.link.health import Health, RecorderHealth
from edge.link.peer import Peer
from edge.recorder.recorder import RecorderStatus
from edge.station.clock import Clock
from edge.station.config import load, to_plan
from edge.station.health import HealthReport, recorder_health
from edge.station.scribe import Scribe
from edge.station.station import Station

EXAMPLE = Path(__file__).parents[3] / "examples/site.toml"


def line() -> SimpleNamespace:
    """A bus with one unit that answers and one that does not."""
    stats = LineStats()
    stats.requests, stats.busy_s, stats.worst_wait_s = 7, 1.5, {BusClass.BULK: 0.25}
    stats.unit(1).answers = 5
    stats.unit(1).answered(0.011)
    stats.unit(99).stayed_silent(1.0)
    counts = WireCounts()
    counts.crc_errors, counts.noise_bytes, counts.foreign_requests = 3, 4, 9
    return SimpleNamespace(
        figures=lambda: line_figures("/dev/forecourt-rs485", None, stats, counts, now_s=1.0))


@pytest_asyncio.fixture
async def report(tmp_path: Path) -> AsyncIterator[HealthReport]:
    site = load(EXAMPLE)
    site = msgspec.structs.replace(site, paths=msgspec.structs.replace(
        site.paths, state=str(tmp_path), run=str(tmp_path)))
    journal = await Journal.open(tmp_path / "journal.db")
    station = Station(to_plan(site), Clock(boot=4, floor_utc=None), scribe := Scribe(journal))
    yield HealthReport(site, station, journal, scribe, {"cabinet": line()}, "0.9")
    await journal.close()


def feed(report: HealthReport, *events: object) -> None:
    for event in events:
        report._station.hand_in(event)  # type: ignore[arg-type]


async def test_it_is_complete_and_survives_the_wire(report: HealthReport, tmp_path: Path) -> None:
    (tmp_path / "journal.db.damaged-20261121T100000").touch()
    (tmp_path / "journal.db.damaged-20261121T100000-wal").touch()
    report.recorder = lambda: RecorderHealth(on=True, pins=2)
    report.servers = [SimpleNamespace(peers=[Peer(origin=Origin.SYNC, pid=7, uid=8, gid=9)])]
    report.readers = [SimpleNamespace(reader_id="front", supervisor=SimpleNamespace(pid=42))]
    feed(report, DiskSeen(free_bytes=10**10, total_bytes=10**11),
         CloudSeen(connected=True, last_ack_age_s=3.0, pending={"tx": 1}))
    found = msgspec.json.decode(msgspec.json.encode(await report()), type=Health)
    assert (found.software, found.boot, found.site_id) == ("0.9", 4, "SE*FCT*E0001")
    assert found.clock.ok and found.disk.free_bytes == 10**10 and found.cloud.pending == {"tx": 1}
    assert found.journal.set_aside == ("journal.db.damaged-20261121T100000",)
    assert found.journal.file_bytes > 4096 and set(found.journal.streams) == {"tx", "ev", "tm"}
    assert found.recorder == RecorderHealth(on=True, pins=2)
    assert [(c.origin, c.pid) for c in found.clients] == [("sync", 7)]
    assert [(r.id, r.pid) for r in found.readers] == [("front", 42)]
    assert found.memory_bytes is not None and found.memory_bytes > 10**6
    assert found.uptime_s >= 0 and len(found.evses) == len(found.boards) >= 1


async def test_each_unit_has_its_owners_name(report: HealthReport) -> None:
    (bus,) = (await report()).lines
    units = {unit.unit: unit for unit in bus.units}
    assert units[1].who == "meter main" and units[11].who.startswith("board of evse")
    assert (units[1].answers, units[1].typical_ms) == (5, 11.0)
    assert (units[99].who, units[99].silent, units[99].typical_ms) == ("", 1, None)
    assert units[11].answers == 0, "named although it never answered"
    assert bus.worst_wait_ms == 250.0
    assert (bus.crc_errors, bus.noise_bytes, bus.another_master, bus.echo) == (3, 4, True, False)


async def test_ages_and_errors_are_those_of_the_core(report: HealthReport) -> None:
    at: Header = report._station.clock.header()
    feed(report, OutletSeen(evse_id="1", board=BoardStatus(mono_ns=at.mono_ns), relay_on=False,
                            pi_mirror_closed=False))
    seen = (await report()).boards[0]
    assert seen.age_s is not None and seen.age_s < 5 and seen.error is None
    feed(report, BoardLost(evse_id="1", error="no answer"), MeterLost(meter_id="main", error="timeout"),
         SensorSeen(sensor_id="none", celsius=None))
    found = await report()
    assert found.boards[0].error == "no answer"
    assert next(m for m in found.meters if m.id == "main").error == "timeout"
    assert "F101" in {fault.code.value for fault in found.faults}


async def test_a_disk_that_hangs_keeps_nobody_waiting(report: HealthReport) -> None:
    released = threading.Event()

    def hang() -> RecorderHealth | None:
        released.wait(30)
        return None
    report.recorder = hang
    report._disk_s = 0.01
    try:
        found = await asyncio.wait_for(report(), 10)
    finally:
        released.set()
    assert found.recorder is None and found.journal.alive


async def test_nothing_in_it_names_a_person(report: HealthReport) -> None:
    told = msgspec.json.encode(await report()).decode()
    for secret in ("Hamngatan", "+46", "help@", "Bay 1"):
        assert secret not in told


def test_the_recorders_figures_are_copied() -> None:
    status = RecorderStatus(segments=3, bytes=9, oldest="1", pins=("a", "b"), dropped=4, error="full")
    assert recorder_health(status) == RecorderHealth(on=True, bytes=9, segments=3, pins=2, lost=4,
                                                     error="full")
    assert not recorder_health(msgspec.structs.replace(status, oldest=None)).on
