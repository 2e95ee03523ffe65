"""From the chunks of a list to rows, on two cores; into buckets by the beginning of their refs.

A bucket is written to a file, and read again whole: rows then enter their table in the order of its
keys, which costs a memory card a tenth of what rows in any order do. Refs are HMACs, so that buckets
grow evenly; a list of a million cards needs a few MB of memory.
"""

import gc
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

import msgspec

from edge.controller.idtoken import ISO14443
from edge.controller.struct import Value
from edge.rfid.tokens.database import StoreError, wall
from edge.rfid.tokens.list_entry import Entry, check, decode_chunk, kept
from edge.rfid.tokens.list_file import ListRefused
from edge.rfid.tokens.list_remains import clear_drafts
from edge.rfid.tokens.list_seal import ChunkCipher
from edge.rfid.tokens.list_store import Row
from edge.rfid.tokens.pepper import Pepper
from edge.rfid.tokens.rows import Rows

BUCKETS = 64  # by the first six bits of a ref
WORKERS = 2
_FEW_CHUNKS = 8  # starting a process takes longer
_LENGTH_BYTES = 4

_encode = msgspec.msgpack.encode
_rows: msgspec.msgpack.Decoder[list[Row]] = msgspec.msgpack.Decoder(list[Row])


class Turning(Value):
    """All that turning entries into rows needs; crosses to a process of its own."""

    pepper: Pepper
    row_key: bytes
    content_key: bytes | None
    full: bool
    name: str  # of the list, for refusals

    def __repr__(self) -> str:
        return f"Turning(name={self.name!r}, <secrets>)"


class Turned(Value):
    """Of one chunk: rows by bucket (msgpack), refs to delete, and how many entries there were."""

    rows: dict[int, bytes]
    gone: tuple[bytes, ...]
    entries: int

    def unpacked(self) -> Iterator[list[Row]]:
        """The rows themselves."""
        return map(_rows.decode, self.rows.values())


class Turner:
    """`turn(index, data)`: one chunk, as carried. Raises ListRefused."""

    def __init__(self, turning: Turning) -> None:
        self._pepper, self._pack = turning.pepper, Rows(turning.row_key).pack
        self._cipher = None if turning.content_key is None else ChunkCipher(turning.content_key)
        self._turning = turning

    def turn(self, index: int, data: bytes) -> Turned:
        """See above."""
        where, entries = self._entries(index, data)
        buckets: dict[int, list[Row]] = {}
        gone = []
        full, sealed = self._turning.full, self._cipher is not None
        for number, entry in enumerate(entries, 1):
            check(entry, full=full, sealed=sealed, where=where, number=number)
            ref = self._pepper.ref(ISO14443, entry.uid)
            if entry.card is None:
                gone.append(bytes.fromhex(ref))
                continue
            row = self._pack(kept(entry.card, entry.uid, ref, self._pepper))
            buckets.setdefault(row[0][0] * BUCKETS >> 8, []).append(row)
        return Turned(rows={bucket: _encode(rows) for bucket, rows in buckets.items()},
                      gone=tuple(gone), entries=len(entries))

    def numbers(self, index: int, data: bytes, ref: bytes) -> list[int]:
        """Which entries of a chunk are of this token."""
        _, entries = self._entries(index, data)
        return [number for number, entry in enumerate(entries, 1)
                if self._pepper.ref(ISO14443, entry.uid) == ref.hex()]

    def _entries(self, index: int, data: bytes) -> tuple[str, list[Entry]]:
        where = f"{self._turning.name}, chunk {index + 1}"
        if self._cipher is not None:
            data = self._cipher.decrypt(index, data, where)
        return where, decode_chunk(data, where)


def turned(turning: Turning, chunk: Callable[[int], bytes], count: int) -> Iterator[Turned]:
    """Every chunk in its order. Raises ListRefused, and StoreError when a worker ends too early."""
    if count < _FEW_CHUNKS:
        turner = Turner(turning)
        for index in range(count):
            yield turner.turn(index, chunk(index))
        return
    workers = [_Worker(turning) for _ in range(WORKERS)]
    try:
        for index in range(min(WORKERS, count)):
            workers[index].give(index, chunk(index))
        for index in range(count):
            worker = workers[index % WORKERS]
            done = worker.take()
            if index + WORKERS < count:  # before we are busy with what it has done
                worker.give(index + WORKERS, chunk(index + WORKERS))
            yield done
    finally:
        for worker in workers:
            worker.end()


class _Worker:
    """A process that has one chunk at a time, so that neither side waits with a full pipe."""

    def __init__(self, turning: Turning) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(theirs, turning), daemon=True)
        self._process.start()
        theirs.close()

    def give(self, index: int, data: bytes) -> None:
        try:
            self._pipe.send((index, data))
        except OSError:
            raise self._ended() from None

    def take(self) -> Turned:
        try:
            said = self._pipe.recv()
        except (EOFError, OSError):
            raise self._ended() from None
        if isinstance(said, Turned):
            return said
        what, where, got, expected = said
        raise ListRefused(what, where=where, got=got, expected=expected)

    def end(self) -> None:
        self._pipe.close()
        self._process.terminate()
        self._process.join()

    def _ended(self) -> StoreError:
        self._process.join()
        return StoreError("turn the list into rows", where="a process of its own",
                          got=f"its end with status {self._process.exitcode}", expected="rows")


def _serve(pipe: Connection, turning: Turning) -> None:
    """In a process of its own, until the other side is gone."""
    gc.disable()  # entries and rows hold no cycles: looking for them takes a third of the time
    turner = Turner(turning)
    with suppress(EOFError, KeyboardInterrupt, OSError):
        while True:
            index, data = pipe.recv()
            try:
                pipe.send(turner.turn(index, data))
            except ListRefused as error:
                pipe.send((error.what, error.where, error.got, error.expected))


def places(turning: Turning, chunk: Callable[[int], bytes], count: int, ref: bytes) -> list[str]:
    """Where a card stands in the list, for the words of a refusal."""
    turner = Turner(turning)
    return [f"chunk {index + 1}, entry {number}" for index in range(count)
            for number in turner.numbers(index, chunk(index), ref)]


class Buckets:
    """Files of rows below a folder that goes with them. `with Buckets(folder):`; raises StoreError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[BinaryIO] = []

    def __enter__(self) -> "Buckets":
        clear_drafts(self._folder)
        with wall("draft the list", self._folder), ExitStack() as opened:
            self._folder.mkdir(mode=0o700)
            self._files = [opened.enter_context((self._folder / str(n)).open("w+b"))
                           for n in range(BUCKETS)]
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # the rest of a buffer that a full disk did not take
            self._opened.close()
        clear_drafts(self._folder)

    def put(self, rows: dict[int, bytes]) -> None:
        """Appends."""
        with wall("draft the list", self._folder):
            for bucket, data in rows.items():
                self._files[bucket].write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)

    def sorted(self, bucket: int) -> list[Row]:
        """All rows of a bucket by their refs; each bucket is above the one before."""
        with wall("draft the list", self._folder):
            stream = self._files[bucket]
            stream.seek(0)
            rows: list[Row] = []
            while head := stream.read(_LENGTH_BYTES):
                rows += _rows.decode(stream.read(int.from_bytes(head, "big")))
        rows.sort(key=itemgetter(0))
        return rows
