"""What can be read of a damaged journal: rows that are proven, sessions and values that are whole.

It reads raw pages (`pages.py`) and changes nothing. What is kept is read from its own table only: a
page that was given up may still hold a session that ended long ago. If the table cannot be found,
every page is looked at, and a session that has ended according to a row is not believed; nor is any
if commits after it may be lost: a driver who has stopped must not go on paying.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec

from edge.controller.effects import Stream
from edge.controller.records import TX_CDR
from edge.controller.session import Session
from edge.controller.struct import Value
from edge.journal.carving import candidates
from edge.journal.pages import Pages, Unreadable
from edge.journal.pages import Value as Column
from edge.journal.proving import Proof, Rows, likeliest
from edge.journal.row import Head, kept_hash

#: In table `meta`, and in the rows that tell of a start.
_EPOCH = re.compile(rb'(?:epoch|"epoch":")([0-9a-f]{16})')
CLOCK_FLOOR = "journal:clock_floor"
"""Key of a kept value: the latest trusted time of a damaged journal before this one (ISO 8601)."""
LIVED = "journal:lived"
"""Key of a kept value: for how long this journal was open (`retention.Lived`)."""
_MAX_BOOTS = 1_000_000  # more than any computer starts

Record = tuple[Column, ...]


class SetAside(Value):
    """A session (by its id) or another kept value (by its key) that cannot be believed."""

    name: str
    why: str


@dataclass(slots=True)
class Salvage:
    """`heads`: of the streams whose own record is whole. `rows`: proven ones, by seq.

    `unproven`: numbers of rows that are there after one that is lost, so that no hash proves them.
    """

    close: Callable[[], None]
    epoch: str | None = None
    boot: int = 0
    clock_floor_utc: str | None = None
    heads: dict[Stream, Head] = field(default_factory=dict)
    rows: dict[Stream, Rows] = field(default_factory=lambda: {s: Rows("", s) for s in Stream})
    unproven: dict[Stream, list[int]] = field(default_factory=lambda: {s: [] for s in Stream})
    sessions: dict[str, bytes] = field(default_factory=dict)
    kept: dict[str, bytes] = field(default_factory=dict)
    set_aside: tuple[SetAside, ...] = ()

    def lost(self, stream: Stream) -> list[tuple[int, int]]:
        """Ranges of rows, first to last, that were there and are not proven. The acknowledged are in
        it, too. What was behind the last row that was found is known by the stream's own record only.
        """
        rows, head = self.rows[stream], self.heads.get(stream)
        tail = min(rows, default=1) - 1 if head is None else head.tail
        end = max(rows, default=0) if head is None else max(head.seq, *rows, 0)
        found, expected = [], tail + 1
        for seq in (*sorted(seq for seq in rows if seq > tail), end + 1):
            if seq > expected:
                found.append((expected, seq - 1))
            expected = seq + 1
        return found


def salvage(path: Path) -> Salvage:
    """Everything that the file and its WAL have, to be closed by `close`: the contents of rows are read
    when they are asked for. Raises `OSError` if the files cannot be opened at all.

    Nobody may write to them meanwhile, and this process may not have them open otherwise.
    """
    pages = Pages(path)
    try:
        return _salvaged(pages)
    except BaseException:
        pages.close()
        raise


def _salvaged(pages: Pages) -> Salvage:
    tables = _Tables(pages)
    meta = {record[0]: record[1] for record in tables.records("meta", 2)}
    result = Salvage(close=pages.close, heads=_heads(tables))
    found = candidates(pages)
    told = meta.get("epoch")
    epochs = {told} if isinstance(told, str) and len(told) == 16 else set()
    result.epoch = (likeliest(found, epochs) or likeliest(found, _epochs(pages))
                    or (None if found else next(iter(epochs), None)))
    if result.epoch is not None:
        proof = Proof(found, result.epoch, result.heads)
        result.rows = proof.rows
        for stream in Stream:
            lost = (seq for first, last in result.lost(stream) for seq in range(first, last + 1))
            result.unproven[stream] = proof.unproven(stream, lost)
    rows = [row.one for there in result.rows.values() for row in there.held.values()]
    boots, boot = max((row.boot for row in rows), default=0), meta.get("boot")
    plausible = isinstance(boot, int) and boots <= boot <= boots + _MAX_BOOTS
    result.boot = boot if isinstance(boot, int) and plausible else boots
    floors = {row.utc for row in rows if row.clock_ok and row.utc is not None and is_time(row.utc)}
    _keep(result, tables)
    before = result.kept.pop(CLOCK_FLOOR, b"").decode()
    result.clock_floor_utc = max(floors | set(filter(is_time, [before])), default=None)
    return result


def is_time(utc: str) -> bool:
    """Whether it says when. Damaged text would sort anywhere."""
    try:
        return datetime.fromisoformat(utc).tzinfo is not None
    except ValueError:
        return False


def _heads(tables: "_Tables") -> dict[Stream, Head]:
    """Those whose hash is right; of several (old pages) the newest."""
    found: dict[Stream, Head] = {}
    for name, seq, hash_, acked, tail, tail_hash, sum_ in tables.records("stream", 7):
        if (name in set(Stream) and isinstance(name, str) and isinstance(seq, int)
                and isinstance(hash_, bytes) and isinstance(acked, int) and isinstance(tail, int)
                and isinstance(tail_hash, bytes)):
            head = Head(seq=seq, hash=hash_, acked=acked, tail=tail, tail_hash=tail_hash)
            if head.sum_of(name) == sum_ and head.seq >= found.get(Stream(name), head).seq:
                found[Stream(name)] = head
    return found


def _epochs(pages: Pages) -> set[str]:
    return {match[1].decode() for number in pages.images()
            for match in _EPOCH.finditer(pages.image(number))}


def _keep(result: Salvage, tables: "_Tables") -> None:
    aside = list[SetAside]()
    for name, bodies in tables.named("session", aside).items():
        body = max(bodies, key=_progress)
        if tables.stale("session"):
            aside.append(SetAside(name=name, why="what was written of it last may be lost"))
        elif tables.sure or not _done(result, name, body):
            result.sessions[name] = body
        else:
            aside.append(SetAside(name=name, why="the list of sessions is lost, and it has ended"))
    for name, bodies in tables.named("kept", aside).items():
        if name == LIVED:
            continue
        if len(bodies) == 1 or name == CLOCK_FLOOR:
            result.kept[name] = max(bodies)
        else:
            aside.append(SetAside(name=name, why="nobody can tell which of its values was the last"))
    if tables.stale("kept"):
        aside.append(SetAside(name="kept", why="some values may not be the last ones"))
    result.set_aside = tuple(aside)


def _progress(body: bytes) -> tuple[int, int]:
    """By which the newest of several versions of a session is known."""
    try:
        session = msgspec.json.decode(body, type=Session)
    except (msgspec.MsgspecError, UnicodeError):
        return (-1, 0)
    return (session.seq_no, session.last_wh or 0)


def _done(result: Salvage, transaction_id: str, body: bytes) -> bool:
    """Whether the rows say so, or more than `body` knows. What has ended and was not priced is not."""
    needle = f'"{transaction_id}"'.encode()
    rows = [row for row in result.rows[Stream.TX].values() if needle in row.data]
    ends = [row.seq for row in rows if b'"Ended"' in row.data and row.type != TX_CDR]
    if any(row.type == TX_CDR for row in rows):
        return True
    unread = any(last > max(ends, default=0) for _, last in result.lost(Stream.TX))
    return bool(ends) and (unread or not _ends(body))


def _ends(body: bytes) -> bool:
    try:
        return msgspec.json.decode(body, type=Session).told
    except (msgspec.MsgspecError, UnicodeError):
        return False


class _Tables:
    """The small tables. `sure`: each was found by the file's own list of tables."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        try:
            self._roots = pages.roots()
            self.sure = {"meta", "stream", "session", "kept"} <= self._roots.keys()
        except (Unreadable, IndexError):
            self.sure = False
        self._all = None if self.sure else [*self._everything()]

    def _everything(self) -> Iterator[Record]:
        """Records of every page that may be one of theirs, and of none twice."""
        seen = set()
        for number in range(1, self._pages.count + 1):
            if self._pages.page(number)[0] in (2, 10):
                for record in self._pages.records_of(number):
                    if record not in seen:
                        seen.add(record)
                        yield record

    def stale(self, table: str) -> bool:
        """Whether what was written of it last may be lost."""
        return self._pages.stale(self._roots[table] if self.sure else None)

    def records(self, table: str, columns: int) -> list[Record]:
        if self._all is None:
            found, _ = self._pages.records(self._roots[table])
        else:
            found = self._all
        return [record for record in found if len(record) == columns]

    def named(self, table: str, aside: list[SetAside]) -> dict[str, list[bytes]]:
        """What is whole, by its name: one body, or all that old pages have. The rest: `aside`."""
        if self._all is None:
            records, broken = self._pages.records(self._roots[table])
            if broken:
                aside.append(SetAside(name=table, why=f"{broken} parts of its table are unreadable"))
        else:  # keys of other values have a colon, ids of sessions have none
            records = [record for record in self._all if len(record) == 3
                       and isinstance(record[0], str) and (":" in record[0]) is (table == "kept")]
        found: dict[str, list[bytes]] = {}
        for name, body, *sums in (record for record in records if len(record) in (2, 3)):
            if isinstance(name, str) and isinstance(body, bytes):
                if sums == [kept_hash(name, body)]:
                    found.setdefault(name, []).append(body)
                else:
                    aside.append(SetAside(name=name, why="it is not what was written"))
        return found
