import sqlite3
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.controller.idtoken import IdToken, Level, TokenStatus
from edge.rfid.tokens.pepper import Pepper
from edge.rfid.tokens.seal import SealBroken, seal, unseal
from edge.rfid.tokens.store import StoreError, TokenStore
from edge.rfid.uid import UidError

UID = bytes.fromhex("04A3C6CAE26180")
OTHER = bytes.fromhex("DEADBEEF")
PEPPER = Pepper(bytes(range(32)))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cards.db"


@pytest.fixture
def store(path):
    store = TokenStore.open(path, PEPPER)
    yield store
    store.close()


def test_an_unknown_card_has_a_token_and_no_record(store):
    assert store.lookup(UID) == (IdToken(ref=PEPPER.ref("ISO14443", UID), last4="6180"), None)


def test_a_card_is_found_with_all_that_is_known_of_it(store):
    store.add(UID, contract_id="SE-FCT-C00000001-4", group_ref="family", evse_ids=["1", "2"],
              language="sv", expires_utc="2027-01-31T00:00:00.000Z", min_level=Level.MUTUAL)
    token, record = store.lookup(UID, level=Level.MUTUAL)
    assert record is not None
    assert record.token == token
    assert (token.contract_id, token.level, token.last4) == ("SE-FCT-C00000001-4", Level.MUTUAL, "6180")
    assert (record.status, record.group_ref) == (TokenStatus.ACCEPTED, "family")
    assert record.evse_ids == ("1", "2")
    assert (record.language, record.expires_utc) == ("sv", "2027-01-31T00:00:00.000Z")


def test_a_card_that_can_prove_more_is_shown_with_the_level_that_it_proved(store):
    store.add(UID, min_level=Level.CERTIFICATE)
    token, record = store.lookup(UID)
    assert token.level is Level.UID
    assert record is not None
    assert record.min_level > token.level


def test_a_reversed_number_is_another_card(store):
    store.add(OTHER)
    assert store.lookup(OTHER[::-1])[1] is None


def test_block_remove_and_list(store):
    store.add(UID)
    store.add(OTHER, status=TokenStatus.EXPIRED)
    assert store.block(UID)
    assert {r.token.last4: r.status for r in store.list()} == {
        "6180": TokenStatus.BLOCKED, "BEEF": TokenStatus.EXPIRED}
    assert store.remove(UID)
    assert store.lookup(UID)[1] is None
    assert [r.token.last4 for r in store.list()] == ["BEEF"]
    assert not store.remove(UID)
    assert not store.block(UID)


def test_a_random_number_is_never_enrolled(store):
    with pytest.raises(UidError, match="made up"):
        store.add(bytes.fromhex("08A1B2C3"))
    assert store.list() == []
    assert store.lookup(bytes.fromhex("08A1B2C3"))[1] is None


def test_a_seal_opens_for_its_token_and_for_no_other(store):
    token, other = store.add(UID).token, store.add(OTHER).token
    assert store.unseal(token.sealed, token.ref) == UID
    with pytest.raises(SealBroken):
        store.unseal(token.sealed, other.ref)


def test_seals_on_record_open_after_a_card_was_changed_or_removed_and_never_after_an_erase(store, path):
    old = store.add(UID).token
    store.add(UID, contract_id="new")
    store.remove(UID)
    again = store.add(UID).token
    assert store.unseal(old.sealed, old.ref) == store.unseal(again.sealed, old.ref) == UID
    key = sqlite3_value(path, "SELECT key FROM token_key")
    assert store.erase(old.ref)
    with pytest.raises(SealBroken, match="destroyed"):
        store.unseal(old.sealed, old.ref)
    assert not store.erase(old.ref)
    assert key not in all_bytes(path)


def test_no_number_is_in_the_file_in_any_form(store, path):
    store.add(UID, contract_id="contract")
    store.block(UID)
    store.lookup(OTHER)
    found = all_bytes(path)
    assert b"contract" in found
    for uid in (UID, OTHER):
        for form in (uid, uid[::-1], uid.hex().encode(), uid.hex().upper().encode(),
                     str(int.from_bytes(uid, "big")).encode()):
            assert form not in found


def test_the_file_alone_does_not_open_a_seal(store, path):
    token = store.add(UID).token
    with pytest.raises(SealBroken):
        unseal(token.sealed, sqlite3_value(path, "SELECT key FROM token_key"), token.ref)


def test_only_the_owner_reads_the_files(store, path):
    store.add(UID)
    for name in ("cards.db", "cards.db-wal", "cards.db-shm"):
        assert stat.S_IMODE(path.with_name(name).stat().st_mode) == 0o600


def test_what_was_added_is_there_after_a_restart_and_seen_by_a_second_process(store, path):
    second = TokenStore.open(path, PEPPER)
    store.add(UID)
    assert second.lookup(UID)[1] is not None
    second.close()
    store.close()
    third = TokenStore.open(path, PEPPER)
    assert third.lookup(UID)[1] is not None
    third.close()


def test_a_store_of_another_pepper_is_refused(store, path):
    with pytest.raises(StoreError, match="another pepper"):
        TokenStore.open(path, Pepper(bytes(32)))


def test_a_damaged_file_is_a_named_error(tmp_path):
    path = tmp_path / "cards.db"
    path.write_bytes(b"this is no database" * 400)
    with pytest.raises(StoreError, match=r"cards\.db"):
        TokenStore.open(path, PEPPER)


def test_a_store_of_a_later_version_is_left_alone(store, path):
    store.close()
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA user_version = 9")
    raw.close()
    with pytest.raises(StoreError, match="version 9"):
        TokenStore.open(path, PEPPER)


def test_a_folder_that_is_not_there_is_a_named_error(tmp_path):
    with pytest.raises(StoreError, match="FileNotFoundError"):
        TokenStore.open(tmp_path / "missing" / "cards.db", PEPPER)


@given(st.binary(min_size=4, max_size=10), st.binary(min_size=32, max_size=32))
def test_a_seal_keeps_its_content_and_differs_each_time(uid, key):
    one, two = seal(uid, key, "ref"), seal(uid, key, "ref")
    assert one != two
    assert unseal(one, key, "ref") == unseal(two, key, "ref") == uid


@pytest.mark.parametrize("sealed", ["", "AAAA", "no base64!", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="])
def test_a_damaged_seal_is_a_named_error(sealed):
    with pytest.raises(SealBroken):
        unseal(sealed, bytes(32), "ref")


def all_bytes(path):
    return b"".join(file.read_bytes() for file in path.parent.glob("cards.db*"))


def sqlite3_value(path, query):
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchone()[0]
    finally:
        connection.close()
