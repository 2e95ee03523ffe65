import sqlite3
import stat
from contextlib import closing

import pytest
from hasty import Hasty
from msgspec.structs import replace

from edge.controller.idtoken import IdToken, Level, Source, TokenRecord, TokenStatus
from edge.rfid.tokens.database import StoreError, transaction
from edge.rfid.tokens.rows import Entry
from edge.rfid.tokens.schema import FIND
from edge.rfid.tokens.seal import SealBroken, unseal
from edge.rfid.tokens.secret import CardSecret, Protocol
from edge.rfid.tokens.store import TokenStore
from edge.rfid.tokens.vault import Vault
from edge.rfid.uid import UidError

UID = bytes.fromhex("04A3C6CAE26180")
OTHER = bytes.fromhex("DEADBEEF")
PHONE = bytes.fromhex("08A1B2C3")
SECRET = CardSecret(protocol=Protocol.EV2, application=bytes(7), keys=(b"k" * 16,))


@pytest.fixture
def vault(tmp_path):
    return Vault.load(tmp_path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cards.db"


@pytest.fixture
def store(tmp_path, vault):
    store = TokenStore.open(tmp_path, vault, factory=Hasty)
    yield store
    store.close()


def put_on_the_list(store, *uids, generation=0, **known):
    rows = [store.rows.pack(Entry(record=TokenRecord(token=store.token(uid), **known), secret=SECRET,
                                  name="Anna Andersson")) for uid in uids]
    with transaction(store.db):
        store.db.executemany(f"INSERT OR REPLACE INTO list_{generation % 2} VALUES (?, ?, ?)", rows)


def hold(store, generation):
    store.db.execute("UPDATE list_head SET generation = ?, version = 7", (generation,))


def test_an_unknown_card_has_a_token_and_no_record(store, vault):
    stored = store.lookup(UID)
    assert stored.token == IdToken(ref=vault.pepper.ref("ISO14443", UID), last4="6180")
    assert (stored.record, stored.secret, stored.error) == (None, None, "")


def test_a_card_is_found_with_all_that_is_known_of_it(store):
    token = store.token(UID, contract_id="SE-FCT-C00000001-4")
    known = TokenRecord(token=token, group_ref="family", evse_ids=("1", "2"), language="sv",
                        expires_utc="2027-01-31T00:00:00.000Z", min_level=Level.MUTUAL)
    added = store.add(UID, known, secret=SECRET)
    stored = store.lookup(UID)
    assert stored.record == added == replace(known, token=stored.token)
    assert stored.token == replace(token, sealed=stored.token.sealed)
    assert (stored.secret, stored.source) == (SECRET, Source.OWN)
    assert store.unseal(stored.token.sealed, token.ref) == UID


def test_the_list_that_holds_is_looked_into_and_no_draft(store):
    put_on_the_list(store, UID, generation=0)
    put_on_the_list(store, OTHER, generation=1)
    hold(store, 4)
    stored = store.lookup(UID)
    assert stored.record is not None
    assert (stored.secret, stored.source) == (SECRET, Source.LIST)
    assert store.lookup(OTHER).record is None
    hold(store, 5)
    assert store.lookup(UID).record is None
    assert store.lookup(OTHER).record is not None
    assert store.list_head().version == 7


def test_a_look_up_goes_down_one_tree_a_table_and_through_none(store):
    plan = [row[3] for row in store.db.execute("EXPLAIN QUERY PLAN " + FIND, (bytes(16),))]
    assert sum("USING PRIMARY KEY (ref=?)" in step for step in plan) == 3
    assert [step for step in plan if step.startswith("SCAN") and "list_head" not in step] == []


def test_what_was_entered_here_wins_over_the_list(store):
    put_on_the_list(store, UID, OTHER, language="sv")
    assert store.block(UID)
    blocked = store.lookup(UID).record
    assert blocked is not None
    assert (blocked.status, blocked.language) == (TokenStatus.BLOCKED, "sv")
    assert store.remove(OTHER)
    assert store.lookup(OTHER).record is None
    put_on_the_list(store, UID, OTHER, generation=1)
    hold(store, 1)
    assert store.lookup(UID).record == replace(blocked, token=store.lookup(UID).token)
    assert store.lookup(OTHER).record is None
    assert not store.remove(OTHER)
    assert [known.own for known in store.all()] == [True]
    store.add(OTHER)
    assert store.lookup(OTHER).record is not None


def test_changing_a_card_by_hand_takes_neither_its_key_nor_what_it_has_to_prove(store):
    put_on_the_list(store, UID, min_level=Level.MUTUAL)
    changed = store.add(UID, TokenRecord(token=store.token(UID), group_ref="new"))
    stored = store.lookup(UID)
    assert stored.secret == SECRET
    assert changed.min_level is Level.MUTUAL
    assert (stored.record.min_level, stored.record.group_ref) == (Level.MUTUAL, "new")
    assert store.find(changed.token.ref).entry.name == "Anna Andersson"


def test_all_tokens_are_told_once_and_by_pages(store):
    uids = [bytes([4, 1, 2, 3, 4, n >> 8, n & 255]) for n in range(550)]
    put_on_the_list(store, *uids)
    put_on_the_list(store, PHONE[::-1], generation=1)
    store.add(OTHER)
    for uid in uids[::100]:
        store.block(uid)
    store.remove(uids[1])
    known = list(store.all())
    refs = [each.entry.record.token.ref for each in known]
    assert refs == sorted({store.token(uid).ref for uid in (OTHER, *uids)} - {store.token(uids[1]).ref})
    assert sum(each.own for each in known) == 7


def test_the_clouds_word_comes_last_and_holds_for_a_while(store):
    until, before, after = (f"2026-12-31T00:00:0{n}.000Z" for n in (1, 0, 2))
    record = TokenRecord(token=IdToken(ref=store.token(UID).ref, contract_id="c"), group_ref="g")
    store.taps.remember(record, until)
    stored = store.lookup(UID, utc=before)
    assert stored.source is Source.CACHE
    assert stored.record == TokenRecord(token=stored.token, group_ref="g")
    assert (stored.token.last4, stored.token.contract_id) == ("6180", "c")
    assert store.lookup(UID, utc=until).record is None
    assert store.lookup(UID, utc=after).record is None
    assert store.lookup(UID).record.expires_utc == until, "whoever judges dates judges this one"
    store.taps.remember(replace(record, expires_utc=before), until)
    assert store.lookup(UID).record.expires_utc == before
    assert store.block(UID)
    assert store.lookup(UID, utc=before).record.status is TokenStatus.BLOCKED
    assert store.remove(UID)
    assert store.lookup(UID, utc=before).record is None


def test_an_unknown_number_is_sealed_only_where_it_may_charge_and_a_random_one_never(store, tmp_path):
    assert store.lookup(UID).token.sealed == ""
    sealed = store.lookup(UID, seal_unknown=True).token.sealed
    assert store.unseal(sealed, store.token(UID).ref) == UID
    assert store.lookup(PHONE, seal_unknown=True).token.sealed == ""
    with closing(sqlite3.connect(tmp_path / "taps.db")) as db:
        assert db.execute("SELECT count(*) FROM token_key").fetchone() == (1,)


def test_a_card_keeps_its_seal_and_a_tap_writes_once(store, tmp_path):
    put_on_the_list(store, UID)
    first = store.lookup(UID)
    with closing(sqlite3.connect(tmp_path / "taps.db", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        assert store.lookup(UID) == first


def test_whoever_holds_the_lists_file_holds_up_no_tap(store, path):
    put_on_the_list(store, UID)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        stored = store.lookup(UID)
    assert stored.record is not None
    assert stored.token.sealed
    assert not stored.error


def test_without_a_seal_a_known_card_is_known_all_the_same(store, tmp_path):
    store.taps._db.execute("PRAGMA busy_timeout = 1")
    put_on_the_list(store, UID)
    with closing(sqlite3.connect(tmp_path / "taps.db", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        stored = store.lookup(UID)
    assert stored.record is not None
    assert stored.token.sealed == ""
    assert "locked" in stored.error
    assert store.lookup(UID).token.sealed


def test_a_file_that_fails_while_it_is_used_leaves_a_token_without_a_record(store, path):
    """Whoever charges is matched by `ref`, so that the session can be ended."""
    put_on_the_list(store, UID)
    store.db.execute("UPDATE list_0 SET private = x'00112233'")
    stored = store.lookup(UID)
    assert (stored.token, stored.record) == (store.token(UID), None)
    assert "does not open" in stored.error
    assert str(path) in stored.error
    store.db.execute("UPDATE list_0 SET record = x'C1'")
    assert store.lookup(UID).error
    store.db.execute("DROP TABLE list_0")
    stored = store.lookup(UID)
    assert (stored.token, stored.record) == (store.token(UID), None)
    assert "list_0" in stored.error
    for form in (UID.hex(), UID.hex().upper()):
        assert form not in stored.error
    with pytest.raises(StoreError):
        store.find(stored.token.ref)


def test_a_row_of_another_token_does_not_open(store):
    put_on_the_list(store, UID, OTHER)
    raw = bytes.fromhex(store.token(OTHER).ref)
    row = store.db.execute("SELECT private FROM list_0 WHERE ref = ?", (raw,)).fetchone()
    store.db.execute("UPDATE list_0 SET private = ? WHERE ref != ?", (*row, raw))
    assert store.lookup(UID).secret is None
    assert store.lookup(OTHER).secret == SECRET


def test_a_reversed_number_is_another_card(store):
    store.add(OTHER)
    assert store.lookup(OTHER[::-1]).record is None


def test_block_remove_and_list(store):
    store.add(UID)
    store.add(OTHER, TokenRecord(token=store.token(OTHER), status=TokenStatus.EXPIRED))
    assert store.block(UID)
    assert {r.token.last4: r.status for r in store.list()} == {
        "6180": TokenStatus.BLOCKED, "BEEF": TokenStatus.EXPIRED}
    assert store.remove(UID)
    assert store.lookup(UID).record is None
    assert [r.token.last4 for r in store.list()] == ["BEEF"]
    assert not store.remove(UID)
    assert not store.block(UID)


def test_a_block_that_is_taken_back_leaves_the_card_as_it_was(store):
    store.add(UID, TokenRecord(token=store.token(UID, contract_id="C1"), language="sv"))
    before = store.list()
    assert not store.unblock(UID)
    assert store.block(UID)
    assert store.unblock(UID)
    assert store.list() == before
    assert not store.unblock(OTHER)


def test_after_a_block_was_taken_back_the_operators_list_says_what_holds(store):
    row = store.rows.pack(Entry(record=TokenRecord(token=store.token(UID, contract_id="C1"))))
    store.db.execute("INSERT INTO list_0 VALUES (?, ?, ?)", row)
    store.block(UID)
    blocked = Entry(record=TokenRecord(token=store.token(UID), status=TokenStatus.BLOCKED))
    store.db.execute("UPDATE list_0 SET record = ?2, private = ?3 WHERE ref = ?1",
                     store.rows.pack(blocked))
    assert store.unblock(UID)
    assert [r.status for r in store.list()] == [TokenStatus.BLOCKED]
    assert not store.unblock(UID)  # it is the operator's


def test_a_random_number_is_never_enrolled(store):
    with pytest.raises(UidError, match="made up"):
        store.add(PHONE)
    assert store.list() == []
    assert store.lookup(PHONE).record is None


def test_a_seal_opens_for_its_token_and_for_no_other(store):
    token, other = store.add(UID).token, store.add(OTHER).token
    assert store.unseal(token.sealed, token.ref) == UID
    with pytest.raises(SealBroken):
        store.unseal(token.sealed, other.ref)


def test_seals_on_record_open_after_a_card_was_changed_or_removed(store):
    old = store.add(UID).token
    store.add(UID, TokenRecord(token=store.token(UID, contract_id="new")))
    store.remove(UID)
    again = store.add(UID).token
    assert store.unseal(old.sealed, old.ref) == store.unseal(again.sealed, old.ref) == UID


def test_no_number_name_or_key_is_in_the_files_in_any_form(store, tmp_path):
    store.add(UID, TokenRecord(token=store.token(UID, contract_id="contract")), secret=SECRET,
              name="Anna Andersson")
    store.block(UID)
    put_on_the_list(store, OTHER)
    store.lookup(OTHER)
    store.taps.fresh(store.token(UID).ref, 3)
    found = b"".join(file.read_bytes() for file in tmp_path.glob("*.db*"))
    assert b"contract" in found
    assert b"Anna" not in found
    assert SECRET.keys[0] not in found
    for uid in (UID, OTHER):
        for form in (uid, uid[::-1], uid.hex().encode(), uid.hex().upper().encode(),
                     str(int.from_bytes(uid, "big")).encode()):
            assert form not in found


def test_the_files_alone_do_not_open_a_seal(store, tmp_path):
    token = store.add(UID).token
    with closing(sqlite3.connect(tmp_path / "taps.db")) as db:
        key = db.execute("SELECT key FROM token_key").fetchone()[0]
    with pytest.raises(SealBroken):
        unseal(token.sealed, key, token.ref)


def test_only_the_owner_reads_the_files(store, tmp_path):
    store.add(UID)
    files = sorted(tmp_path.glob("*.db*"))
    assert len(files) == 6
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_what_was_added_is_there_after_a_restart_and_seen_by_a_second_process(store, tmp_path, vault):
    second = TokenStore.open(tmp_path, vault)
    store.add(UID)
    assert second.lookup(UID).record is not None
    second.close()
    store.close()
    with closing(TokenStore.open(tmp_path, vault)) as third:
        assert third.lookup(UID).record is not None


def test_a_store_of_another_pepper_is_refused_and_nothing_is_written(store, tmp_path):
    (tmp_path / "taps.db").unlink()
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(StoreError, match="another pepper"):
        TokenStore.open(tmp_path, Vault.load(other))
    assert not (tmp_path / "taps.db").exists()


def test_a_damaged_file_is_a_named_error(tmp_path, vault):
    for name in ("cards.db", "taps.db"):
        path = tmp_path / name
        path.write_bytes(b"this is no database" * 400)
        with pytest.raises(StoreError, match=name):
            TokenStore.open(tmp_path, vault)
        path.unlink()


def test_a_store_of_a_later_version_is_left_alone(store, tmp_path, vault):
    store.close()
    for name in ("taps.db", "cards.db"):
        with closing(sqlite3.connect(tmp_path / name)) as raw:
            raw.execute("PRAGMA user_version = 9")
        with pytest.raises(StoreError, match=f"{name}.*version 9"):
            TokenStore.open(tmp_path, vault)


def test_a_folder_that_is_not_there_is_a_named_error(tmp_path, vault):
    with pytest.raises(StoreError, match="FileNotFoundError"):
        TokenStore.open(tmp_path / "missing", vault)
