"""Damaged files of cards are set aside, and a site goes on without them."""

import sqlite3
from datetime import UTC, datetime

import pytest

from edge.rfid.tokens.aside import is_damage, set_aside, set_aside_files
from edge.rfid.tokens.database import StoreError
from edge.rfid.tokens.lookup import TokenLookup
from edge.rfid.tokens.schema import CARDS_FILE, TAPS_FILE
from edge.rfid.tokens.store import TokenStore
from edge.rfid.tokens.vault import Vault

UID, OTHER = bytes.fromhex("04A3C6CAE26180"), bytes.fromhex("04B1D27A5C2E80")
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def known(folder, uid):
    store = TokenStore.open(folder, Vault.load(folder))
    store.add(uid)
    store.close()


def damaged(path):
    with path.open("r+b") as file:
        file.write(b"\x55" * 512)


async def test_a_damaged_store_knows_nobody_says_so_and_loses_nothing(tmp_path):
    for name in (CARDS_FILE, TAPS_FILE):
        folder = tmp_path / name
        folder.mkdir()
        known(folder, UID)
        damaged(folder / name)
        before = (folder / name).read_bytes()
        lookup = await TokenLookup.open(folder)
        (kept,) = folder.glob(f"{name}.damaged-*")
        assert kept.read_bytes() == before
        found = await lookup.lookup(UID)
        assert found.token.ref and (found.record is None) == (name == CARDS_FILE)
        assert (kept.name in await lookup.hurt()) == (name == CARDS_FILE)
        known(folder, OTHER)
        assert await lookup.hurt() == "" and (await lookup.lookup(OTHER)).record is not None
        await lookup.close()


async def test_what_is_no_damage_sets_nothing_aside(tmp_path):
    known(tmp_path, UID)
    (tmp_path / "pepper").write_bytes(b"p" * 32)
    with pytest.raises(StoreError, match="another pepper"):
        await TokenLookup.open(tmp_path)
    assert set_aside_files(tmp_path) == ()
    locked = StoreError("open", where="x", got="locked", expected="free")
    locked.__cause__ = sqlite3.OperationalError("database is locked")
    assert not is_damage(locked)


def test_each_damage_keeps_a_name_of_its_own_with_its_logs(tmp_path):
    for _ in range(2):
        for log in ("", "-wal"):
            (tmp_path / f"{CARDS_FILE}{log}").write_bytes(b"x")
        set_aside(tmp_path / CARDS_FILE, NOON)
    first = f"{CARDS_FILE}.damaged-20261122T120000"
    assert set_aside_files(tmp_path) == (first, f"{first}-1")
    assert (tmp_path / f"{first}-wal").exists() and not (tmp_path / f"{CARDS_FILE}-wal").exists()
    with pytest.raises(ValueError, match=r"expected cards\.db"):
        set_aside(tmp_path / "journal.db", NOON)
