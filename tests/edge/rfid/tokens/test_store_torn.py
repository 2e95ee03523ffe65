"""Whoever writes cards may die at any statement, and any byte of the files may change."""

import json
import random
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hasty import Hasty
from many_cards import fill, uid_of

from edge.controller.idtoken import TokenRecord
from edge.rfid.tokens.database import StoreError
from edge.rfid.tokens.erase import erase
from edge.rfid.tokens.seal import SealBroken
from edge.rfid.tokens.store import TokenStore
from edge.rfid.tokens.vault import Vault

pytestmark = pytest.mark.stories

UTC = "2027-01-01T00:00:00.000Z"
TORN = Path(__file__).parents[3] / "support" / "torn_cards.py"


def test_a_store_that_dies_somewhere_is_the_old_one_or_the_new_one(tmp_path):
    dies(tmp_path, 5)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_store_that_dies_anywhere_is_the_old_one_or_the_new_one(tmp_path):
    dies(tmp_path, 1)


def dies(folder, every):
    done = subprocess.run([sys.executable, TORN, folder, str(every)], check=True,
                          stdout=subprocess.PIPE, text=True, timeout=500, cwd=TORN.parents[2])
    found = json.loads(done.stdout)
    assert found["wrong"] == []
    assert found["places"] > 60


def test_a_damaged_file_is_a_named_error_or_a_card_that_nobody_knows(tmp_path):
    """Bytes, pages and ends of the files changed at random. Whoever taps has his reference still."""
    old, torn = tmp_path / "old", tmp_path / "torn"
    old.mkdir()
    begin(old)
    told = set()
    for seed in range(250):
        shutil.rmtree(torn, ignore_errors=True)
        shutil.copytree(old, torn)
        hurt(torn, random.Random(seed))
        try:
            with closing(TokenStore.open(torn, Vault.load(torn), factory=Hasty)) as store:
                told |= {attempt(store, uid) for uid in (uid_of(5), uid_of(1005), uid_of(9999))}
        except StoreError:
            told.add("refused at the start")
    assert told == {"refused at the start", "well", "error"}


def begin(folder):
    with closing(TokenStore.open(folder, Vault.load(folder), factory=Hasty)) as store:
        fill(store, 200)
        for n in range(20):
            store.lookup(uid_of(n))
            store.add(uid_of(1000 + n))
            store.taps.fresh(store.token(uid_of(n)).ref, n)
            store.taps.remember(TokenRecord(token=store.token(uid_of(2000 + n))), UTC)


def hurt(folder, draw):
    file = folder / draw.choice(["cards.db", "taps.db"])
    data = bytearray(file.read_bytes())
    for _ in range(draw.choice([1, 3, 30, 300])):
        data[draw.randrange(len(data))] = draw.randrange(256)
    if draw.random() < 0.2:
        page = draw.randrange(len(data) // 4096) * 4096
        data[page:page + 4096] = bytes(4096)
    file.write_bytes(data[:draw.randrange(len(data))] if draw.random() < 0.2 else data)


def attempt(store, uid):
    """Everything that is asked of a store."""
    token = store.token(uid)
    stored = store.lookup(uid, utc=UTC, seal_unknown=True)
    assert stored.token.ref == token.ref
    said = "error" if stored.error else "well"
    for ask in (lambda: store.taps.fresh(token.ref, 100), lambda: store.taps.expire(UTC),
                lambda: store.taps.remember(TokenRecord(token=token), UTC), store.list_head,
                lambda: list(store.all()), lambda: store.unseal("AAAA", token.ref),
                lambda: store.add(uid), lambda: store.block(uid), lambda: store.remove(uid),
                lambda: erase(store, token.ref)):
        try:
            ask()
        except StoreError:
            said = "error"
        except SealBroken:
            pass
    return said
