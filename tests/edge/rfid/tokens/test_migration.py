import sqlite3
from contextlib import closing

import pytest

from edge.controller.idtoken import IdToken, Level, TokenRecord, TokenStatus
from edge.rfid.tokens.database import StoreError
from edge.rfid.tokens.seal import seal
from edge.rfid.tokens.store import TokenStore
from edge.rfid.tokens.vault import Vault

ANNA, BERT = bytes.fromhex("04A3C6CAE26180"), bytes.fromhex("DEADBEEF")
VERSION_1 = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE token_key (ref BLOB PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE token (
  ref BLOB PRIMARY KEY, type TEXT NOT NULL, last4 TEXT NOT NULL, sealed TEXT NOT NULL,
  status TEXT NOT NULL, contract_id TEXT, group_ref TEXT, evse_ids TEXT NOT NULL, language TEXT,
  expires_utc TEXT, min_level INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
"""


@pytest.fixture
def vault(tmp_path):
    return Vault.load(tmp_path)


@pytest.fixture
def seals(tmp_path, vault):
    """A file as version 1 wrote it: Anna is in it, Bert was removed and his bills are still to be
    written.
    """
    seals = {}
    with closing(sqlite3.connect(tmp_path / "cards.db")) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(VERSION_1)
        db.execute("INSERT INTO meta VALUES ('pepper', ?)", (vault.pepper.check(),))
        for uid, key in ((ANNA, b"A" * 32), (BERT, b"B" * 32)):
            ref = vault.pepper.ref("ISO14443", uid)
            seals[uid] = seal(uid, vault.pepper.sealing_key(key), ref), ref
            db.execute("INSERT INTO token_key VALUES (?, ?)", (bytes.fromhex(ref), key))
        db.execute("INSERT INTO token VALUES (?, 'ISO14443', '6180', ?, 'Blocked', 'contract', "
                   "'family', '[\"1\",\"2\"]', 'sv', '2027-01-31T00:00:00.000Z', 3)",
                   (bytes.fromhex(seals[ANNA][1]), seals[ANNA][0]))
        db.commit()
    return seals


def whole(tmp_path, vault, seals):
    with closing(TokenStore.open(tmp_path, vault)) as store:
        sealed, ref = seals[ANNA]
        token = IdToken(ref=ref, last4="6180", contract_id="contract", sealed=sealed)
        assert store.lookup(ANNA).record == TokenRecord(
            token=token, status=TokenStatus.BLOCKED, group_ref="family", evse_ids=("1", "2"),
            language="sv", expires_utc="2027-01-31T00:00:00.000Z", min_level=Level.MUTUAL)
        assert store.lookup(BERT).record is None
        assert [known.own for known in store.all()] == [True]
        for uid, (sealed, ref) in seals.items():
            assert store.unseal(sealed, ref) == uid
        left = b"".join(file.read_bytes() for file in tmp_path.glob("cards.db*"))
        assert not any(key * 32 in left for key in (b"A", b"B")), "a key where erasing does not look"


def test_a_store_of_version_1_keeps_its_tokens_and_seals(tmp_path, vault, seals):
    for _ in range(2):
        whole(tmp_path, vault, seals)


def test_whoever_dies_on_the_way_begins_again(tmp_path, vault, seals):
    """After the keys are in their new file, and before the cards are."""

    class Dies(sqlite3.Connection):
        def execute(self, sql, *values):
            if sql == "DROP TABLE token":
                raise KeyboardInterrupt
            return super().execute(sql, *values)

    with pytest.raises(KeyboardInterrupt):
        TokenStore.open(tmp_path, vault, factory=Dies)
    whole(tmp_path, vault, seals)


def test_a_row_that_cannot_be_read_stops_it_and_loses_nothing(tmp_path, vault, seals):
    with closing(sqlite3.connect(tmp_path / "cards.db")) as db:
        db.execute("UPDATE token SET status = 'Strange'")
        db.commit()
    with pytest.raises(StoreError, match=r"a row that cannot be read"):
        TokenStore.open(tmp_path, vault)
    with closing(sqlite3.connect(tmp_path / "cards.db")) as db:
        db.execute("UPDATE token SET status = 'Blocked'")
        db.commit()
    whole(tmp_path, vault, seals)
