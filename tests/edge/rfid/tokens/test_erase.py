import random
import sqlite3
from contextlib import closing

import msgspec
import pytest
from hasty import Hasty

from edge.controller.effects import Stream
from edge.controller.idtoken import IdToken, TokenRecord
from edge.journal.row import Batch, NewRow
from edge.journal.store import Store
from edge.journal.verify import verify
from edge.rfid.tokens.database import StoreError, transaction
from edge.rfid.tokens.erase import Erased, erase
from edge.rfid.tokens.rows import Entry
from edge.rfid.tokens.seal import SealBroken
from edge.rfid.tokens.secret import CardSecret, Protocol
from edge.rfid.tokens.store import TokenStore
from edge.rfid.tokens.vault import Vault

UID = bytes.fromhex("04A3C6CAE26180")
UTC, LATER = "2026-12-31T00:00:00.000Z", "2027-12-31T00:00:00.000Z"


@pytest.fixture
def store(tmp_path):
    with closing(TokenStore.open(tmp_path, Vault.load(tmp_path), factory=Hasty)) as store:
        yield store


def on_the_list(store, uid, generation=0):
    secret = CardSecret(protocol=Protocol.EV2, keys=(uid.ljust(16, b"k"),))
    row = store.rows.pack(Entry(record=TokenRecord(token=store.token(uid)), secret=secret, name="Anna"))
    store.db.execute(f"INSERT INTO list_{generation} VALUES (?, ?, ?)", row)
    return row


def row_of(token):
    data = msgspec.json.encode({"id_token": token})
    return Batch(mono_ns=1, rows=(NewRow(stream=Stream.TX, type="tx.event.v1", data=data),))


def test_an_erased_number_is_gone_for_ever_and_the_journal_is_whole(store, tmp_path):
    """A driver charged twice; his rows stay, and what they hold of his number opens no more."""
    on_the_list(store, UID)
    token = store.lookup(UID).token
    journal = tmp_path / "journal.db"
    with closing(Store.open(journal, new_epoch=lambda: "00112233aabbccdd")) as rows:
        rows.append([row_of(token), row_of(token)])
    assert store.unseal(token.sealed, token.ref) == UID
    assert erase(store, token.ref) == Erased(key=True, known=True, taps=False)
    assert verify(journal).whole
    assert verify(journal).rows[Stream.TX] == 2
    with closing(sqlite3.connect(journal)) as db:
        kept = [msgspec.convert(msgspec.json.decode(data)["id_token"], IdToken)
                for (data,) in db.execute("SELECT data FROM row_tx")]
    assert kept == [token, token]
    for each in kept:
        with pytest.raises(SealBroken, match="destroyed"):
            store.unseal(each.sealed, each.ref)
    on_the_list(store, UID)  # the operator's next list names him again
    again = store.lookup(UID).token
    assert again.ref == token.ref
    assert again.sealed != token.sealed
    assert store.unseal(again.sealed, again.ref) == UID
    with pytest.raises(SealBroken):
        store.unseal(token.sealed, token.ref)


def test_everything_that_is_known_of_a_token_is_erased_and_nothing_of_others(store):
    other = bytes.fromhex("DEADBEEF")
    for uid in (UID, other):
        store.add(uid)
        on_the_list(store, uid, 0)
        on_the_list(store, uid, 1)
        store.taps.fresh(store.token(uid).ref, 5)
        store.taps.remember(TokenRecord(token=store.token(uid)), LATER)
    kept = store.lookup(other)
    ref = store.token(UID).ref
    assert erase(store, ref) == Erased(key=True, known=True, taps=True)
    assert not erase(store, ref)
    assert store.lookup(UID, utc=UTC).record is None
    assert bytes.fromhex(ref) not in everything(store)
    assert store.lookup(other) == kept
    assert not store.taps.fresh(kept.token.ref, 5)
    assert store.taps.remembered(kept.token.ref, UTC) is not None


def test_no_byte_of_what_was_erased_is_left_in_the_files(store):
    """Among many others, so that rows have moved between pages before they went."""
    draw, gone, left = random.Random(7), [], []
    for n in range(600):
        uid = b"\x04" + draw.randbytes(6)
        with transaction(store.db):
            private = on_the_list(store, uid, n % 2)[2]
        left.append((store.token(uid).ref, store.taps.seal(store.token(uid).ref, uid), private))
        if n % 4 == 3:
            ref, sealed, private = left.pop(draw.randrange(len(left)))
            (key,) = store.taps._db.execute("SELECT key FROM token_key WHERE ref = ?",
                                            (bytes.fromhex(ref),)).fetchone()
            gone += [bytes.fromhex(ref), key, sealed.encode(), private]
            assert erase(store, ref)
    files = everything(store)
    assert [secret for secret in gone if secret in files] == []
    assert all(bytes.fromhex(ref) in files and sealed.encode() in files for ref, sealed, _ in left)


def test_whoever_reads_meanwhile_keeps_old_pages_alive_and_that_is_told(store, tmp_path):
    token = store.add(UID).token
    store.taps._db.execute("PRAGMA busy_timeout = 1")
    with closing(sqlite3.connect(tmp_path / "taps.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM token_key").fetchone()
        with pytest.raises(StoreError, match="being read"):
            erase(store, token.ref)
        with pytest.raises(SealBroken):
            store.unseal(token.sealed, token.ref)
        reader.execute("COMMIT")
    assert erase(store, token.ref) == Erased(key=False, known=True, taps=False)


def everything(store):
    return b"".join(file.read_bytes() for file in store.path.parent.glob("*.db*")
                    if not file.name.startswith("journal"))
