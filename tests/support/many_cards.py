"""A list of a million cards, and how long a look-up in it takes: for benchmarks and long tests.

`python tests/support/many_cards.py 1000000` prints what it measures.
"""

import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from edge.controller.idtoken import Level, TokenRecord
from edge.rfid.tokens.database import transaction
from edge.rfid.tokens.rows import Entry
from edge.rfid.tokens.schema import list_table
from edge.rfid.tokens.secret import CardSecret, Protocol
from edge.rfid.tokens.store import TokenStore
from edge.rfid.tokens.vault import Vault

_APPLICATION = bytes.fromhex("D2760000850101")


def uid_of(number: int) -> bytes:
    """Of the card with this number; those of a list count from 0."""
    return b"\x04" + number.to_bytes(6, "big")


def entries(store: TokenStore, count: int) -> Iterator[Entry]:
    """As a fleet has them: each one with a contract and an AES key of its own."""
    draw = random.Random(7)
    for number in range(count):
        token = store.token(uid_of(number), contract_id=f"SE-FCT-C{number:08d}")
        yield Entry(record=TokenRecord(token=token, min_level=Level.MUTUAL),
                    secret=CardSecret(protocol=Protocol.EV2, application=_APPLICATION, key_no=2,
                                      keys=(draw.randbytes(16),)))


def fill(store: TokenStore, count: int) -> None:
    """Puts them into the list that holds, at once: not how a list is applied."""
    rows = sorted(store.rows.pack(entry) for entry in entries(store, count))
    table = list_table(store.list_head().generation)
    with store.wall("fill"), transaction(store.db):
        store.db.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)
        store.db.execute("UPDATE list_head SET version = 1, tokens = ?", (count,))
    store.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def look_up(store: TokenStore, numbers: Sequence[int]) -> list[int]:
    """Nanoseconds of each look-up, as a tap does it, without the thread around it."""
    took = []
    for number in numbers:
        uid, began = uid_of(number), time.perf_counter_ns()
        store.lookup(uid)
        took.append(time.perf_counter_ns() - began)
    return took


def main(count: int) -> None:
    """Prints microseconds and bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        with closing(TokenStore.open(path, Vault.load(path))) as store:
            fill(store, count)
            draw = random.Random(11)
            known = [draw.randrange(count) for _ in range(2000)]
            print(f"{(path / 'cards.db').stat().st_size / count:.0f} bytes a card")
            for what, numbers in (("first sight", known[:300]), ("seen before", known[:300]),
                                  ("unknown", [number + count for number in known])):
                took = sorted(ns // 1000 for ns in look_up(store, numbers))
                print(f"{what}: p50 {took[len(took) // 2]} us, p99 {took[len(took) * 99 // 100]} us, "
                      f"worst {took[-1]} us, of {len(took)}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
