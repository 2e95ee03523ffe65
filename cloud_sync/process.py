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

from cloud_sync.cursor import CursorStore, Position
from cloud_sync.messages import Ack
from cloud_sync.outbox import Outbox
from cloud_sync.uplink import Uplink
from edge.controller.struct import Value
from edge.link import journal_protocol as protocol
from edge.link.client import LinkClient
from edge.link.errors import LinkError, LinkRefused
from edge.link.messages import JOURNAL_GROWN

log = logging.getLogger(__name__)

STATUS_PERIOD_S = 1.0
HEADS_PERIOD_S = 5.0
"""The journal's heads are asked for that often although growth is pushed: of pushes only the latest
reaches us, and it may name fewer streams than the one before."""
RETRY_S = 1.0


class Options(Value):
    """`resend_s`: how long acknowledgements may stand still before rows are sent again.
    `window`: messages without PUBACK at most."""

    run_dir: Path
    state_dir: Path
    resend_s: float = 30.0
    window: int = 100


class SyncProcess:
    """Runs until `stop` is called. `on_ready`: the controller has answered; called at each meeting.

    Raises OSError when `sync.db` cannot be used.
    """

    def __init__(self, options: Options, *, on_ready: Callable[[], None] = lambda: None) -> None:
        self._options = options
        self._on_ready = on_ready
        self._link = LinkClient(options.run_dir / "sync.sock")
        self._cursor = CursorStore(options.state_dir / "sync.db")
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._site: protocol.SiteDescription | None = None
        self._uplink = Uplink("", None, Outbox(""), self._wake.set)
        self._positions: dict[str, Position] = {}
        self._saved: dict[str, Position] = {}
        self._heads_at_s = 0.0
        self._status_at_s = 0.0
        self._said_connected: bool | None = None

    def stop(self) -> None:
        """End `run` soon. Call it in the loop's thread."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve until stopped. Raises ValueError, OSError when the site names a broker's URL or files
        that cannot be used."""
        serving = asyncio.create_task(self._serve(), name="sync")
        stopping = asyncio.create_task(self._stopping.wait(), name="stop")
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                await serving
        finally:
            for task in (serving, stopping):
                task.cancel()
            await asyncio.gather(serving, stopping, return_exceptions=True)
            await self._uplink.close()
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
        heads = await self._heads()
        if self._site != site or self._uplink.outbox.epoch != heads.epoch:
            await self._uplink.close()
            self._save()
            self._begin(site, heads)
            self._uplink.open()
        self._grown(heads)
        self._tell_what_the_controller_missed(heads)
        self._said_connected = None
        self._on_ready()

    def _begin(self, site: protocol.SiteDescription, heads: protocol.JournalHeads) -> None:
        self._site = site
        self._saved = self._cursor.load(heads.epoch)
        self._positions = dict(self._saved)
        acked = {}
        for name, head in heads.streams.items():
            known = self._saved[name].seq if name in self._saved else 0
            if known > head.seq:
                log.error("%s ends at %d, but %d was acknowledged", name, head.seq, known)
            acked[name] = min(head.seq, max(head.acked, known))
        outbox = Outbox(heads.epoch, acked, window=self._options.window,
                        resend_s=self._options.resend_s)
        self._uplink = Uplink(site.site_id, site.cloud, outbox, self._wake.set)
        log.info("site %s epoch %s from %s", site.site_id, heads.epoch, acked)

    def _tell_what_the_controller_missed(self, heads: protocol.JournalHeads) -> None:
        for stream, at in self._positions.items():
            head = heads.streams.get(stream)
            if head is not None and head.acked < at.seq <= head.seq:
                self._uplink.news.setdefault(
                    stream, Ack(epoch=heads.epoch, stream=stream, seq=at.seq, hash=at.hash))

    async def _work(self) -> None:
        """Move rows until the controller is lost."""
        pushes = asyncio.create_task(self._listen(), name="pushes")
        try:
            await self._pump()
        finally:
            pushes.cancel()
            await asyncio.gather(pushes, return_exceptions=True)

    async def _listen(self) -> None:
        with contextlib.suppress(LinkError):  # the pump meets the loss with its next call
            async for push in self._link.pushes():
                if push.topic == JOURNAL_GROWN:
                    self._uplink.outbox.grown(msgspec.json.decode(push.data, type=dict[str, int]))
                    self._wake.set()
        self._wake.set()

    async def _pump(self) -> None:
        while True:
            self._wake.clear()
            self._uplink.move()
            await self._report_acks()
            await self._report_status()
            if await self._fetch() or not self._uplink.idle:
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STATUS_PERIOD_S):
                    await self._wake.wait()
            await self._uplink.supervise()
            await self._look_again()

    async def _fetch(self) -> bool:
        outbox = self._uplink.outbox
        want = outbox.want()
        look = None if want is not None else outbox.look()
        asked = want or look
        if asked is None:
            return False
        answer = await self._link.ask(protocol.READ, protocol.JournalRead(
            stream=asked.stream, after=asked.after, limit=asked.limit), protocol.JournalRows)
        empty = want is not None and not answer.rows and answer.tail <= want.after
        if answer.epoch != outbox.epoch or empty:
            raise LinkError(
                f"journal.read {asked}: got {len(answer.rows)} rows of epoch {answer.epoch}")
        if want is not None:
            outbox.fetched(want, answer)
        else:
            outbox.looked(answer)
        for alarm in outbox.alarms():
            log.error("%s; that stream waits, the others go on", alarm)
        return True

    async def _report_acks(self) -> None:
        """The controller has the last word: it knows the hash of every row."""
        for stream, ack in list(self._uplink.news.items()):
            try:
                await self._link.request(protocol.ACKED, protocol.JournalAcked(
                    epoch=ack.epoch, stream=stream, seq=ack.seq, hash=ack.hash))
            except LinkRefused as error:
                log.error("acknowledgement %s refused by the journal: %s", ack, error)
                del self._uplink.news[stream]
                continue
            self._uplink.confirmed(ack)
            self._positions[stream] = Position(seq=ack.seq, hash=ack.hash)

    async def _report_status(self) -> None:
        now_s = time.monotonic()
        connected = self._uplink.connected
        if self._said_connected is connected and now_s - self._status_at_s < STATUS_PERIOD_S:
            return
        self._save()
        await self._link.request(protocol.STATUS, protocol.SyncStatus(
            connected=connected, last_ack_age_s=self._uplink.last_ack_age_s(),
            pending=self._uplink.outbox.pending))
        self._said_connected, self._status_at_s = connected, now_s

    async def _look_again(self) -> None:
        if time.monotonic() - self._heads_at_s < HEADS_PERIOD_S:
            return
        heads = await self._heads()
        if heads.epoch != self._uplink.outbox.epoch:
            raise LinkError(f"the journal has a new epoch {heads.epoch}")
        self._grown(heads)

    def _grown(self, heads: protocol.JournalHeads) -> None:
        self._uplink.outbox.grown({name: head.seq for name, head in heads.streams.items()},
                                  {name: head.tail for name, head in heads.streams.items()})

    async def _heads(self) -> protocol.JournalHeads:
        self._heads_at_s = time.monotonic()
        return await self._link.ask(protocol.HEADS, None, protocol.JournalHeads)

    def _save(self) -> None:
        changed = {name: at for name, at in self._positions.items() if self._saved.get(name) != at}
        if changed and self._cursor.save(self._uplink.outbox.epoch, changed):
            self._saved = dict(self._positions)
