"""One epoch's way to the broker: the outbox, the MQTT line, and what each hears of the other.

Lives in the loop of the sync process; only `MqttLine`'s thread comes from outside, and it enqueues.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from cloud_sync import envelope, topics
from cloud_sync.messages import Ack, SiteState
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
from edge.link.journal_protocol import CloudDescription

log = logging.getLogger(__name__)

SESSION_EXPIRY_S = 24 * 3600
"""The broker keeps what it has for us that long."""


class Uplink:
    """`wake` is called when something came in. `news`: acknowledgements that the controller has not
    confirmed yet, the latest of each stream. Raises ValueError, OSError for what `cloud` names."""

    def __init__(self, site_id: str, cloud: CloudDescription | None, outbox: Outbox,
                 wake: Callable[[], None], *, keepalive_s: int = 20) -> None:
        self.outbox = outbox
        self.connected = False
        self.news: dict[str, Ack] = {}
        self._site_id = site_id
        self._cloud = cloud
        self._wake = wake
        self._keepalive_s = keepalive_s
        self._events: asyncio.Queue[MqttEvent] = asyncio.Queue()
        self._tokens: dict[int, int] = {}  # message id -> outbox token, of the present line
        self._ack_at_s: float | None = None
        self._line: MqttLine | None = None

    def open(self) -> None:
        """Start connecting; without a cloud nothing happens."""
        if self._cloud is None:
            log.info("site %s has no cloud; nothing to do", self._site_id)
            return
        loop = asyncio.get_running_loop()

        def post(event: MqttEvent) -> None:
            loop.call_soon_threadsafe(self._enqueue, event)

        self._line = MqttLine(
            self._cloud.url, f"fc-{topics.quote_site(self._site_id)}", post,
            subscriptions=(topics.ack(self._site_id),),
            will=Will(topic=topics.state(self._site_id), payload=self._state("offline")),
            tls=Tls(ca=_path(self._cloud.ca), cert=_path(self._cloud.cert), key=_path(self._cloud.key)),
            session_expiry_s=SESSION_EXPIRY_S, keepalive_s=self._keepalive_s)
        self._line.start()

    async def close(self) -> None:
        """End the line; what was on its way is unknown."""
        line, self._line = self._line, None
        if line is not None:
            await asyncio.to_thread(line.stop)
            await asyncio.sleep(0)  # let what the thread posted last arrive
        while not self._events.empty():
            self._events.get_nowait()
        self._lost()

    async def supervise(self) -> None:
        """paho's thread can die of what it did not expect, and would not say so."""
        if self._line is not None and not self._line.alive:
            log.error("the network thread has died; starting another")
            await self.close()
            self.open()

    @property
    def idle(self) -> bool:
        """Whether nothing has come in."""
        return self._events.empty()

    def last_ack_age_s(self) -> float | None:
        """Since the ingest last said something true; `None`: never in this run."""
        return None if self._ack_at_s is None else round(time.monotonic() - self._ack_at_s, 1)

    def confirmed(self, ack: Ack) -> None:
        """The controller took it: rows may be forgotten."""
        self.news.pop(ack.stream, None)
        self.outbox.acknowledge(ack, time.monotonic())

    def move(self) -> None:
        """Handle what came in, then publish what may go out."""
        with contextlib.suppress(asyncio.QueueEmpty):
            while True:
                self._handle(self._events.get_nowait())
        for stream in self.outbox.tick(time.monotonic()):
            log.warning("nothing of %s was acknowledged for a while; sending again", stream)
        while self._line is not None:
            outgoing = self.outbox.take(time.monotonic())
            if outgoing is None:
                break
            self._publish(self._line, outgoing)

    def _publish(self, line: MqttLine, outgoing: Outgoing) -> None:
        row = envelope.from_wire(self._site_id, self.outbox.epoch, outgoing.stream, outgoing.row)
        mid = line.publish(topics.up(self._site_id, outgoing.stream), envelope.encode(row),
                           content_type=envelope.CONTENT_TYPE)
        if mid is not None:  # else the line is gone, and LineDown is on its way
            self._tokens[mid] = outgoing.token

    def _handle(self, event: MqttEvent) -> None:
        match event:
            case LineUp():
                self._found(event)
            case LineDown():
                log.warning("broker: %s; next attempt in %.1f s", event.reason, event.retry_s)
                self._lost()
            case PubAcked():
                self._puback(event)
            case Arrived():
                self._ack_arrived(event.payload)
            case Subscribed():
                if event.refused:
                    log.error("broker refuses the topic of our acknowledgements: %s", event.refused)

    def _found(self, event: LineUp) -> None:
        log.info("broker: connected, it takes %d messages at once", event.receive_maximum)
        self._tokens.clear()
        self.connected = True
        self.outbox.line_up(event.receive_maximum)
        if self._line is not None:
            self._line.publish(topics.state(self._site_id), self._state("online"), retain=True)

    def _lost(self) -> None:
        self._tokens.clear()
        self.connected = False
        self.outbox.line_down()

    def _puback(self, event: PubAcked) -> None:
        token = self._tokens.pop(event.mid, None)
        if token is None:
            return
        if not event.delivered:
            log.warning("broker took a row and delivered it to nobody: %s", event.reason)
        self.outbox.released(token, delivered=event.delivered, now_s=time.monotonic())

    def _ack_arrived(self, payload: bytes) -> None:
        try:
            ack = msgspec.json.decode(payload, type=Ack)
        except (ValueError, RecursionError) as error:
            log.error("acknowledgement refused: %s", error)
            return
        verdict = self.outbox.judge(ack)
        if verdict is Verdict.NEWS:
            before = self.news.get(ack.stream)
            resume = ack.resume or (before is not None and before.resume)
            self.news[ack.stream] = msgspec.structs.replace(ack, resume=resume)
        elif verdict is Verdict.NOTHING_NEW:
            self.outbox.acknowledge(ack, time.monotonic())
        else:
            log.error("acknowledgement refused, %s: %s", verdict.name, ack)
            return
        self._ack_at_s = time.monotonic()

    def _enqueue(self, event: MqttEvent) -> None:
        self._events.put_nowait(event)
        self._wake()

    def _state(self, state: Literal["online", "offline"]) -> bytes:
        return msgspec.json.encode(SiteState(site=self._site_id, state=state, epoch=self.outbox.epoch))


def _path(name: str | None) -> Path | None:
    return Path(name) if name else None
