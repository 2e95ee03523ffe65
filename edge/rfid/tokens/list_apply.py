"""Applies a signed list: the old one holds until the new one does, whole, whatever happens between.

A full list goes to the table that does not hold and becomes the list by one transaction; a differential
one is one transaction. Remains of an interrupted update are cleared before the next, and at a start.
"""

import itertools
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from edge.controller.struct import Value
from edge.rfid.tokens.database import Factory, StoreError
from edge.rfid.tokens.list_file import ListFile, ListRefused, Manifest
from edge.rfid.tokens.list_remains import DRAFT, cleared
from edge.rfid.tokens.list_rows import BUCKETS, Buckets, Turning, places, turned
from edge.rfid.tokens.list_seal import unwrap
from edge.rfid.tokens.list_store import ListStore, Row
from edge.rfid.tokens.schema import CARDS_FILE
from edge.rfid.tokens.store import ListHead
from edge.rfid.tokens.vault import Vault

MOST_CHANGES = 50_000  # entries of a differential list: one transaction holds other writers up
_SPARE_BYTES = 64 * 1024 * 1024  # of the disk, which is the journal's, too
_DISK_FACTOR = 4  # draft, table, log of writes

Told = Callable[[str, int], None]
"""A step and how many rows it took: after each write to the disk."""


class Applied(Value):
    """`new`: False when this version was the list already. `tokens`: how many cards it has now."""

    new: bool
    version: int
    tokens: int


class Updater:
    """`Updater(vault, state_dir, site).apply(file)`. One at a time, on any thread or process."""

    def __init__(self, vault: Vault, state_dir: Path, site: str,
                 told: Told = lambda _step, _rows: None, *,
                 factory: Factory = sqlite3.Connection) -> None:
        self._vault, self._folder, self._site, self._told = vault, state_dir, site, told
        self._factory = factory

    def apply(self, file: ListFile) -> Applied:
        """Raises ListRefused for a list that is not for us now, StoreError (ListBusy) when the disk or
        the store refuses. In each case the list that was there holds.
        """
        manifest = file.manifest
        with ListStore.open(self._folder / CARDS_FILE, self._vault.pepper,
                            factory=self._factory) as store:
            head = store.head()
            self._clear(store, head)
            if self._is_here(head, file):
                return Applied(new=False, version=head.version, tokens=head.tokens)
            for index in range(len(manifest.chunks)):
                file.chunk(index)
            self._told("verified", len(manifest.chunks))
            turning = self._turning(file)
            try:
                tokens = (self._full if manifest.full else self._change)(store, head, file, turning)
            except BaseException:
                with suppress(StoreError):  # else at the next start
                    self._clear(store, head)
                raise
            with suppress(StoreError):  # the new list holds; else at the next start
                self._clear(store, store.head())
                store.settle()
        return Applied(new=True, version=manifest.version, tokens=tokens)

    def _clear(self, store: ListStore, head: ListHead) -> None:
        for rows in cleared(self._folder, store, head.generation + 1):
            self._told("cleared", rows)

    def _is_here(self, head: ListHead, file: ListFile) -> bool:
        """Whether there is nothing to do; raises ListRefused for a list that may not be applied."""
        manifest, wrong = file.manifest, None
        if manifest.site != self._site:
            wrong = f"a list for {manifest.site}", f"one for {self._site}"
        elif manifest.version == head.version and file.hash == head.hash:
            return True
        elif manifest.version <= head.version:
            wrong = (f"version {manifest.version}",
                     f"a version above {head.version}, which holds here")
        elif manifest.base not in (None, head.version):
            wrong = (f"changes of version {manifest.base}",
                     f"changes of version {head.version}, which holds here, or a full list")
        elif not manifest.full and manifest.entries > MOST_CHANGES:
            wrong = f"{manifest.entries} changes", f"at most {MOST_CHANGES}, or a full list"
        if wrong:
            raise ListRefused("apply the list", where=file.name, got=wrong[0], expected=wrong[1])
        return False

    def _turning(self, file: ListFile) -> Turning:
        manifest, key = file.manifest, None
        if manifest.sealed is not None:
            key = unwrap(manifest.sealed, self._vault.list_key(), manifest.site, manifest.version,
                         file.name)
        needed = _DISK_FACTOR * file.size + _SPARE_BYTES
        free = shutil.disk_usage(self._folder).free
        if free < needed:
            raise StoreError("apply the list", where=str(self._folder), got=f"{free // 10**6} MB free",
                             expected=f"{needed // 10**6} MB; the old list stays")
        return Turning(pepper=self._vault.pepper, row_key=self._vault.row_key,
                       content_key=key, full=manifest.full, name=file.name)

    def _full(self, store: ListStore, head: ListHead, file: ListFile, turning: Turning) -> int:
        manifest, generation, entries = file.manifest, head.generation + 1, 0
        with Buckets(self._folder / DRAFT) as buckets:
            for some in turned(turning, file.chunk, len(manifest.chunks)):
                buckets.put(some.rows)
                entries += some.entries
                self._told("drafted", some.entries)
            _counted(manifest, entries, file.name)
            for bucket in range(BUCKETS):
                rows = buckets.sorted(bucket)
                self._once([row[0] for row in rows], file, turning)
                for written in store.add(generation, rows):
                    self._told("written", written)
        if store.count(generation) != entries:
            raise StoreError("apply the list", where=str(self._folder / CARDS_FILE),
                             got="a draft that somebody else has changed", expected=f"{entries} rows")
        store.switch(generation, manifest, file.hash, file.message)
        self._told("switched", entries)
        return entries

    def _change(self, store: ListStore, _head: ListHead, file: ListFile, turning: Turning) -> int:
        rows: list[Row] = []
        gone: list[bytes] = []
        entries = 0
        for some in turned(turning, file.chunk, len(file.manifest.chunks)):
            rows += itertools.chain.from_iterable(some.unpacked())
            gone += some.gone
            entries += some.entries
        _counted(file.manifest, entries, file.name)
        rows.sort(key=lambda row: row[0])
        self._once(sorted([*gone, *(row[0] for row in rows)]), file, turning)
        self._told("drafted", entries)
        tokens = store.change(file.manifest, file.hash, file.message, rows, sorted(gone))
        self._told("switched", entries)
        return tokens

    def _once(self, refs: Sequence[bytes], file: ListFile, turning: Turning) -> None:
        """`refs` in their order. Raises ListRefused for a card that comes twice."""
        twice = next((a for a, b in itertools.pairwise(refs) if a == b), None)
        if twice is not None:
            found = places(turning, file.chunk, len(file.manifest.chunks), twice)
            raise ListRefused("read the list", where=f"{file.name}, {' and '.join(found)}",
                              got="the same card", expected="each card once")


def _counted(manifest: Manifest, entries: int, name: str) -> None:
    if entries != manifest.entries:
        raise ListRefused("read the list", where=name, got=f"{entries} entries in its chunks",
                          expected=f"{manifest.entries}, as its manifest says")
