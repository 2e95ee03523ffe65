"""The loop of the ingest: messages in, one transaction a batch, acknowledgements out, then PUBACK.

In that order: a crash between any two steps costs duplicates, never rows. Its session with the broker
ends with its connection (expiry 0): what a broker parks for a consumer that is away, it may lose.
"""

import logging
import queue
import threading
import uuid
from collections.abc import Callable, Iterable

import msgspec
from sqlalchemy.exc import DBAPIError

from cloud_sync import topics
from cloud_sync.ingest.store import AckDue, Message, Store
from cloud_sync.messages import SiteState
from cloud_sync.mqtt import Arrived, LineDown, LineUp, MqttEvent, MqttLine, Subscribed, Tls

log = logging.getLogger(__name__)

BATCH = 500
POLL_S = 0.5
DATABASE_RETRY_S = 1.0


class Consumer:
    """One worker between a broker and a `Store`. `on_ready`: subscribed; called at each connection.

    Raises ValueError, OSError for a broker URL or certificate files that cannot be used.
    """

    def __init__(self, broker_url: str, store: Store, *, tls: Tls | None = None,
                 on_ready: Callable[[], None] = lambda: None) -> None:
        self._broker_url = broker_url
        self._store = store
        self._tls = tls
        self._on_ready = on_ready
        self._events: queue.SimpleQueue[MqttEvent] = queue.SimpleQueue()
        self._line = self._new_line()

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; then what has arrived and is not acknowledged stays with the broker."""
        self._line.start()
        try:
            while not stop.is_set():
                batch = self._gather()
                if batch:
                    self._work(batch, stop)
                self._supervise()
        finally:
            self._line.stop()

    def _new_line(self) -> MqttLine:
        return MqttLine(self._broker_url, f"fc-ingest-{uuid.uuid4().hex[:12]}", self._events.put,
                        subscriptions=(topics.ALL_UP, topics.ALL_STATES), tls=self._tls,
                        receive_maximum=BATCH, manual_ack=True)

    def _gather(self) -> list[Arrived]:
        """What has come by now, at most a batch. While one is committed the next one grows, so a
        batch is as large as the load, and a single message is never kept waiting."""
        batch: list[Arrived] = []
        try:
            event = self._events.get(timeout=POLL_S)
            while True:
                if isinstance(event, Arrived):
                    batch.append(event)
                else:
                    self._note(event)
                if len(batch) >= BATCH:
                    break
                event = self._events.get_nowait()
        except queue.Empty:
            pass
        return batch

    def _note(self, event: MqttEvent) -> None:
        match event:
            case LineUp():
                log.info("broker: connected")
            case LineDown():
                log.warning("broker: %s; next attempt in %.1f s", event.reason, event.retry_s)
            case Subscribed() if event.refused:
                log.error("broker refuses our subscriptions: %s", event.refused)
            case Subscribed():
                self._on_ready()

    def _work(self, batch: list[Arrived], stop: threading.Event) -> None:
        rows = [Message(topic=event.topic, payload=event.payload) for event in batch
                if topics.parse_state(event.topic) is None]
        states = [event for event in batch if topics.parse_state(event.topic) is not None]
        while not stop.is_set():
            try:
                if rows:
                    self._publish(self._store.take(rows))
                for event in states:
                    self._greet(event)
                break
            except DBAPIError as error:  # nothing was acknowledged: the batch is tried again whole
                log.error("database: %s", error)
                stop.wait(DATABASE_RETRY_S)
        else:
            return
        for event in batch:
            self._line.ack(event.line, event.mid)

    def _greet(self, event: Arrived) -> None:
        """A retained state comes once after each subscription: we are new here, so the site learns
        where to send on from, instead of waiting for its patience to end."""
        site_id = topics.parse_state(event.topic)
        if not event.retained or site_id is None:
            return
        try:
            state = msgspec.json.decode(event.payload, type=SiteState)
        except ValueError as error:
            log.error("state of %s ignored: %s", site_id, error)
            return
        if state.site == site_id and state.state == "online":
            self._publish(self._store.resume(site_id, state.epoch))

    def _publish(self, dues: Iterable[AckDue]) -> None:
        for due in dues:
            self._line.publish(topics.ack(due.site_id), msgspec.json.encode(due.ack))

    def _supervise(self) -> None:
        if not self._line.alive:
            log.error("the network thread has died; starting another")
            self._line.stop()
            self._line = self._new_line()
            self._line.start()
