"""A process that applies a list dies at every place where it writes; then somebody looks what is left.

`python torn_list.py FOLDER EVERY`: killed at each EVERY-th place (before and after each statement, and
after each step) of a full list, and at more of changes, which have fewer. Prints how many places there
were; status 1: with words.
"""

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from card_lists import SITE, ListSite, cards, uid_of

from edge.rfid.tokens.list_apply import Updater
from edge.rfid.tokens.list_entry import Entry
from edge.rfid.tokens.list_file import ListFile
from edge.rfid.tokens.list_remains import DRAFT, clear_remains

DIED = 86
_OLD, _NEW = range(40), range(20, 75)
_CHANGED = [*cards([3, 90], "D"), Entry(uid=uid_of(4))]


class Places:
    """Counts; at number `aim` the process is gone."""

    def __init__(self, aim: int) -> None:
        self._aim, self.passed = aim, 0

    def at(self) -> None:
        """One more."""
        self.passed += 1
        if self.passed == self._aim:
            os._exit(DIED)

    def factory(self) -> type[sqlite3.Connection]:
        """Connections whose every statement has a place before it and one after it."""
        places = self

        class Mortal(sqlite3.Connection):
            def execute(self, *words: Any) -> sqlite3.Cursor:
                return places.around(super().execute, *words)

            def executemany(self, *words: Any) -> sqlite3.Cursor:
                return places.around(super().executemany, *words)
        return Mortal

    def around(self, statement: Callable[..., sqlite3.Cursor], *words: Any) -> sqlite3.Cursor:
        """The statement between two places."""
        self.at()
        done = statement(*words)
        self.at()
        return done


def _dies_at(folder: Path, name: str, aim: int) -> bool:
    """Applies a list in a process that ends at this place; False when it came through."""
    child = os.fork()
    if child == 0:
        site = ListSite(folder)
        places = Places(aim)
        with ListFile.open(folder / name, site.keys) as file:
            Updater(site.vault, folder, SITE, lambda _step, _rows: places.at(),
                    factory=places.factory()).apply(file)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, DIED):
        raise AssertionError(f"the process that applies ended with {code} at place {aim}")
    return code == DIED


def _tried(start: Path, name: str, aim: int, new: list[str], old: list[str]) -> tuple[bool, bool]:
    """Whether it died, and whether the new list held then. Raises AssertionError."""
    folder = start.with_name("tried")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(start, folder)
    died = _dies_at(folder, name, aim)
    site = ListSite(folder)
    found = site.contracts()
    assert found in (old, new), f"place {aim} of {name}: neither the old nor the new list"
    clear_remains(folder, site.vault)
    assert not (folder / DRAFT).exists()
    with sqlite3.connect(folder / "cards.db") as db:
        left = [db.execute(f"SELECT count(*) FROM list_{n}").fetchone()[0] for n in (0, 1)]
    db.close()
    assert sorted(left) == sorted((0, len(found))), f"place {aim} of {name}: remains {left}"
    assert site.contracts() == found
    assert site.apply(folder / name).new == (found == old)
    assert site.contracts() == new, f"place {aim} of {name}: not to be applied again"
    return died, found == new


def main(folder: Path, every: int) -> None:
    """See above."""
    start = folder / "start"
    start.mkdir()
    site = ListSite(start)
    site.apply(site.make("old", cards(_OLD), 1))
    site.make("full", cards(_NEW, "N"), 2)
    site.make("changes", _CHANGED, 2, base=1)
    old = [f"SE-FCT-C{n:07d}" for n in _OLD]
    full = [f"SE-FCT-N{n:07d}" for n in _NEW]
    changed = sorted([f"SE-FCT-C{n:07d}" for n in _OLD if n not in (3, 4)]
                     + ["SE-FCT-D0000003", "SE-FCT-D0000090"])
    for name, new, step in (("full", full, every), ("changes", changed, max(1, every // 8))):
        aim, ends = 1, set()
        while True:
            died, is_new = _tried(start, name, aim, new, old)
            ends.add(is_new)
            if not died:
                break
            aim += step
        assert ends == {True, False}, f"{name}: no place with each end"
        print(f"{name}: killed at {(aim - 1) // step} places of {aim}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
