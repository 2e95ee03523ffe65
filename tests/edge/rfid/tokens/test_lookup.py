import asyncio
import sqlite3
import threading
from contextlib import closing

import pytest

from edge.controller.idtoken import IdToken, TokenRecord
from edge.controller.trouble import DeviceTimeout
from edge.rfid.tokens.lookup import TokenLookup
from edge.rfid.tokens.rows import Entry
from edge.rfid.tokens.store import TokenStore
from edge.rfid.tokens.vault import Vault, VaultError

UID = bytes.fromhex("04A3C6CAE26180")


async def test_looks_up_and_unseals_in_its_own_thread(tmp_path):
    store = TokenStore.open(tmp_path, Vault.load(tmp_path))
    store.add(UID)
    store.close()
    lookup = await TokenLookup.open(tmp_path)
    found = await asyncio.gather(*(lookup.lookup(UID) for _ in range(20)))
    assert found[0].record is not None
    assert all(each == found[0] for each in found)
    token = found[0].token
    assert await lookup.unseal(token.sealed, token.ref) == UID
    assert [t.name for t in threading.enumerate() if t.name.startswith("cards")] == ["cards_0"]
    await lookup.close()


async def test_creates_pepper_and_store_on_the_first_day(tmp_path):
    lookup = await TokenLookup.open(tmp_path)
    stored = await lookup.lookup(UID)
    assert stored.record is None
    assert not stored.error
    assert len(stored.token.ref) == 32
    assert stored.token.sealed == ""
    await lookup.close()
    assert (tmp_path / "pepper").exists()


async def test_a_pepper_open_to_others_stops_the_start(tmp_path):
    Vault.load(tmp_path)
    (tmp_path / "pepper").chmod(0o644)
    with pytest.raises(VaultError):
        await TokenLookup.open(tmp_path)


async def test_a_disk_that_stands_holds_up_no_tap_and_names_the_card_all_the_same(tmp_path):
    lookup = await TokenLookup.open(tmp_path)
    stands, begun = threading.Event(), threading.Event()

    def stuck(_store: TokenStore) -> bool:
        begun.set()
        return stands.wait(10)

    held = asyncio.ensure_future(lookup.ask(stuck))
    await asyncio.to_thread(begun.wait, 10)
    late = await lookup.lookup(UID, within_s=0.01)
    assert late.record is None
    assert "nothing within 0.01 s" in late.error
    with pytest.raises(DeviceTimeout):
        await lookup.fresh(late.token.ref, 5, within_s=0.01)
    stands.set()
    assert await held
    assert (await lookup.lookup(UID)).token == late.token
    assert await lookup.fresh(late.token.ref, 5), "what was given up was not done later"
    await lookup.close()


async def test_a_card_whose_seal_the_disk_is_slow_to_keep_is_known_in_time(tmp_path):
    """First sight writes; that write stands, and the next tap finds what it wrote."""
    stands, begun = threading.Event(), threading.Event()

    class Slow(sqlite3.Connection):
        def execute(self, sql, *values):
            if sql.startswith("INSERT OR IGNORE INTO token_key"):
                begun.set()
                stands.wait(10)
            return super().execute(sql, *values)

    with closing(TokenStore.open(tmp_path, Vault.load(tmp_path))) as store:
        store.db.execute("INSERT INTO list_0 VALUES (?, ?, ?)",
                         store.rows.pack(Entry(record=TokenRecord(token=store.token(UID)))))
    lookup = await TokenLookup.open(tmp_path, factory=Slow)
    tap, loop = asyncio.ensure_future(lookup.lookup(UID, within_s=60)), asyncio.get_running_loop()
    assert await asyncio.to_thread(begun.wait, 10)
    now = loop.time
    loop.time = lambda: now() + 61
    first = await tap
    assert first.record is not None
    assert first.token.sealed == ""
    assert "nothing within" in first.error
    stands.set()
    second = await lookup.lookup(UID, within_s=60)
    assert (second.error, await lookup.unseal(second.token.sealed, second.token.ref)) == ("", UID)
    await lookup.close()


async def test_the_clouds_word_is_remembered_and_found(tmp_path):
    lookup = await TokenLookup.open(tmp_path)
    unknown = await lookup.lookup(UID, seal_unknown=True)
    await lookup.remember(TokenRecord(token=IdToken(ref=unknown.token.ref), group_ref="g"),
                          "2027-01-01T00:00:00.000Z")
    await lookup.keep(unknown.token.ref)
    known = await lookup.lookup(UID, utc="2026-12-31T23:59:59.999Z")
    assert known.record is not None
    assert known.record.group_ref == "g"
    assert known.token.sealed == unknown.token.sealed
    assert await lookup.ask(lambda store: store.taps.remembered(unknown.token.ref, None)) is not None
    assert (await lookup.lookup(UID, utc="2027-01-01T00:00:00.000Z")).record is None
    assert await lookup.ask(lambda store: store.taps.remembered(unknown.token.ref, None)) is None
    await lookup.close()
