"""A site's line to the cloud with real parts: mosquitto, `forecourt sync`, `forecourt ingest`, the
journal and its socket. Only the controller behind the socket is played."""

import asyncio
import contextlib
import secrets
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.controller.effects import Stream
from edge.controller.request import Origin, Request
from edge.journal.errors import JournalError
from edge.journal.journal import Journal
from edge.journal.row import Batch, NewRow, Row
from edge.link import journal_protocol as protocol
from edge.link.messages import JOURNAL_GROWN, Reply, accepted, arguments, refused, resulted
from edge.link.server import LinkServer
from hil_tests.virtual.broker import Broker, NoBroker, find_mosquitto

SITE = "SE*FCT*E0001"
DEADLINE_S = 60.0


async def wait_until(condition: Callable[[], Any], what: str, deadline_s: float = DEADLINE_S) -> Any:
    """Wait for a condition on the wire; its value."""
    for _ in range(int(deadline_s / 0.02)):
        if value := condition():
            return value
        await asyncio.sleep(0.02)
    raise AssertionError(f"not within {deadline_s} s: {what}")


class Controller:
    """What sync meets on `sync.sock`: a real journal behind a real server."""

    site_id = SITE

    def __init__(self, run_dir: Path, state_dir: Path, broker_url: str) -> None:
        self.run_dir, self.state_dir, self._url = run_dir, state_dir, broker_url
        self.statuses: list[protocol.SyncStatus] = []
        self.refused: list[str] = []
        self.written: list[Row] = []

    async def start(self, journal_name: str = "journal.db") -> None:
        self.journal = await Journal.open(self.state_dir / journal_name, on_grown=self._grown)
        self.server = LinkServer(self.run_dir, Origin.SYNC, self._answer)
        await self.server.start()

    async def close(self) -> None:
        await self.server.close()
        await self.journal.close()

    async def write(self, *rows: tuple[Stream, str, bytes]) -> None:
        new = tuple(NewRow(stream=stream, type=type_, data=data) for stream, type_, data in rows)
        self.written += await self.journal.append(
            Batch(mono_ns=len(self.written), utc="2026-05-01T12:00:00Z", clock_ok=True, rows=new))

    async def write_events(self, count: int, first: int = 0) -> None:
        """`count` whole sessions on tx: an opening event and a closing one for each pair."""
        for number in range(first, first + count, 100):
            await self.write(*(session_row(n) for n in range(number, min(number + 100, first + count))))

    @property
    def all_acked(self) -> bool:
        return all(head.seq == head.acked for head in self.journal.heads().values())

    def head_of(self, stream: Stream) -> tuple[int, int]:
        """Its last row, and the last one that was acknowledged."""
        head = self.journal.heads()[stream]
        return head.seq, head.acked

    @property
    def connected(self) -> bool:
        return bool(self.statuses) and self.statuses[-1].connected

    def _grown(self, heads: dict[str, int]) -> None:
        self.server.push(JOURNAL_GROWN, {stream.value: head.seq
                                         for stream, head in self.journal.heads().items()})

    async def _answer(self, _peer: object, request: Request) -> Reply:
        match request.action:
            case protocol.DESCRIBE:
                return resulted(request, protocol.SiteDescription(
                    site_id=SITE, epoch=self.journal.epoch,
                    cloud=protocol.CloudDescription(url=self._url)))
            case protocol.HEADS:
                return resulted(request, protocol.JournalHeads(
                    epoch=self.journal.epoch, boot=self.journal.boot,
                    streams={stream.value: protocol.StreamHead(
                        seq=head.seq, acked=head.acked, tail=head.tail)
                             for stream, head in self.journal.heads().items()}))
            case protocol.READ:
                return await self._read(request, arguments(request, protocol.JournalRead))
            case protocol.ACKED:
                return await self._acked(request, arguments(request, protocol.JournalAcked))
            case protocol.STATUS:
                self.statuses.append(arguments(request, protocol.SyncStatus))
                return accepted(request)
        return refused(request, "not played here")

    async def _read(self, request: Request, asked: protocol.JournalRead) -> Reply:
        rows = await self.journal.read(Stream(asked.stream), asked.after, asked.limit)
        return resulted(request, protocol.JournalRows(
            epoch=self.journal.epoch, stream=asked.stream,
            tail=self.journal.heads()[Stream(asked.stream)].tail, rows=tuple(protocol.WireRow(
                seq=row.seq, type=row.type, utc=row.utc, boot=row.boot, mono_ns=row.mono_ns,
                clock_ok=row.clock_ok, data=row.data, prev=row.prev.hex(), hash=row.hash.hex())
                for row in rows)))

    async def _acked(self, request: Request, ack: protocol.JournalAcked) -> Reply:
        try:
            await self.journal.acked(ack.epoch, Stream(ack.stream), ack.seq, bytes.fromhex(ack.hash))
        except JournalError as error:
            self.refused.append(str(error))
            return refused(request, str(error))
        return accepted(request)


def session_row(number: int) -> tuple[Stream, str, bytes]:
    """Row `number` of a series in which each pair opens and closes a transaction."""
    return Stream.TX, "tx.event.v1", msgspec.json.encode({
        "eventType": "Ended" if number % 2 else "Started", "timestamp": "2026-05-01T12:00:00Z",
        "triggerReason": "Authorized", "seqNo": number % 2,
        "transactionInfo": {"transactionId": f"t{number // 2}"},
        "evse": {"id": 1, "connectorId": 1, "customData": {"vendorId": "x", "evseId": "bay-1"}}})


class Programs:
    """The commands as processes of their own; killed by pid."""

    def __init__(self, folder: Path, controller: Controller, broker: Broker) -> None:
        self._folder, self._controller, self._broker = folder, controller, broker
        self._running: list[subprocess.Popen[bytes]] = []
        self.database = folder / "cloud.db"

    async def sync(self, *, resend_s: float = 1.0) -> subprocess.Popen[bytes]:
        return await self._start("cloud_sync.command", [
            "--run-dir", str(self._controller.run_dir), "--state-dir", str(self._controller.state_dir),
            "--resend-s", str(resend_s)])

    async def ingest(self) -> subprocess.Popen[bytes]:
        return await self._start("cloud_sync.ingest.command", [
            "run", "--broker", self._broker.url, "--db", f"sqlite:///{self.database}"])

    async def _start(self, module: str, args: list[str]) -> subprocess.Popen[bytes]:
        ready = self._folder / f"{module}-{secrets.token_hex(4)}.ready"
        process = self._spawn(module, [*args, "--ready-file", str(ready)])
        await wait_until(lambda: ready.exists() or process.poll() is not None, f"{module} ready")
        assert process.poll() is None, (self._folder / f"{module}.log").read_text()
        return process

    def _spawn(self, module: str, args: list[str]) -> subprocess.Popen[bytes]:
        program = f"import sys; from {module} import main; sys.exit(main(sys.argv[1:]))"
        with (self._folder / f"{module}.log").open("ab") as log:
            process = subprocess.Popen([sys.executable, "-c", program, *args], stderr=log, stdout=log)
        self._running.append(process)
        return process

    def log(self, module: str) -> str:
        return (self._folder / f"{module}.log").read_text()

    async def terminate(self, process: subprocess.Popen[bytes]) -> int:
        """SIGTERM, and wait; the exit status."""
        process.send_signal(signal.SIGTERM)
        await wait_until(lambda: process.poll() is not None, "process ended")
        return process.returncode

    def end(self) -> None:
        for process in self._running:
            process.kill()
            process.wait()

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """A query to the cloud's database; nothing while it is not there."""
        if not self.database.exists():
            return []
        with contextlib.closing(sqlite3.connect(self.database)) as db:
            return db.execute(sql).fetchall()


@pytest.fixture
def until() -> Callable[..., Any]:
    return wait_until


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    try:
        find_mosquitto()
    except NoBroker as error:
        pytest.skip(str(error))
    with Broker(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture
async def controller(tmp_path: Path, broker: Broker) -> AsyncIterator[Controller]:
    with tempfile.TemporaryDirectory(prefix="fc") as run_dir:  # a socket's path has 108 bytes at most
        controller = Controller(Path(run_dir), tmp_path, broker.url)
        await controller.start()
        yield controller
        await controller.close()


@pytest.fixture
def programs(tmp_path: Path, controller: Controller, broker: Broker) -> Iterator[Programs]:
    programs = Programs(tmp_path, controller, broker)
    yield programs
    programs.end()
