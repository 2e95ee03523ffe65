"""Telemetry that is gone before the cloud has it, and a journal that begins anew after damage."""

import contextlib

import msgspec
import pytest

from cloud_sync import topics
from cloud_sync.messages import SiteState
from cloud_sync.mqtt import Arrived, MqttEvent, MqttLine
from edge.controller import records
from edge.controller.effects import Stream
from edge.journal import schema
from edge.journal.row import Batch
from edge.journal.rows import load_heads, save_heads

pytestmark = pytest.mark.wire

SAMPLE = (Stream.TM, records.TM_METER, b'{"timestamp":null,"outlets":[]}')
STATUS = (Stream.EV, records.EV_STATUS, b"{}")


async def thin(controller):
    """What the journal does once when its disk runs full; how many rows that cost."""
    return await controller.journal.thin(Batch(mono_ns=1, utc="2026-05-01T12:00:00Z"), "disk low")


async def lose(controller, last):
    """Telemetry up to `last` is gone, and nobody says so."""
    await controller.close()
    with contextlib.closing(schema.connect(controller.state_dir / "journal.db", busy_s=5)) as db:
        heads = {Stream(name): head for name, head in load_heads(db).items()}
        (hash_,) = db.execute("SELECT hash FROM row_tm WHERE seq = ?", (last,)).fetchone()
        db.execute("BEGIN IMMEDIATE")
        db.execute("DELETE FROM row_tm WHERE seq <= ?", (last,))
        heads[Stream.TM] = msgspec.structs.replace(heads[Stream.TM], tail=last, tail_hash=hash_)
        save_heads(db, heads, [Stream.TM])
        db.execute("COMMIT")
    await controller.start()


def held(programs, stream):
    return [seq for seq, in programs.ask(f"SELECT seq FROM event WHERE stream = '{stream}' ORDER BY 1")]


async def test_goes_on_behind_telemetry_that_the_cloud_never_got(controller, programs, until):
    await controller.write(*[SAMPLE] * 1200)
    await controller.write(*[STATUS] * 20)
    assert (await thin(controller), await thin(controller)) == (500, 500)
    await controller.write_events(4)
    await programs.ingest()
    await programs.sync()

    await until(lambda: controller.all_acked, "all acknowledged")
    assert held(programs, "tm") == list(range(1001, 1201))
    assert programs.ask("SELECT acked FROM stream_state WHERE stream = 'tm'") == [(1200,)]
    assert programs.ask("SELECT * FROM quarantine") == []
    assert controller.refused == []
    assert "gone from the journal" not in programs.log("cloud_sync.command")


async def test_goes_on_behind_telemetry_that_went_while_sync_was_away_and_its_cursor_with_it(
        controller, programs, until):
    await programs.ingest()
    sync = await programs.sync()
    await controller.write(*[SAMPLE] * 40)
    await until(lambda: controller.all_acked, "the first ones acknowledged")
    await programs.terminate(sync)
    (controller.state_dir / "sync.db").unlink()
    await controller.write(*[SAMPLE] * 560)
    assert (await thin(controller), await thin(controller)) == (40, 500)  # held there, and not

    await programs.sync()
    await until(lambda: controller.all_acked, "all acknowledged")
    assert held(programs, "tm") == [*range(1, 41), *range(541, 601)]
    assert programs.ask("SELECT * FROM quarantine") == []


async def test_goes_on_when_telemetry_goes_while_it_is_sent_to_nobody(controller, programs, until):
    await programs.sync(resend_s=0.3)
    await controller.write(*[SAMPLE] * 700)
    await until(lambda: "delivered it to nobody" in programs.log("cloud_sync.command"), "sent in vain")
    assert await thin(controller) == 500
    await controller.write_events(2)
    await programs.ingest()

    await until(lambda: controller.all_acked, "all acknowledged")
    assert set(held(programs, "tm")) >= set(range(501, 701))
    assert programs.ask("SELECT acked FROM stream_state WHERE stream = 'tm'") == [(700,)]
    assert programs.ask("SELECT * FROM quarantine") == []


async def test_a_hole_that_no_row_names_is_told_and_keeps_no_bill_waiting(controller, programs, until):
    await controller.write(*[SAMPLE] * 50)
    await lose(controller, 30)
    await programs.ingest()
    await programs.sync()
    await controller.write_events(4)
    await until(lambda: "tm 1 to 30 are gone from the journal" in programs.log("cloud_sync.command"),
                "alarm")
    await controller.write(*[STATUS] * 4)
    await until(lambda: all(controller.journal.heads()[stream].acked == seq for stream, seq in
                            ((Stream.TX, 4), (Stream.EV, 4))), "bills and faults acknowledged")
    assert held(programs, "tm") == []
    assert programs.log("cloud_sync.command").count("gone from the journal") == 1


async def test_a_journal_that_begins_anew_tells_what_was_saved_and_the_cloud_counts_it_once(
        controller, programs, broker, until):
    states: list[MqttEvent] = []
    line = MqttLine(broker.url, "watcher", states.append,
                    subscriptions=(topics.state(controller.site_id),))
    line.start()
    await programs.ingest()
    sync = await programs.sync()
    await controller.write_events(9)  # the last session is under way
    await until(lambda: controller.all_acked, "acknowledged")
    await programs.terminate(sync)
    await controller.write_events(11, first=9)
    old, saved = controller.journal.epoch, [*controller.written[4:12], *controller.written[13:]]

    await controller.close()
    await controller.start("another.db")
    await controller.write(*((row.stream, records.SALVAGED[row.stream], msgspec.json.encode(
        records.Salvaged(epoch=row.epoch, seq=row.seq, type=row.type, utc=row.utc, boot=row.boot,
                         mono_ns=row.mono_ns, clock_ok=row.clock_ok, prev=row.prev.hex(),
                         hash=row.hash.hex(), data=row.data))) for row in saved))
    await controller.write_events(2, first=20)
    await programs.sync()
    await until(lambda: controller.all_acked, "the new journal acknowledged")

    new = controller.journal.epoch
    assert programs.ask(f"SELECT seq FROM event WHERE epoch = '{old}' ORDER BY 1") == [
        (seq,) for seq in range(1, 21) if seq != 13]  # that one could not be read
    assert dict(programs.ask("SELECT epoch, acked FROM stream_state")) == {old: 12, new: len(saved) + 2}
    assert sorted(programs.ask("SELECT transaction_id, starts, stops, events FROM session")) == sorted(
        [(f"t{n}", 1, 1, 2) for n in range(11) if n != 6] + [("t6", 0, 1, 1)])
    assert programs.ask("SELECT * FROM quarantine") == []

    def said():
        return [msgspec.json.decode(event.payload, type=SiteState) for event in states
                if isinstance(event, Arrived)]

    await until(lambda: said() and said()[-1].epoch == new, "the state says the new epoch")
    assert said()[-1].state == "online"
    line.stop()
