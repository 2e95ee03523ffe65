"""Rows of the journal, before and after they have a place in it. Pure."""

import hashlib

import msgspec

from edge.controller.chain import NO_ROW, row_hash
from edge.controller.effects import Stream
from edge.controller.struct import Value

__all__ = ["NO_ROW", "Batch", "Head", "NewRow", "Row", "kept_hash", "row_hash", "sealed"]


class NewRow(Value):
    """A row to be. `data`: the exact bytes that will be sent; `type` its versioned name."""

    stream: Stream
    type: str
    data: bytes


class Batch(Value):
    """What one step records: all of it is committed, or none.

    `sessions`: transaction id to the bytes to keep across restarts, or `None` to forget them.
    `kept`: the same for everything else that outlives a restart, by its key.
    `boot` None: the boot of the journal. `utc` None: the clock is not known at all.
    """

    mono_ns: int
    rows: tuple[NewRow, ...] = ()
    sessions: dict[str, bytes | None] = msgspec.field(default_factory=dict)
    kept: dict[str, bytes | None] = msgspec.field(default_factory=dict)
    utc: str | None = None
    clock_ok: bool = False
    boot: int | None = None

    @property
    def empty(self) -> bool:
        """Nothing to write: committed as soon as everything before it is."""
        return not self.rows and not self.sessions and not self.kept


class Row(Value):
    """A committed row. `prev` is the hash of the row before it in its stream (`NO_ROW` at seq 1)."""

    epoch: str
    stream: Stream
    seq: int
    type: str
    utc: str | None
    boot: int
    mono_ns: int
    clock_ok: bool
    data: bytes
    prev: bytes
    hash: bytes

    def intact(self) -> bool:
        """Whether `hash` is the hash of this content after `prev`."""
        return self.hash == row_hash(self.prev, self.epoch, self.stream.value, self.seq, self.type,
                                     self.utc, self.boot, self.mono_ns, self.clock_ok, self.data)


class Head(Value):
    """Where a stream stands: its last committed row, the last one that the cloud acknowledged, and the
    last one that is no longer held (0: all are). Numbers are 0, hashes `NO_ROW`, where there is none.
    """

    seq: int = 0
    hash: bytes = NO_ROW
    acked: int = 0
    tail: int = 0
    tail_hash: bytes = NO_ROW

    def sum_of(self, name: str) -> bytes:
        """The hash that stands beside it as the row `name` of table `stream`: a watermark that was
        damaged would let rows be deleted that nobody has.
        """
        return kept_hash(name, msgspec.msgpack.encode(
            (self.seq, self.hash, self.acked, self.tail, self.tail_hash)))


def kept_hash(name: str, body: bytes) -> bytes:
    """sha256(msgpack(name) || body), beside a kept session or value: it has no chain as rows do."""
    return hashlib.sha256(msgspec.msgpack.encode(name) + body).digest()


def sealed(new: NewRow, batch: Batch, *, epoch: str, boot: int, seq: int, prev: bytes) -> Row:
    """The row that `new` becomes as number `seq` of its stream, after the row with hash `prev`."""
    if batch.boot is not None:
        boot = batch.boot
    return Row(
        epoch=epoch, stream=new.stream, seq=seq, type=new.type, utc=batch.utc, boot=boot,
        mono_ns=batch.mono_ns, clock_ok=batch.clock_ok, data=new.data, prev=prev,
        hash=row_hash(prev, epoch, new.stream.value, seq, new.type, batch.utc, boot, batch.mono_ns,
                      batch.clock_ok, new.data))
