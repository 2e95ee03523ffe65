"""The sync process: rows from the controller's socket to the broker, acknowledgements back.

One asyncio loop owns everything; paho's thread only enqueues. When the controller is away, or the
broker, or the ingest, the others go on: nothing is kept here that the journal does not have.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from cloud_sync import envelope, topics
from cloud_sync.cursor import CursorStore, Position
from cloud_sync.messages import Ack
from cloud_sync.mqtt import (
    Arrived,
    LineDown,
    LineUp,
    MqttEvent,
    MqttLine,
    PubAcked,
    Subscribed,
    Tls,
    Will,
)
from cloud_sync.outbox import Outbox, Outgoing, Verdict
from edge.controller.struct import Value
from edge.link import journal_protocol as protocol
from edge.link.client import LinkClient
from edge.link.errors import LinkError, LinkRefused
from edge.link.messages import JOURNAL_GROWN

log = logging.getLogger(__name__)

SESSION_EXPIRY_S = 24 * 3600  # the broker keeps what it has for us that long
STATUS_PERIOD_S = 1.0
RETRY_S = 1.0


class Options(Value):
    """`resend_s`: how long acknowledgements may stand still before rows are sent again."""

    run_dir: Path
    state_dir: Path
    resend_s: float = 30.0
    window: int = 100
    keepalive_s: int = 20


class SyncProcess:
    """Runs until `stop` is called. `on_ready` is called once, when the controller has answered."""

    def __init__(self, options: Options, *, on_ready: Callable[[], None] = lambda: None) -> None:
        self._options = options
        self._on_ready = on_ready
        self._link = LinkClient(options.run_dir / "sync.sock")
        self._cursor = CursorStore(options.state_dir / "sync.db")
        self._events: asyncio.Queue[MqttEvent] = asyncio.Queue()
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._site: protocol.SiteDescription | None = None
        self._outbox = Outbox("")
        self._line: MqttLine | None = None
        self._tokens: dict[int, int] = {}  # message id -> outbox token, of the present line
        self._acks: dict[str, Ack] = {}  # the latest news of each stream, not yet reported
        self._positions: dict[str, Position] = {}
        self._saved: dict[str, Position] = {}
        self._connected = False
        self._ack_at_s: float | None = None
        self._status_at_s = 0.0
        self._status: protocol.SyncStatus | None = None

    def stop(self) -> None:
        """End `run` soon. Call it in the loop's thread."""
        self._stopping.set()
        self._wake.set()

    async def run(self) -> None:
        """Serve until stopped."""
        serving = asyncio.create_task(self._serve(), name="sync")
        stopping = asyncio.create_task(self._stopping.wait(), name="stop")
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                await serving
        finally:
            for task in (serving, stopping):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            await self._drop_line()
            await self._link.close()
            self._save()
            self._cursor.close()

    async def _serve(self) -> None:
        """For ever: find the controller, work, lose it."""
        while True:
            await self._link.connect()
            try:
                await self._meet()
                await self._work()
            except LinkError as error:  # also lost, refused or timed out: begin anew
                log.warning("controller: %s", error)
            await self._link.close()
            await asyncio.sleep(RETRY_S)

    async def _meet(self) -> None:
        """Learn who we are and where each stream stands; a new epoch begins at its first row."""
        site = await self._link.ask(protocol.DESCRIBE, None, protocol.SiteDescription)
        heads = await self._link.ask(protocol.HEADS, None, protocol.JournalHeads)
        if self._site != site or self._outbox.epoch != heads.epoch:
            await self._drop_line()
            self._begin(site, heads)
            self._open_line(site)
        self._outbox.grown({name: head.seq for name, head in heads.streams.items()})
        self._tell_what_the_controller_missed(heads)
        self._status = None
        self._on_ready()

    def _begin(self, site: protocol.SiteDescription, heads: protocol.JournalHeads) -> None:
        self._site = site
        self._saved = self._cursor.load(heads.epoch)
        self._positions = dict(self._saved)
        self._acks.clear()
        acked = {name: max(head.acked, self._saved[name].seq if name in self._saved else 0)
                 for name, head in heads.streams.items()}
        for name, seq in acked.items():
            if seq > heads.streams[name].seq:
                log.error("the journal ends at %s/%s but %d was acknowledged",
                          name, heads.streams[name].seq, seq)
                acked[name] = heads.streams[name].seq
        self._outbox = Outbox(heads.epoch, acked, window=self._options.window,
                              resend_s=self._options.resend_s)
        log.info("site %s epoch %s from %s", site.site_id, heads.epoch, acked)

    def _tell_what_the_controller_missed(self, heads: protocol.JournalHeads) -> None:
        for stream, position in self._positions.items():
            head = heads.streams.get(stream)
            if head is not None and head.acked < position.seq <= head.seq and stream not in self._acks:
                self._acks[stream] = Ack(epoch=heads.epoch, stream=stream, seq=position.seq,
                                         hash=position.hash)

    def _open_line(self, site: protocol.SiteDescription) -> None:
        if site.cloud is None:
            log.info("site %s has no cloud; nothing to do", site.site_id)
            return
        loop = asyncio.get_running_loop()
        state_topic = topics.state(site.site_id)

        def post(event: MqttEvent) -> None:
            loop.call_soon_threadsafe(self._enqueue, event)

        self._line = MqttLine(
            site.cloud.url, f"fc-{topics.quote_site(site.site_id)}", post,
            subscriptions=(topics.ack(site.site_id),),
            will=Will(topic=state_topic, payload=self._state("offline")),
            tls=Tls(ca=_path(site.cloud.ca), cert=_path(site.cloud.cert), key=_path(site.cloud.key)),
            session_expiry_s=SESSION_EXPIRY_S, keepalive_s=self._options.keepalive_s)
        self._line.start()

    async def _drop_line(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await asyncio.to_thread(line.stop)
            await asyncio.sleep(0)  # let what the thread posted last arrive
        while not self._events.empty():
            self._events.get_nowait()
        self._lost_line()

    async def _work(self) -> None:
        """Move rows until the controller is lost."""
        pushes = asyncio.create_task(self._listen(), name="pushes")
        try:
            await self._pump()
        finally:
            pushes.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pushes

    async def _listen(self) -> None:
        with contextlib.suppress(LinkError):  # the pump meets the loss with its next call
            async for push in self._link.pushes():
                if push.topic == JOURNAL_GROWN:
                    self._outbox.grown(msgspec.json.decode(push.data, type=dict[str, int]))
                    self._wake.set()
        self._wake.set()

    async def _pump(self) -> None:
        while True:
            self._wake.clear()
            while not self._events.empty():
                self._handle(self._events.get_nowait())
            self._send()
            await self._report_acks()
            await self._report_status()
            fetched = await self._fetch()
            if fetched or not self._events.empty():
                await asyncio.sleep(0)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STATUS_PERIOD_S):
                    await self._wake.wait()
            await self._supervise()

    async def _fetch(self) -> bool:
        want = self._outbox.want()
        if want is None:
            return False
        answer = await self._link.ask(
            protocol.READ, protocol.JournalRead(stream=want.stream, after=want.after, limit=want.limit),
            protocol.JournalRows)
        self._outbox.fetched(answer.epoch, answer.stream, answer.rows)
        if answer.epoch != self._outbox.epoch or not answer.rows:
            raise LinkError(f"journal.read {want}: got {len(answer.rows)} rows of epoch {answer.epoch}")
        return True

    def _send(self) -> None:
        for stream in self._outbox.tick(time.monotonic()):
            log.warning("nothing of %s was acknowledged for a while; sending again", stream)
        while self._line is not None:
            outgoing = self._outbox.take(time.monotonic())
            if outgoing is None:
                return
            self._publish(self._line, outgoing)

    def _publish(self, line: MqttLine, outgoing: Outgoing) -> None:
        assert self._site is not None
        wire = outgoing.row
        row = envelope.Row(
            site_id=self._site.site_id, epoch=self._outbox.epoch, stream=outgoing.stream, seq=wire.seq,
            type=wire.type, utc=wire.utc, boot=wire.boot, mono_ns=wire.mono_ns, clock_ok=wire.clock_ok,
            data=wire.data, prev=bytes.fromhex(wire.prev), hash=bytes.fromhex(wire.hash))
        mid = line.publish(topics.up(row.site_id, row.stream), envelope.encode(row),
                           content_type=envelope.CONTENT_TYPE)
        if mid is not None:  # else the line is gone, and LineDown is on its way
            self._tokens[mid] = outgoing.token

    def _handle(self, event: MqttEvent) -> None:
        match event:
            case LineUp():
                log.info("broker: connected, it takes %d messages at once", event.receive_maximum)
                self._tokens.clear()
                self._connected = True
                self._outbox.line_up(event.receive_maximum)
                if self._line is not None and self._site is not None:
                    self._line.publish(topics.state(self._site.site_id), self._state("online"),
                                       retain=True)
            case LineDown():
                log.warning("broker: %s; next attempt in %.1f s", event.reason, event.retry_s)
                self._lost_line()
            case PubAcked():
                self._puback(event)
            case Arrived():
                self._ack_arrived(event.payload)
            case Subscribed():
                if event.refused:
                    log.error("broker refuses our acknowledgements' topic: %s", event.refused)

    def _puback(self, event: PubAcked) -> None:
        token = self._tokens.pop(event.mid, None)
        if token is None:
            return
        if not event.delivered:
            log.warning("broker took a row and delivered it to nobody: %s", event.reason)
        self._outbox.released(token, delivered=event.delivered, now_s=time.monotonic())

    def _ack_arrived(self, payload: bytes) -> None:
        try:
            ack = msgspec.json.decode(payload, type=Ack)
        except ValueError as error:
            log.error("acknowledgement refused: %s", error)
            return
        verdict = self._outbox.judge(ack)
        if verdict in (Verdict.NEWS, Verdict.NOTHING_NEW):
            self._ack_at_s = time.monotonic()
        if verdict is Verdict.NEWS:
            resume = ack.resume or (ack.stream in self._acks and self._acks[ack.stream].resume)
            self._acks[ack.stream] = msgspec.structs.replace(ack, resume=resume)
        elif verdict is Verdict.NOTHING_NEW:
            self._outbox.acknowledge(ack, time.monotonic())
        else:
            log.error("acknowledgement refused, %s: %s", verdict.name, ack)

    async def _report_acks(self) -> None:
        """The controller has the last word: it knows the hash of every row."""
        for stream, ack in list(self._acks.items()):
            try:
                await self._link.request(protocol.ACKED, protocol.JournalAcked(
                    epoch=ack.epoch, stream=stream, seq=ack.seq, hash=ack.hash))
            except LinkRefused as error:
                log.error("acknowledgement %s refused by the journal: %s", ack, error)
                del self._acks[stream]
                continue
            del self._acks[stream]
            self._outbox.acknowledge(ack, time.monotonic())
            self._positions[stream] = Position(seq=ack.seq, hash=ack.hash)

    async def _report_status(self) -> None:
        now_s = time.monotonic()
        changed = self._status is None or self._status.connected != self._connected
        if not changed and now_s - self._status_at_s < STATUS_PERIOD_S:
            return
        self._save()
        age_s = None if self._ack_at_s is None else round(now_s - self._ack_at_s, 1)
        status = protocol.SyncStatus(connected=self._connected, last_ack_age_s=age_s,
                                     pending=self._outbox.pending)
        await self._link.request(protocol.STATUS, status)
        self._status, self._status_at_s = status, now_s

    async def _supervise(self) -> None:
        """paho's thread can die of what it did not expect, and would not say so."""
        if self._line is not None and self._site is not None and not self._line.alive:
            log.error("the network thread has died; starting another")
            await self._drop_line()
            self._open_line(self._site)

    def _enqueue(self, event: MqttEvent) -> None:
        self._events.put_nowait(event)
        self._wake.set()

    def _lost_line(self) -> None:
        self._tokens.clear()
        self._connected = False
        self._outbox.line_down()

    def _state(self, state: str) -> bytes:
        assert self._site is not None
        return msgspec.json.encode({"site": self._site.site_id, "state": state,
                                    "epoch": self._outbox.epoch})

    def _save(self) -> None:
        changed = {name: at for name, at in self._positions.items() if self._saved.get(name) != at}
        if changed:
            self._cursor.save(self._outbox.epoch, changed)
            self._saved = dict(self._positions)


def _path(name: str | None) -> Path | None:
    return Path(name) if name else None
