"""The controller's own figures, put together for the service action `health`.

Reads what others keep and asks no device: it answers as fast on a site where everything is silent. What
lies on the disk is looked at in a thread, and left out if that takes too long.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from edge.bus.figures import LineFigures, UnitFigures
from edge.controller.catalogue import CATALOGUE
from edge.controller.events import Header
from edge.controller.faults import Fault
from edge.controller.phase import LIVE
from edge.controller.session import ChargingState
from edge.controller.state import Outlet
from edge.controller.state import Site as State
from edge.controller.turn import fault_key
from edge.journal.journal import Journal
from edge.link import health as h
from edge.link.server import LinkServer
from edge.recorder.recorder import RecorderStatus
from edge.station.blocking import BlockingCall
from edge.station.config_sections import Site
from edge.station.reader_driver import ReaderDriver
from edge.station.scribe import Scribe
from edge.station.station import Station

JOURNAL = "journal.db"
DISK_S = 0.5


class Line(Protocol):
    """A line's owner, as far as it tells of itself."""

    def figures(self) -> LineFigures: ...


class OnDisk(NamedTuple):
    """What only the disk can tell."""

    set_aside: tuple[str, ...]
    recorder: h.RecorderHealth | None


class HealthReport:
    """Made once all is wired but the readers and sockets, which are added when they are there."""

    def __init__(self, site: Site, station: Station, journal: Journal, scribe: Scribe,
                 lines: Mapping[str, Line], software: str, disk_s: float = DISK_S) -> None:
        """`disk_s`: so long what lies on the disk is waited for."""
        self._site, self._station, self._software = site, station, software
        self._journal, self._scribe, self._lines = journal, scribe, lines
        self._disk_s = disk_s
        self._began_ns = station.clock.mono_ns()
        self.readers: Sequence[ReaderDriver] = ()
        self.servers: Sequence[LinkServer] = ()
        self.recorder: Callable[[], h.RecorderHealth | None] = lambda: None  # runs in a thread
        self.supervision: Callable[[], h.SupervisionHealth | None] = lambda: None
        self._look = BlockingCall(self._on_disk, "figures of the state folder")

    async def __call__(self) -> h.Health:
        """As of now. Never raises for what a disk does."""
        try:
            disk = await self._look.result(self._disk_s)
        except OSError:  # TimeoutError is one
            disk = None
        return self._health(disk)

    def _health(self, disk: OnDisk | None) -> h.Health:
        at, state = self._station.clock.header(), self._station.site
        return h.Health(
            software=self._software, site_id=self._site.site.id, virtual=self._site.site.virtual,
            pid=os.getpid(), boot=at.boot, mono_ns=at.mono_ns,
            uptime_s=(at.mono_ns - self._began_ns) / 1e9, memory_bytes=_memory_bytes(),
            clock=self._clock(at), journal=self._journal_health(state, at, disk),
            disk=h.DiskHealth(folder=self._site.paths.state, free_bytes=state.free_bytes,
                              low_bytes=state.plan.disk_low_bytes,
                              full_bytes=state.plan.disk_full_bytes),
            cloud=h.CloudHealth(configured=self._site.cloud is not None,
                                connected=state.cloud_connected, pending=dict(state.pending),
                                last_ack_age_s=state.ack_age_s),
            recorder=disk.recorder if disk else None, supervision=self.supervision(),
            lines=tuple(_line(name, line, self._units(name)) for name, line in self._lines.items()),
            boards=tuple(self._board(outlet, at) for outlet in state.outlets.values()),
            meters=self._meters(state, at), readers=self._readers(state),
            sensors=tuple(_sensor(state, sensor.id, sensor.place.value, at)
                          for sensor in state.plan.sensors),
            inputs=tuple(h.InputHealth(id=n.id, kind=n.kind.value, active=state.inputs.get(n.id))
                         for n in state.plan.inputs),
            clients=self._clients(), evses=tuple(map(_evse, state.outlets.values())),
            faults=tuple(_fault(state, fault) for fault in state.faults.values()),
            notes=state.set_aside)

    def _clock(self, at: Header) -> h.ClockHealth:
        if at.clock_ok:
            return h.ClockHealth(ok=True, utc=at.utc)
        return h.ClockHealth(ok=False, utc=at.utc, why=(
            f"it says {at.utc}, which is before what this site has already recorded"))

    def _on_disk(self) -> OnDisk:
        folder = Path(self._site.paths.state)
        return OnDisk(
            set_aside=tuple(sorted(p.name for p in folder.glob(f"{JOURNAL}.damaged-*")
                                   if not p.name.endswith(("-wal", "-shm")))),
            recorder=self.recorder())

    def _journal_health(self, state: State, at: Header, disk: OnDisk | None) -> h.JournalHealth:
        journal, stats = self._journal, self._journal.stats()
        since_ns = self._scribe.stalled_since_ns()
        return h.JournalHealth(
            epoch=journal.epoch, boot=journal.boot, new=journal.new, sqlite=journal.sqlite_version,
            alive=journal.alive, commits=stats.commits, rows=stats.rows,
            failures=stats.failures, last_ms=journal.latency.last_ms, max_ms=stats.latency.max_ms,
            p50_ms=stats.latency.p50_ms if stats.latency.of else None,
            p99_ms=stats.latency.p99_ms if stats.latency.of else None,
            day_bytes=stats.written_today_bytes, file_bytes=stats.file_bytes + stats.wal_bytes,
            streams={stream.value: h.StreamHealth(seq=head.seq, acked=head.acked, tail=head.tail)
                     for stream, head in journal.heads().items()},
            waiting_ms=None if since_ns is None else (at.mono_ns - since_ns) / 1e6,
            error=self._scribe.error, hurt=state.journal_hurt,
            set_aside=disk.set_aside if disk else ())

    def _units(self, bus: str) -> dict[int, str]:
        """Who lives where on a line, by the site's file."""
        meters = {m.unit: f"meter {m.id}" for m in self._site.meters if m.bus == bus}
        return meters | {e.board.unit: f"board of evse {e.id}" for e in self._site.evses
                         if e.board.bus == bus}

    def _board(self, outlet: Outlet, at: Header) -> h.BoardHealth:
        section = next(e.board for e in self._site.evses if e.id == outlet.evse_id)
        board = outlet.board
        return h.BoardHealth(
            evse_id=outlet.evse_id, where=f"unit {section.unit} on {section.bus}",
            age_s=_age_s(outlet.seen_ns, at), error=outlet.board_error,
            firmware=board.firmware if board else "", boots=board.boot_count if board else 0,
            temperature_c=board.temperature_c if board else None,
            faults=tuple(fault.value for fault in board.faults) if board else ())

    def _meters(self, state: State, at: Header) -> tuple[h.MeterHealth, ...]:
        def one(meter_id: str, where: str) -> h.MeterHealth:
            reading = state.readings.get(meter_id)
            return h.MeterHealth(
                id=meter_id, where=where, error=state.meter_errors.get(meter_id),
                age_s=_age_s(reading.mono_ns if reading else None, at),
                bills=meter_id not in state.plan.site_meters)
        return tuple(one(m.id, f"unit {m.unit} on {m.bus}") for m in self._site.meters)

    def _readers(self, state: State) -> tuple[h.ReaderHealth, ...]:
        pids = {reader.reader_id: reader.supervisor.pid for reader in self.readers}
        return tuple(h.ReaderHealth(id=r.id, path=r.path, pid=pids.get(r.id),
                                    error=state.reader_errors.get(r.id))
                     for r in self._site.readers)

    def _clients(self) -> tuple[h.ClientHealth, ...]:
        peers = {peer for server in self.servers for peer in server.peers}
        return tuple(h.ClientHealth(origin=p.origin.value, pid=p.pid, uid=p.uid)
                     for p in sorted(peers, key=lambda p: (p.origin, p.pid)))


def recorder_health(status: RecorderStatus) -> h.RecorderHealth:
    """The flight recorder's figures, as they travel."""
    return h.RecorderHealth(on=status.oldest is not None, bytes=status.bytes, segments=status.segments,
                            pins=len(status.pins), lost=status.dropped, error=status.error)


def _line(name: str, line: Line, who: Mapping[int, str]) -> h.LineHealth:
    told = line.figures()
    asked = {unit.unit: _unit(who.get(unit.unit, ""), unit) for unit in told.units}
    unasked = {number: h.UnitHealth(unit=number, who=name, answers=0, refusals=0, timeouts=0, bad=0,
                                    silent=0, typical_ms=None, worst_ms=0.0)
               for number, name in who.items()}
    return h.LineHealth(
        id=name, where=told.where, down=told.down, requests=told.requests, downs=told.downs,
        busy_s=told.busy_s, worst_wait_ms=max(told.worst_wait_ms.values(), default=0.0),
        units=tuple(unit for _, unit in sorted((unasked | asked).items())),
        crc_errors=told.crc_errors, noise_bytes=told.noise_bytes,
        another_master=told.another_master, echo=told.echo)


def _unit(who: str, told: UnitFigures) -> h.UnitHealth:
    return h.UnitHealth(
        unit=told.unit, who=who, answers=told.answers, refusals=told.refusals,
        timeouts=told.timeouts, bad=told.bad, silent=told.silent, typical_ms=told.turnaround_ms,
        worst_ms=told.worst_turnaround_ms, crc_errors=told.crc_errors, gap_ms=told.gap_ms)


def _sensor(state: State, sensor_id: str, place: str, at: Header) -> h.SensorHealth:
    seen = state.sensors.get(sensor_id)
    return h.SensorHealth(id=sensor_id, place=place, celsius=seen.celsius if seen else None,
                          age_s=_age_s(seen.mono_ns if seen else None, at))


def _evse(outlet: Outlet) -> h.EvseHealth:
    session = outlet.session
    return h.EvseHealth(
        id=outlet.evse_id, state=outlet.status or "Unavailable", operational=outlet.operational,
        charging=outlet.phase in LIVE and session is not None
        and session.charging_state is ChargingState.CHARGING)


def _fault(state: State, fault: Fault) -> h.FaultHealth:
    kind, tally = CATALOGUE[fault.code], state.tallies.get(fault_key(fault.code, fault.where))
    return h.FaultHealth(code=fault.code, name=kind.name, severity=kind.severity, stops=kind.stops,
                         where=fault.where, since_utc=fault.since_utc, detail=fault.detail,
                         count=tally.count if tally else 0)


def _age_s(seen_ns: int | None, at: Header) -> float | None:
    return None if seen_ns is None else max(0.0, (at.mono_ns - seen_ns) / 1e9)


def _memory_bytes(path: Path = Path("/proc/self/statm")) -> int | None:
    """Resident, shared pages among it (proc(5): the second figure is in pages)."""
    try:
        return int(path.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
