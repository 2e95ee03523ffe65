"""The examples in docs/messages.md are what the code reads and writes."""

import re
from pathlib import Path

import msgspec
import pytest

from cloud_sync import envelope, topics
from cloud_sync.ingest import facts
from cloud_sync.messages import NO_HASH, Ack, SiteState
from edge.controller import records
from edge.controller.reading import Reading
from edge.controller.site import Evse

DOC = (Path(__file__).parents[2] / "docs" / "messages.md").read_text()


def example(kind):
    found = re.findall(rf"^```json {kind}\n(.*?)\n```$", DOC, re.S | re.M)
    assert len(found) == 1, f"one example of {kind}"
    return found[0].encode()


def test_the_row_decodes_is_whole_and_is_written_like_that():
    row = envelope.decode(example("row"))
    assert row.is_whole()
    assert row.prev.hex() == NO_HASH
    assert msgspec.json.decode(envelope.encode(row)) == msgspec.json.decode(example("row"))
    msgspec.json.decode(row.data, type=records.TransactionEvent)


@pytest.mark.parametrize(("kind", "type_"), [("ack", Ack), ("state", SiteState)])
def test_the_small_messages_decode_and_are_written_like_that(kind, type_):
    assert msgspec.json.encode(msgspec.json.decode(example(kind), type=type_)) == example(kind)


@pytest.mark.parametrize(("kind", "type_"), [
    ("boot", records.BootNotification), ("clock", records.ClockSet),
    ("gap", records.Gap), ("dropped", records.Gap), ("salvaged", records.Salvaged),
    ("down", records.TransactionEvent), ("meter", records.NotifyEvent)])
def test_the_data_of_other_rows_decode_and_are_written_like_that(kind, type_):
    assert msgspec.json.encode(msgspec.json.decode(example(kind), type=type_)) == example(kind)


def test_a_register_that_began_anew_is_told_like_that():
    reading = Reading(meter_id="bay-1", mono_ns=1, energy_import_wh=40, rebased_from_wh=1_500,
                      rebased_why="reset")
    evse = Evse(id="1", label="", circuit="row", phases=("L1",), max_a=16, failsafe_a=6,
                meter_id="bay-1")
    row = records.meter_event(reading, evse, event_id=12, utc="2026-05-01T12:05:00.000Z",
                              transaction_id="0d9f6c1e-3a51-4be0-9d3b-5a1f27c8e6b4")
    assert msgspec.json.encode(row) == example("meter")


def test_the_salvaged_row_is_the_row_of_the_first_example():
    row = envelope.decode(example("row"))
    inside = msgspec.json.decode(example("salvaged"), type=records.Salvaged)
    assert (inside.epoch, inside.seq, inside.type, inside.hash, inside.data) == (
        row.epoch, row.seq, row.type, row.hash.hex(), row.data)


@pytest.mark.parametrize("kind", ["gap", "dropped", "salvaged"])
def test_what_the_site_writes_the_cloud_can_read(kind):
    read = facts.read_salvaged if kind == "salvaged" else facts.read_gap
    ours = msgspec.structs.asdict(read(example(kind)))
    written_as = records.Salvaged if kind == "salvaged" else records.Gap
    theirs = msgspec.json.decode(example(kind), type=written_as)
    assert ours == {name: getattr(theirs, name) for name in ours}


def test_the_acknowledgement_is_that_of_the_row():
    row, ack = envelope.decode(example("row")), msgspec.json.decode(example("ack"), type=Ack)
    assert (ack.epoch, ack.stream, ack.seq) == (row.epoch, row.stream, row.seq)
    assert ack.hash == row.hash.hex()


def test_every_topic_and_row_type_is_named():
    for topic in (topics.up("x", "tx"), topics.up("x", "ev"), topics.up("x", "tm"), topics.ack("x"),
                  topics.state("x")):
        assert f"`{topic.replace('/x/', '/{site}/')}`" in DOC
    for type_ in (records.TX_EVENT, records.TX_CDR, records.EV_FAULT, records.EV_STATUS,
                  records.EV_BOOT, records.EV_CLOCK, records.EV_GAP, records.EV_METER,
                  records.EV_SECURITY, records.TM_METER, *records.SALVAGED.values()):
        assert f"| `{type_}` | {type_[:2]} |" in DOC
