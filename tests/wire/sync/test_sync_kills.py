"""`kill -9` of broker (which forgets everything), ingest and sync in the middle of a backlog."""

import pytest

pytestmark = pytest.mark.wire

ROWS = 600


def held(programs):
    rows = programs.ask("SELECT count(*) FROM event")
    return rows[0][0] if rows else 0


def assert_exactly_the_journal(controller, programs):
    events = programs.ask("SELECT stream, seq, raw, hash FROM event ORDER BY stream, seq")
    assert events == sorted((row.stream.value, row.seq, row.data, row.hash)
                            for row in controller.written)
    assert programs.ask("SELECT acked FROM stream_state WHERE stream = 'tx'") == [(ROWS,)]
    assert programs.ask("SELECT DISTINCT starts, stops, events FROM session") == [(1, 1, 2)]
    assert programs.ask("SELECT count(*) FROM session") == [(ROWS // 2,)]
    assert programs.ask("SELECT * FROM quarantine") == []


async def test_nothing_is_lost_or_doubled_when_the_broker_dies(controller, programs, broker, until):
    await programs.ingest()
    await programs.sync()
    for number in range(3):
        await controller.write_events(ROWS // 3, first=number * ROWS // 3)
        await until(lambda number=number: held(programs) > number * ROWS // 3, "some arrived")
        broker.kill()
        broker.start()

    await until(lambda: controller.all_acked, "all acknowledged")
    assert_exactly_the_journal(controller, programs)


async def test_nothing_is_lost_or_doubled_when_the_broker_is_away_for_a_while(
        controller, programs, broker, until):
    await programs.ingest()
    await programs.sync()
    await until(lambda: controller.connected, "connected")
    broker.kill()
    await until(lambda: not controller.connected, "the loss is reported")
    await controller.write_events(ROWS)
    await until(lambda: controller.statuses[-1].pending["tx"] == ROWS, "pending is reported")
    broker.start()

    await until(lambda: controller.all_acked, "all acknowledged")
    assert_exactly_the_journal(controller, programs)


async def test_nothing_is_lost_or_doubled_when_the_ingest_dies(controller, programs, until):
    await programs.sync()
    ingest = await programs.ingest()
    for number in range(3):
        await controller.write_events(ROWS // 3, first=number * ROWS // 3)
        await until(lambda number=number: held(programs) > number * ROWS // 3, "some arrived")
        ingest.kill()
        ingest.wait()
        ingest = await programs.ingest()

    await until(lambda: controller.all_acked, "all acknowledged")
    assert_exactly_the_journal(controller, programs)
    assert await programs.terminate(ingest) == 0


async def test_nothing_is_lost_or_doubled_when_sync_dies(controller, programs, until):
    await programs.ingest()
    sync = await programs.sync()
    for number in range(3):
        await controller.write_events(ROWS // 3, first=number * ROWS // 3)
        await until(lambda number=number: held(programs) > number * ROWS // 3, "some arrived")
        sync.kill()
        sync.wait()
        sync = await programs.sync()

    await until(lambda: controller.all_acked, "all acknowledged")
    assert_exactly_the_journal(controller, programs)
    assert "Traceback" not in programs.log("cloud_sync.command")
    assert "Traceback" not in programs.log("cloud_sync.ingest.command")
