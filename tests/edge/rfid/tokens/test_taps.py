import sqlite3
from contextlib import closing

import pytest
from hasty import Hasty
from msgspec.structs import replace

from edge.controller.idtoken import IdToken, TokenRecord
from edge.rfid.tokens.database import StoreError
from edge.rfid.tokens.pepper import Pepper
from edge.rfid.tokens.seal import SealBroken
from edge.rfid.tokens.taps import PROVISIONAL_AT_MOST, Taps

PEPPER = Pepper(bytes(range(32)))
UID = bytes.fromhex("04A3C6CAE26180")
REF, OTHER = "ab" * 16, "cd" * 16
RECORD = TokenRecord(token=IdToken(ref=REF), group_ref="g")
UNTIL, LATER = "2026-12-31T00:00:00.000Z", "2027-01-01T00:00:00.000Z"


@pytest.fixture
def taps(tmp_path):
    with closing(Taps.open(tmp_path, PEPPER, factory=Hasty, cached_at_most=3)) as taps:
        yield taps


def ref_of(n):
    return n.to_bytes(16, "big").hex()


def test_a_counter_counts_up_only_and_for_each_card_alone(taps, tmp_path):
    told = [taps.fresh(REF, counter) for counter in (5, 5, 4, 6, 1000, 6, 0, 1001)]
    assert told == [True, False, False, True, True, False, False, True]
    assert taps.fresh(OTHER, 0)
    assert not taps.fresh(OTHER, 0)
    with closing(Taps.open(tmp_path, PEPPER)) as later:
        assert not later.fresh(REF, 1001)


def test_a_counter_that_cannot_be_noted_is_not_fresh(taps, tmp_path):
    taps._db.execute("PRAGMA busy_timeout = 1")
    with closing(sqlite3.connect(tmp_path / "taps.db", isolation_level=None)) as held:
        held.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            taps.fresh(REF, 5)
    assert taps.fresh(REF, 5)


def test_counters_are_on_the_disk_before_anybody_hears_of_them(tmp_path):
    """What SQLite itself says of the connection that the product opens: 2 is FULL."""
    with closing(Taps.open(tmp_path, PEPPER)) as taps:
        assert taps._db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert taps._db.execute("PRAGMA secure_delete").fetchone() == (1,)
        assert taps._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_seal_is_the_same_at_each_tap_and_in_each_process(taps, tmp_path):
    sealed = taps.seal(REF, UID)
    assert taps.seal(REF, UID) == taps.seal(REF, UID, provisional=True) == sealed
    with closing(Taps.open(tmp_path, PEPPER)) as other:
        assert other.seal(REF, UID) == sealed
        assert other.unseal(sealed, REF) == UID
    with pytest.raises(SealBroken):
        taps.unseal(sealed, OTHER)


def test_seals_that_nobody_needed_go_when_others_come_and_the_kept_ones_stay(taps):
    seals = {n: taps.seal(ref_of(n), UID, provisional=True) for n in range(4)}
    taps.keep(ref_of(0))
    taps.seal(ref_of(1), UID)
    taps.keep(ref_of(99))
    for n in range(100, 99 + PROVISIONAL_AT_MOST):
        taps.seal(ref_of(n), UID, provisional=True)
    opens = []
    for n, sealed in seals.items():
        try:
            opens.append((n, taps.unseal(sealed, ref_of(n)) == UID))
        except SealBroken:
            opens.append((n, False))
    assert opens == [(0, True), (1, True), (2, False), (3, True)]
    assert taps._db.execute("SELECT count(*) FROM token_key").fetchone() == (2 + PROVISIONAL_AT_MOST,)


def test_the_clouds_word_is_forgotten_in_time(taps):
    taps.remember(RECORD, UNTIL)
    taps.remember(replace(RECORD, token=IdToken(ref=OTHER)), LATER)
    assert taps.remembered(REF, "2026-12-30T00:00:00.000Z") == RECORD
    assert taps.remembered(REF, UNTIL) is None
    assert taps.expire(UNTIL) == 1
    assert taps.remembered(REF, None) is None
    assert taps.remembered(OTHER, UNTIL) is not None
    taps.remember(replace(RECORD, token=IdToken(ref=OTHER)), None)
    assert taps.remembered(OTHER, None) is None


def test_the_oldest_words_go_when_there_are_too_many_and_one_card_displaces_none(taps):
    for n in (1, 2, 3, *[2] * 9, 4):
        taps.remember(TokenRecord(token=IdToken(ref=ref_of(n))), UNTIL)
    assert [n for n in range(6) if taps.remembered(ref_of(n), None)] == [2, 3, 4]


def test_a_damaged_word_is_a_named_error(taps):
    taps.remember(RECORD, UNTIL)
    taps._db.execute("UPDATE cached SET record = x'C1'")
    with pytest.raises(StoreError, match=r"taps\.db.*cannot be read"):
        taps.remembered(REF, None)


def test_what_was_taken_over_opens_and_does_not_replace_what_is_here(taps):
    sealed = taps.seal(REF, UID)
    taps.adopt([(bytes.fromhex(REF), b"x" * 32, "other"), (bytes.fromhex(OTHER), b"y" * 32, None)])
    assert taps.unseal(sealed, REF) == UID
    assert taps.unseal(taps.seal(OTHER, UID), OTHER) == UID
    assert taps._db.execute("SELECT key FROM token_key WHERE ref = ?",
                            (bytes.fromhex(OTHER),)).fetchone() == (b"y" * 32,)
