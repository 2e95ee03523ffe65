"""A store of cards that dies: before and after each statement that writes, then looked at anew.

`python torn_cards.py FOLDER [EVERY]` prints what it found as JSON: the number of places, and every
state that was neither the old nor the new one. It forks, so it is a process of its own.
"""

import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from crash_point import DIED, Places, watched

from edge.controller.idtoken import TokenRecord
from edge.rfid.tokens.erase import erase
from edge.rfid.tokens.rows import Entry
from edge.rfid.tokens.seal import SealBroken
from edge.rfid.tokens.secret import CardSecret, Protocol
from edge.rfid.tokens.store import TokenStore
from edge.rfid.tokens.vault import Vault

ANNA, BERT, CLEO = (bytes([4, n, 0, 0, 0, 0, 0]) for n in (1, 2, 3))
SECRET = CardSecret(protocol=Protocol.EV2, keys=(b"k" * 16,))
LATER = "2027-12-31T00:00:00.000Z"
VERSION_1 = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE token_key (ref BLOB PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE token (
  ref BLOB PRIMARY KEY, type TEXT NOT NULL, last4 TEXT NOT NULL, sealed TEXT NOT NULL,
  status TEXT NOT NULL, contract_id TEXT, group_ref TEXT, evse_ids TEXT NOT NULL, language TEXT,
  expires_utc TEXT, min_level INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
"""
State = dict[str, object]
Step = Callable[[TokenStore], object]

#: What is done, one after another; each must be there whole once it has returned.
STEPS: tuple[Step, ...] = (
    lambda store: store.add(ANNA, TokenRecord(token=store.token(ANNA), group_ref="g"), secret=SECRET),
    lambda store: store.db.execute("INSERT OR REPLACE INTO list_0 VALUES (?, ?, ?)", store.rows.pack(
        Entry(record=TokenRecord(token=store.token(CLEO)), secret=SECRET, name="Cleo"))),
    lambda store: store.lookup(CLEO),
    lambda store: store.taps.fresh(store.token(CLEO).ref, 5),
    lambda store: store.block(CLEO),
    lambda store: store.taps.remember(TokenRecord(token=store.token(ANNA)), LATER),
    lambda store: store.taps.seal("ee" * 16, ANNA, provisional=True),
    lambda store: store.taps.keep("ee" * 16),
    lambda store: store.remove(CLEO),
    lambda store: erase(store, store.token(BERT).ref),
    lambda store: erase(store, store.token(ANNA).ref),
)


def begin(folder: Path) -> None:
    """A store of version 1 in which Bert is."""
    vault = Vault.load(folder)
    with closing(sqlite3.connect(folder / "cards.db")) as db:
        db.executescript(VERSION_1)
        raw = bytes.fromhex(vault.pepper.ref("ISO14443", BERT))
        db.execute("INSERT INTO meta VALUES ('pepper', ?)", (vault.pepper.check(),))
        db.execute("INSERT INTO token_key VALUES (?, ?)", (raw, b"B" * 32))
        db.execute("INSERT INTO token VALUES (?, 'ISO14443', '0000', '', 'Accepted', NULL, NULL, "
                   "'[]', NULL, NULL, 0)", (raw,))
        db.commit()


def look(folder: Path) -> State:
    """Everything that somebody may ask; nothing of it is random. Opens as a start does."""
    with closing(TokenStore.open(folder, Vault.load(folder))) as store:
        state: State = {"head": repr(store.list_head())}
        for name, uid in (("anna", ANNA), ("bert", BERT), ("cleo", CLEO)):
            ref = store.token(uid).ref
            known = store.find(ref)
            state[f"{name} known"] = repr(known)
            state[f"{name} cached"] = repr(store.taps.remembered(ref, None))
            state[f"{name} key"] = store.taps._db.execute(
                "SELECT sealed IS NOT NULL FROM token_key WHERE ref = ?",
                (bytes.fromhex(ref),)).fetchone()
        state["counters"] = store.taps._db.execute("SELECT counter FROM counter").fetchall()
        state["provisional"] = store.taps._db.execute(
            "SELECT provisional FROM token_key WHERE ref = ?", (b"\xee" * 16,)).fetchall()
        for ref, sealed in store.taps._db.execute(
                "SELECT ref, sealed FROM token_key WHERE sealed > ''").fetchall():
            with suppress(SealBroken):
                store.unseal(sealed, ref.hex())
                continue
            state["a seal does not open"] = ref.hex()
    return state


def live(folder: Path, places: Places, done: Callable[[], object]) -> None:
    """The whole story from wherever it stands."""
    factory = watched(places, None)
    with closing(TokenStore.open(folder, Vault.load(folder), factory=factory)) as store:
        done()
        for step in STEPS:
            step(store)
            done()


def die(folder: Path, aim: int) -> int:
    """Lives until place `aim`, in a child; how many steps it said were done."""
    said, says = os.pipe()
    child = os.fork()
    if child == 0:
        live(folder, Places(aim, lambda: None), lambda: os.write(says, b"."))
        os._exit(0)
    os.close(says)
    _, status = os.waitpid(child, 0)
    steps = len(os.read(said, 100))
    os.close(said)
    assert os.waitstatus_to_exitcode(status) == DIED, f"place {aim}: {status}"
    return steps


def main(folder: Path, every: int) -> None:
    """Dies at each place (or at some) of a new copy."""
    old, whole = folder / "old", folder / "whole"
    old.mkdir()
    begin(old)
    shutil.copytree(old, whole)
    states: list[State] = []
    places = Places(None, lambda: None)
    live(whole, places, lambda: states.append(look(whole)))
    states.insert(0, states[0])  # nothing done yet: opening is what brings it up to date
    wrong = []
    for aim in range(1, len(places.names) + 1, every):
        torn = folder / f"torn{aim}"
        shutil.copytree(old, torn)
        steps = die(torn, aim)
        found, before, after = look(torn), states[steps], states[min(steps + 1, len(states) - 1)]
        bad = [key for key in found.keys() | before.keys()
               if found.get(key) not in (before.get(key), after.get(key))]
        live(torn, Places(None, lambda: None), lambda: None)
        bad += [f"{key}, in the end" for key in states[-1] if look(torn)[key] != states[-1][key]]
        if bad:
            wrong.append([places.names[aim - 1], steps, bad])
        shutil.rmtree(torn)
    print(json.dumps({"places": len(places.names), "wrong": wrong}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else 1)
