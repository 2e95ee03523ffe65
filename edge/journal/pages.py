"""A database as raw pages, each as the last commit left it, whatever SQLite says of the file.

Only what the journal's files have: 4 kB pages or any other size, no reserved bytes, UTF-8. Format:
https://sqlite.org/fileformat2.html
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from edge.journal.wal import Frame, Wal, read_wal

_MAGIC = b"SQLite format 3\0"
DEFAULT_SIZE = 4096
_SERIAL_BYTES = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)
_TABLE_LEAF, _TABLE_INNER, _INDEX_LEAF, _INDEX_INNER = 13, 5, 10, 2
_MAX_PAYLOAD = 1 << 24  # no row of ours has 16 MB; damaged ones say anything

Value = int | float | str | bytes | None


class Unreadable(ValueError):
    """These bytes are no record, or no page of a tree."""


class Pages:
    """A file and its WAL, opened to be read only. Close it with `close`."""

    def __init__(self, path: Path, wal: Wal | None = None) -> None:
        """Raises `OSError`. A file that is not there has no pages of its own: its WAL may have.
        `wal`: what `read_wal` said of it, if that was asked already.
        """
        self._wal = read_wal(path) if wal is None else wal
        self._fd = -1
        length, head = 0, b""
        if path.exists():
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            length, head = os.fstat(self._fd).st_size, self._bytes(0, 100)
        told = int.from_bytes(head[16:18], "big")
        told = 65536 if told == 1 else told
        self.size = (told if head.startswith(_MAGIC) and told in (512 << n for n in range(8))
                     else self._wal.page_size or DEFAULT_SIZE)
        self.count = max([-(-length // self.size), *(
            frame.page for frame in self._wal.committed if frame.whole)])
        self._newest: dict[int, tuple[int, memoryview]] = {}
        self._missing_since = -1
        """The last frame of which nobody can tell which page it was."""
        for n, frame in enumerate(self._wal.committed):
            if frame.whole or self._resembles(frame):
                self._newest[frame.page] = (n, frame.image)
            else:
                self._missing_since = n

    def close(self) -> None:
        """Let the file go."""
        if self._fd >= 0:
            os.close(self._fd)

    def _resembles(self, frame: Frame) -> bool:
        """Whether a damaged frame is of the page that it says: it has as much in common with another
        version of it as two versions have. Then it is believed to be the newest one, damaged as it is.
        """
        if not 1 <= frame.page <= self.count:
            return False
        before = self.page(frame.page)
        blocks = [bytes(frame.image[at:at + 64]) for at in range(0, self.size, 64)]
        return any(block.strip(b"\0") and block == before[64 * n:64 * n + 64]
                   for n, block in enumerate(blocks))

    def stale(self, root: int | None) -> bool:
        """Whether a newer version of the tree at `root` (None: of any page) may have been lost."""
        return self._wal.cut_short or self._missing_since > min(
            (self._newest.get(number, (-1, b""))[0] for number in self._tree(root or 0)), default=-1)

    def page(self, number: int) -> bytes:
        """Page `number` (from 1) as the last commit left it; zeros where it cannot be read."""
        if (newest := self._newest.get(number)) is not None and len(newest[1]) == self.size:
            return bytes(newest[1])
        return self._bytes((number - 1) * self.size, self.size).ljust(self.size, b"\0")

    def images(self) -> Iterator[int]:
        """Every page, then every version of one that the WAL holds or the file held before it: a
        number for `image`.
        """
        replaced = self.count + len(self._wal.frames) + len(self._wal.older) + 1
        yield from range(1, replaced + 1)
        yield from (replaced + number for number in self._newest)

    def image(self, number: int) -> bytes:
        """One of `images`."""
        if number <= self.count:
            return self.page(number)
        number -= self.count + 1
        for some in (self._wal.frames, self._wal.older):
            if number < len(some):
                one = some[number]
                return bytes(one.image if isinstance(one, Frame) else one)
            number -= len(some)
        if not number:
            return bytes(self._wal.rest).ljust(self.size, b"\0")
        return self._bytes((number - 1) * self.size, self.size)

    def _bytes(self, at: int, length: int) -> bytes:
        if self._fd < 0:
            return b""
        try:
            return os.pread(self._fd, length, at)
        except OSError:  # a sector that the card cannot read
            return b""

    def roots(self) -> dict[str, int]:
        """The root page of each table. Raises `Unreadable` if page 1 cannot be read."""
        records, broken = self.records(1)
        found = {record[1]: record[3] for record in records
                 if len(record) == 5 and record[0] == "table"}
        if broken or not found:
            raise Unreadable("the list of tables cannot be read")
        return {name: root for name, root in found.items()
                if isinstance(name, str) and isinstance(root, int)}

    def free_list_damage(self) -> str | None:
        """Why the list of free pages is none. SQLite would write new rows over pages in use: it looks
        at the list only together with all pages of all tables.
        """
        head, seen = self.page(1), set[int]()
        if not head.startswith(_MAGIC):
            return None  # SQLite says so itself
        trunk, told = (int.from_bytes(head[at:at + 4], "big") for at in (32, 36))
        while trunk:
            page = self.page(trunk) if 1 < trunk <= self.count else bytes(8)
            leaves = int.from_bytes(page[4:8], "big")
            there = [trunk, *(int.from_bytes(page[at:at + 4], "big")
                              for at in range(8, 8 + 4 * min(leaves, self.size // 4), 4))]
            if leaves > self.size // 4 - 2 or not all(1 < n <= self.count for n in there):
                return f"its list of free pages names others at page {trunk}"
            if len(set(there)) < len(there) or not seen.isdisjoint(there):
                return f"its list of free pages names some twice at page {trunk}"
            seen.update(there)
            trunk = int.from_bytes(page[:4], "big")
        return None if len(seen) == told else f"its list of free pages has {len(seen)} of {told}"

    def records(self, root: int) -> tuple[list[tuple[Value, ...]], int]:
        """Every record of the tree at `root`; and how many pages or cells of it cannot be read."""
        found, broken = list[tuple[Value, ...]](), 0
        for cells in self._tree(root).values():
            if cells is None:
                broken += 1
                continue
            for cell in cells:
                try:
                    found.append(self._record(*cell))
                except (Unreadable, IndexError):
                    broken += 1
        return found, broken

    def _tree(self, root: int) -> "dict[int, list[tuple[bytes, int, int]] | None]":
        """The cells of each page; None: it cannot be read."""
        todo, found = [root], dict[int, list[tuple[bytes, int, int]] | None]()
        while todo:
            number = todo.pop()
            if number not in found:
                try:
                    below, found[number] = self._cells(number)
                    todo += below
                except (Unreadable, IndexError):
                    found[number] = None
        return found

    def records_of(self, number: int) -> list[tuple[Value, ...]]:
        """What one page alone holds that can be read, wherever it belongs."""
        found = []
        with contextlib.suppress(Unreadable, IndexError):
            for cell in self._cells(number)[1]:
                with contextlib.suppress(Unreadable, IndexError):
                    found.append(self._record(*cell))
        return found

    def _cells(self, number: int) -> tuple[list[int], list[tuple[bytes, int, int]]]:
        """Pages below; and (page, where its payload begins, how long that is) of each cell."""
        page, base = self.page(number), 100 if number == 1 else 0
        kind = page[base]
        if kind not in (_TABLE_LEAF, _TABLE_INNER, _INDEX_LEAF, _INDEX_INNER):
            raise Unreadable(f"page {number} is of kind {kind}")
        inner = kind in (_TABLE_INNER, _INDEX_INNER)
        count = int.from_bytes(page[base + 3:base + 5], "big")
        first = base + (12 if inner else 8)
        if first + 2 * count > self.size:
            raise Unreadable(f"page {number} tells of {count} cells")
        below, cells = list[int](), list[tuple[bytes, int, int]]()
        for n in range(count):
            at = int.from_bytes(page[first + 2 * n:first + 2 * n + 2], "big")
            if inner:
                below.append(int.from_bytes(page[at:at + 4], "big"))
                at += 4
            if kind != _TABLE_INNER:
                length, at = varint(page, at)
                if kind == _TABLE_LEAF:
                    _, at = varint(page, at)
                cells.append((page, at, length if kind == _TABLE_LEAF else -length))
        if inner:
            below.append(int.from_bytes(page[base + 8:base + 12], "big"))
        return below, cells

    def _record(self, page: bytes, at: int, length: int) -> tuple[Value, ...]:
        return values(self.payload(page, at, abs(length), in_table=length > 0))

    def payload(self, page: bytes, at: int, length: int, *, in_table: bool) -> bytes:
        """`length` bytes of a cell of `page` from `at`, with what overflows to other pages."""
        most = self.size - 35 if in_table else (self.size - 12) * 64 // 255 - 23
        if not 0 < length < _MAX_PAYLOAD:
            raise Unreadable(f"a payload of {length} bytes")
        if length <= most:
            return page[at:at + length]
        least = (self.size - 12) * 32 // 255 - 23
        local = least + (length - least) % (self.size - 4)
        local = local if local <= most else least
        parts, have = [page[at:at + local]], local
        following = int.from_bytes(page[at + local:at + local + 4], "big")
        while have < length:
            if not 1 <= following <= self.count:
                raise Unreadable(f"goes on at page {following}")
            further = self.page(following)
            following = int.from_bytes(further[:4], "big")
            parts.append(further[4:4 + length - have])
            have += len(parts[-1])
        return b"".join(parts)


def varint(content: bytes, at: int) -> tuple[int, int]:
    """A number and where it ends. Raises `IndexError`."""
    number = 0
    for n in range(8):
        byte = content[at + n]
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, at + n + 1
    return number << 8 | content[at + 8], at + 9


def values(record: bytes) -> tuple[Value, ...]:
    """The columns of a record. Raises `Unreadable`, `IndexError`."""
    end, at = varint(record, 0)
    body = end
    found: list[Value] = []
    while at < end:
        serial, at = varint(record, at)
        if serial in (7, 10, 11):
            raise Unreadable(f"a value of kind {serial}")  # floats: no table of ours has any
        length = _SERIAL_BYTES[serial] if serial < 12 else (serial - 12) // 2
        content = record[body:body + length]
        if len(content) != length:
            raise Unreadable("ends too early")
        found.append(_value(serial, content))
        body += length
    if at != end or body != len(record):
        raise Unreadable("its parts do not add up to it")
    return tuple(found)


def _value(serial: int, content: bytes) -> Value:
    if serial == 0:
        return None
    if serial in (8, 9):
        return serial - 8
    if serial < 8:
        return int.from_bytes(content, "big", signed=True)
    if serial % 2:
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise Unreadable("text that is none") from error
    return content
