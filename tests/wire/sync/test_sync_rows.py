"""Rows from the journal to the database, and nothing released before they are there."""

import asyncio
import sqlite3
import time
from collections import Counter

import msgspec
import pytest

from cloud_sync import envelope, topics
from cloud_sync.messages import Ack
from cloud_sync.mqtt import Arrived, LineUp, MqttEvent, MqttLine, Subscribed
from edge.controller.effects import Stream

pytestmark = pytest.mark.wire

ODD_BYTES = (
    b'{"energy": 12.50,  "text":"\xc3\xa5 \\u00e5 \\/"}',  # blanks, numbers and escapes are kept
    b' {"blanks": "around"}\n',
    b"no JSON at all",
    b"\xff\xfe\x00",
    b"",
)


class Listener:
    """Somebody else on the broker who hears a site's rows and answers nothing."""

    def __init__(self, broker):
        self.events: list[MqttEvent] = []
        self.line = MqttLine(broker.url, "listener", self.events.append,
                             subscriptions=(topics.ALL_UP,))
        self.line.start()

    def heard(self):
        rows = [envelope.decode(event.payload) for event in self.events if isinstance(event, Arrived)]
        return [(row.stream, row.seq) for row in rows]

    def subscribed(self):
        return any(isinstance(event, Subscribed) for event in self.events)


@pytest.fixture
def listener(broker):
    listener = Listener(broker)
    yield listener
    listener.line.stop()


async def test_brings_every_row_with_its_exact_bytes(controller, programs, until):
    await controller.write(*((Stream.EV, "ev.status.v1", data) for data in ODD_BYTES))
    await controller.write((Stream.TM, "tm.meter.v1", b"{}"))
    await controller.write_events(4)
    await programs.ingest()
    await programs.sync()

    await until(lambda: controller.all_acked, "all acknowledged")

    held = programs.ask("SELECT site, epoch, stream, seq, type, raw, hash FROM event")
    assert sorted(held) == sorted(
        (controller.site_id, row.epoch, row.stream.value, row.seq, row.type, row.data, row.hash)
        for row in controller.written)
    assert programs.ask("SELECT transaction_id, starts, stops, evse_id FROM session ORDER BY 1") == [
        ("t0", 1, 1, "bay-1"), ("t1", 1, 1, "bay-1")]
    assert programs.ask("SELECT * FROM quarantine") == []


async def test_sends_a_new_row_at_once_and_reports_the_line(controller, programs, until):
    await programs.ingest()
    sync = await programs.sync()
    await until(lambda: controller.connected, "connected")

    began_s = time.monotonic()
    await controller.write_events(2)
    await until(lambda: controller.all_acked, "acknowledged")
    print(f"\ncommit to acknowledgement: {(time.monotonic() - began_s) * 1e3:.0f} ms")

    await until(lambda: controller.statuses[-1].last_ack_age_s is not None, "its age reported")
    assert controller.statuses[-1].pending == {"tx": 0, "ev": 0, "tm": 0}
    assert await programs.terminate(sync) == 0


async def test_releases_nothing_by_puback_alone(controller, programs, until, listener):
    """The broker has a subscriber and says Success to every row; nobody keeps them."""
    await until(listener.subscribed, "listener subscribed")
    await controller.write_events(20)
    await programs.sync(resend_s=0.3)

    await until(lambda: len(listener.heard()) >= 40, "sent again and again")
    assert controller.head_of(Stream.TX) == (20, 0)
    assert controller.statuses[-1].pending["tx"] == 20

    await programs.ingest()
    await until(lambda: controller.all_acked, "all acknowledged once somebody keeps them")
    assert programs.ask("SELECT count(*) FROM event") == [(20,)]


async def test_waits_while_nobody_listens_and_goes_on_at_once_when_somebody_does(
        controller, programs, until):
    """PUBACK 0x10. With 600 s of patience only the ingest's greeting can bring the rows over."""
    await controller.write_events(20)
    await programs.sync(resend_s=600)
    await until(lambda: "delivered it to nobody" in programs.log("cloud_sync.command"), "0x10 noticed")
    assert controller.head_of(Stream.TX) == (20, 0)

    await programs.ingest()
    await until(lambda: controller.all_acked, "all acknowledged")


async def test_refuses_acknowledgements_that_are_not_ours(controller, programs, until, listener):
    await until(listener.subscribed, "listener subscribed")
    await controller.write_events(20)
    await programs.sync(resend_s=600)
    await until(lambda: ("tx", 20) in listener.heard(), "sent")
    true_hash = controller.written[9].hash.hex()
    for forged in (Ack(epoch=controller.journal.epoch, stream="tx", seq=20, hash=true_hash),
                   Ack(epoch=controller.journal.epoch, stream="tx", seq=21, hash=true_hash),
                   Ack(epoch="0" * 16, stream="tx", seq=10, hash=true_hash)):
        listener.line.publish(topics.ack(controller.site_id), msgspec.json.encode(forged))
    for nonsense in (b"", b"{", b'{"epoch":1}', b"\xff" * 100):
        listener.line.publish(topics.ack(controller.site_id), nonsense)

    await until(lambda: programs.log("cloud_sync.command").count("acknowledgement refused") == 7,
                "refused")
    assert controller.head_of(Stream.TX) == (20, 0)

    listener.line.publish(topics.ack(controller.site_id), msgspec.json.encode(
        Ack(epoch=controller.journal.epoch, stream="tx", seq=10, hash=true_hash)))
    await until(lambda: controller.head_of(Stream.TX) == (20, 10), "the true one is taken")


async def test_starts_a_new_epoch_from_its_first_row(controller, programs, until):
    await programs.ingest()
    await programs.sync()
    await controller.write_events(30)
    await until(lambda: controller.all_acked, "all acknowledged")
    first_epoch = controller.journal.epoch

    await controller.close()
    await controller.start("another.db")
    await controller.write_events(20)
    await until(lambda: controller.all_acked, "the new journal acknowledged")

    assert dict(programs.ask("SELECT epoch, count(*) FROM event GROUP BY epoch")) == {
        first_epoch: 30, controller.journal.epoch: 20}


async def test_survives_the_controller_being_away(controller, programs, until):
    await programs.ingest()
    await programs.sync()
    await controller.write_events(10)
    await until(lambda: controller.all_acked, "all acknowledged")

    await controller.close()
    await asyncio.sleep(0)
    await controller.start()
    await controller.write_events(10, first=10)

    await until(lambda: controller.all_acked, "all acknowledged")
    assert programs.ask("SELECT count(*), max(seq) FROM event") == [(20, 20)]


async def test_drains_a_backlog(controller, programs, until, record_property):
    rows = 2000
    await controller.write_events(rows)
    await programs.ingest()
    began_s = time.monotonic()
    await programs.sync()
    await until(lambda: controller.all_acked, "drained")
    took_s = time.monotonic() - began_s

    record_property("rows_per_s", round(rows / took_s))
    print(f"\ndrained {rows} rows in {took_s:.2f} s, {rows / took_s:.0f} rows/s with its start")
    with sqlite3.connect(programs.database) as db:
        (count,), = db.execute("SELECT count(*) FROM event")
    db.close()
    assert count == rows
    assert Counter(programs.ask("SELECT starts, stops FROM session")) == {(1, 1): rows // 2}


async def test_line_reports_its_receive_maximum(broker, until):
    broker.kill()
    broker.settings = ("max_inflight_messages 5",)
    broker.start()
    events: list[MqttEvent] = []
    line = MqttLine(broker.url, "probe", events.append)
    line.start()
    try:
        up = await until(lambda: next((e for e in events if isinstance(e, LineUp)), None), "connected")
        assert up.receive_maximum == 5
    finally:
        line.stop()
