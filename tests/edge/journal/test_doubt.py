"""Batches whose commit failed: found in the file, or written; never twice, never given to others."""

from edge.controller.effects import Stream
from edge.journal.doubt import Doubt
from edge.journal.row import Batch, Head, NewRow, Row, sealed

EPOCH = "00112233aabbccdd"


def tried(*sizes: int) -> tuple[list[Batch], list[tuple[Row, ...]]]:
    """Batches of so many rows of one stream each, and the rows that they would become."""
    batches, written, seq, prev = [], [], 0, bytes(32)
    for n, size in enumerate(sizes):
        new = tuple(NewRow(stream=Stream.TX, type="t", data=b"%d/%d" % (n, m)) for m in range(size))
        batches.append(Batch(mono_ns=n, rows=new, sessions={"1": b"%d" % n}))
        rows = []
        for row in new:
            seq += 1
            rows.append(sealed(row, batches[-1], epoch=EPOCH, boot=1, seq=seq, prev=prev))
            prev = rows[-1].hash
        written.append(tuple(rows))
    return batches, written


def file_at(seq: int) -> dict[Stream, Head]:
    return {stream: Head(seq=seq if stream is Stream.TX else 0) for stream in Stream}


def test_what_the_file_holds_is_answered_for_in_any_grouping() -> None:
    batches, written = tried(1, 0, 2)
    doubt = Doubt()
    doubt.failed(batches, written)
    doubt.look(file_at(3))
    assert doubt.already(batches[:1]) == written[:1]
    doubt.settled(1, wrote=False)
    later, _ = tried(5)
    assert doubt.already([*batches[1:], *later]) == written[1:]


def test_what_the_file_does_not_hold_is_written() -> None:
    batches, written = tried(1, 1)
    doubt = Doubt()
    doubt.failed(batches, written)
    doubt.look(file_at(0))
    assert doubt.already(batches) == []


def test_a_batch_that_is_another_one_is_written() -> None:
    batches, written = tried(1, 1)
    doubt = Doubt()
    doubt.failed(batches, written)
    doubt.look(file_at(2))
    assert doubt.already([Batch(mono_ns=99), *batches]) == []


def test_whoever_writes_something_else_asks_for_them_no_more() -> None:
    batches, written = tried(1)
    doubt = Doubt()
    doubt.failed(batches, written)
    doubt.look(file_at(1))
    doubt.settled(0, wrote=True)
    assert doubt.already(batches) == []


def test_a_second_failure_behind_them_keeps_them() -> None:
    """Two that are there and a third: its commit fails before anything of it is in the file."""
    batches, written = tried(1, 1, 1)
    doubt = Doubt()
    doubt.failed(batches[:2], written[:2])
    doubt.look(file_at(2))
    there = doubt.already(batches)
    doubt.failed(batches, [*there, written[2]])
    doubt.look(file_at(2))
    assert doubt.already(batches) == written[:2]


def test_a_look_for_another_reason_forgets_nothing() -> None:
    batches, written = tried(1)
    doubt = Doubt()
    doubt.failed(batches, written)
    doubt.look(file_at(1))
    doubt.look(file_at(1))
    assert doubt.already(batches) == written
