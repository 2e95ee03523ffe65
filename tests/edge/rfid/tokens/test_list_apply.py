import hashlib
import sqlite3
from contextlib import closing

import msgspec
import pytest
from card_lists import ISSUED, SIGNER, SITE, ListSite, cards, uid_of
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.controller.idtoken import Level, TokenStatus
from edge.rfid.tokens.database import StoreError
from edge.rfid.tokens.list_entry import Card, Entry, Hours, Secret, Share
from edge.rfid.tokens.list_file import ListRefused, write_list
from edge.rfid.tokens.list_make import Order, build
from edge.rfid.tokens.list_remains import DRAFT, clear_remains
from edge.rfid.tokens.list_store import ListBusy, ListStore
from edge.rfid.tokens.secret import Protocol
from edge.rfid.tokens.store import TokenStore


@pytest.fixture
def site(tmp_path):
    return ListSite(tmp_path)


def head(site):
    store = TokenStore.open(site.folder, site.vault)
    try:
        return store.list_head()
    finally:
        store.close()


def lookup(site, number):
    store = TokenStore.open(site.folder, site.vault)
    try:
        return store.lookup(uid_of(number))
    finally:
        store.close()


def rows_in(site, table):
    with closing(sqlite3.connect(site.folder / "cards.db")) as db:
        return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_full_lists_replace_each_other_and_changes_change(site):
    assert site.apply(site.make("1", cards(range(40)), 1)).tokens == 40
    changes = [*cards([3, 50], "D"), Entry(uid=uid_of(4)), Entry(uid=uid_of(99))]
    applied = site.apply(site.make("2", changes, 5, base=1))
    assert (applied.new, applied.version, applied.tokens) == (True, 5, 40)
    assert lookup(site, 3).token.contract_id == "SE-FCT-D0000003"
    assert lookup(site, 4).record is None
    assert lookup(site, 50).record is not None
    assert site.apply(site.make("3", cards(range(7)), 6)).tokens == 7
    assert site.contracts() == [f"SE-FCT-C{n:07d}" for n in range(7)]
    assert (head(site).version, head(site).generation, head(site).confirmed_utc) == (6, 2, ISSUED)
    assert sorted((rows_in(site, "list_0"), rows_in(site, "list_1"))) == [0, 7]
    assert not (site.folder / DRAFT).exists()
    assert site.apply(site.make("4", [], 7)).tokens == 0
    assert site.contracts() == []


def test_all_that_a_list_says_of_a_card_arrives(site):
    card = Card(status="Blocked", contract="C1", group="family", user="customer 7", name="Anna",
                level=Level.MUTUAL, evses=("1",), evse_groups=("yard",),
                expires_utc="2027-01-31T00:00:00Z",
                windows=(Hours(days=(1, 2), from_min=420, until_min=1080),),
                quotas=(Share(per="month", energy_wh=100_000),), concurrent=2, limit_wh=7000,
                language="sv", secret=Secret(
                    protocol=Protocol.EV2, application=b"\xf0\x01\x00", key_no=1, keys=(b"k" * 16,),
                    sun_key=b"s" * 16))
    site.apply(site.make("1", [Entry(uid=uid_of(1), card=card)], 1))
    found = lookup(site, 1)
    record = found.record
    assert (record.status, record.min_level) == (TokenStatus.BLOCKED, Level.MUTUAL)
    assert (record.group_ref, record.concurrent) == ("family", 2)
    assert (record.windows[0].days, record.quotas[0].energy_wh) == ((1, 2), 100_000)
    assert len(record.user_ref) == 16
    assert "customer" not in record.user_ref
    assert (found.secret.keys, found.secret.sun_key) == ((b"k" * 16,), b"s" * 16)
    held = (site.folder / "cards.db").read_bytes() + (site.folder / "1").read_bytes()
    for secret in (b"Anna", b"k" * 16, b"s" * 16, b"customer 7", uid_of(1)):
        assert secret not in held


def test_which_version_may_follow_which(site):
    site.apply(site.make("first", cards(range(3)), 10))
    table = [  # version, base, words of the refusal
        (9, None, "a version above 10"), (11, 9, "changes of version 10"), (12, 11, "or a full list"),
        (10, None, "a version above 10")]  # another list of the same version
    for version, base, words in table:
        with pytest.raises(ListRefused, match=words):
            site.apply(site.make("no", cards([5]), version, base))
        assert head(site).version == 10
        assert len(site.contracts()) == 3
    again = site.apply(site.folder / "first")
    assert (again.new, again.version, again.tokens) == (False, 10, 3)
    assert site.apply(site.make("yes", cards([5]), 11, 10)).tokens == 4
    with pytest.raises(ListRefused, match=r"one for SE\*FCT\*E0001"):
        site.apply(site.make("no", cards([5]), 12, site="SE*FCT*E0002"))


def test_a_list_of_a_stranger_or_for_another_site_is_refused(site, tmp_path_factory):
    other = ListSite(tmp_path_factory.mktemp("other"))
    stranger = Ed25519PrivateKey.generate()
    with pytest.raises(ListRefused, match=r"signed by .* expected a key of the site file"):
        site.apply(site.make("no", cards([1]), 1, signer=stranger))
    with pytest.raises(ListRefused, match="sealed to key"):
        site.apply(other.make("no", cards([1]), 1))  # our id, its key
    site.keys = {}
    with pytest.raises(ListRefused, match="operator_keys of the site file is empty"):
        site.apply(site.make("no", cards([1]), 1))
    other.vault = site.vault
    with pytest.raises(StoreError, match="another pepper"):
        other.apply(site.folder / "no")


def carried(site, chunk, entries=1, version=1, base=None, body=None):
    """A list that `list make` would not make: this very chunk, signed."""
    message, _ = build(cards(range(entries)), Order(site=SITE, version=version, base=base,
                                                    issued_utc=ISSUED, to=None), SIGNER)
    manifest = msgspec.json.decode(message[64:])
    if chunk is not None:
        manifest["chunks"] = [hashlib.sha256(chunk).hexdigest()]
    manifest |= body or {}
    raw = msgspec.json.encode(manifest)
    path = site.folder / "odd"
    write_list(path, SIGNER.sign(raw) + raw, lambda _: chunk, len(manifest["chunks"]))
    return path


def test_entries_out_of_bounds_are_refused_with_their_place_and_no_number(site):
    uid, pack = uid_of(7), msgspec.msgpack.encode
    secret = {"protocol": "ev2", "keys": [b"k" * 16]}
    table = [
        ([{"uid": uid, "card": {}, "more": 1}], "unknown field `more`"),
        ([{"uid": uid, "card": {"colour": "red"}}], "unknown field `colour`"),
        ([{"uid": uid[:5], "card": {}}], "4, 7 or 10 bytes"),
        ([{"uid": b"\x88" + uid[:6], "card": {}}], "88"),
        ([{"uid": b"\x08\xa1\xb2\xc3", "card": {}}], "makes up at each tap"),
        ([{"uid": "04A3C6CAE26180", "card": {}}], "entry 1"), ([{"card": {}}], "required field `uid`"),
        ([{"uid": uid, "card": {"status": "Unknown"}}], "entry 1"),
        ([{"uid": uid, "card": {"level": 5}}], "entry 1"),
        ([{"uid": uid, "card": {"contract": "x" * 37}}], "entry 1"),
        ([{"uid": uid, "card": {"windows": [{"days": [8], "from_min": 0, "until_min": 9}]}}], "entry"),
        ([{"uid": uid, "card": {"quotas": [{"per": "month"}]}}], "energy_wh or cost"),
        ([{"uid": uid, "card": {"quotas": [{"per": "month", "cost": "-1"}]}}], "entry 1"),
        ([{"uid": uid, "card": {"expires_utc": "soon"}}], "entry 1"),
        ([{"uid": uid, "card": {"level": 3}}], "sealed|without keys"),
        ([{"uid": uid, "card": {"name": "Anna"}}], "sealed to its site"),
        ([{"uid": uid, "card": {"secret": secret}}], "sealed to its site"),
        ([{"uid": uid}], "a full list|who is left out"),
        ([{"uid": uid, "card": {}}, {"uid": uid, "card": {}}], "entry 1 and .*entry 2"),
        ({"uid": uid}, "an array of entries"), (7, "an array of entries")]
    for entries, words in table:
        count = len(entries) if isinstance(entries, list) else 1
        with pytest.raises(ListRefused, match=words) as refused:
            site.apply(carried(site, pack(entries), count))
        assert uid.hex() not in str(refused.value).lower(), entries
        assert head(site).version == 0, entries
        assert (rows_in(site, "list_0"), rows_in(site, "list_1")) == (0, 0)
    for cut in (b"", pack([{"uid": uid, "card": {}}])[:-1], b"\xc1", pack([{"uid": uid}]) + b"\x00"):
        with pytest.raises(ListRefused):
            site.apply(carried(site, cut))
    with pytest.raises(ListRefused, match="1 entries in its chunks, expected 2"):
        site.apply(carried(site, pack([{"uid": uid, "card": {}}]), 2))


def test_a_manifest_that_contradicts_itself_is_refused(site):
    chunk = msgspec.msgpack.encode([{"uid": uid_of(1), "card": {}}])
    for body, words in (
            ({"format": 2}, "format 2"), ({"kind": "partial"}, "format 1"),
            ({"version": 0}, "format 1"), ({"base": 3}, "base for a differential"),
            ({"kind": "differential"}, "base for a differential"),
            ({"kind": "differential", "base": 1}, "above its base"), ({"more": 1}, "more"),
            ({"entries": 0}, "no empty chunk"), ({"signed_by": "0" * 16}, "the key that signed it"),
            ({"issued_utc": "yesterday"}, "format 1"), ({"site": ""}, "format 1")):
        with pytest.raises(ListRefused, match=words):
            site.apply(carried(site, chunk, body=body))
    assert head(site).version == 0


def test_no_byte_of_a_list_can_be_changed(site):
    whole = site.make("1", cards(range(3)), 1).read_bytes()
    changed = site.folder / "changed"
    for at in (*range(20), *range(20, len(whole), 37), *range(len(whole) - 20, len(whole))):
        changed.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
        with pytest.raises(ListRefused):
            site.apply(changed)
    for cut in (whole[:9], whole[:-1], whole + b"x", b""):
        changed.write_bytes(cut)
        with pytest.raises(ListRefused):
            site.apply(changed)
    assert head(site).version == 0


def test_two_cannot_apply_at_a_time_and_a_start_leaves_the_first_alone(site):
    first = site.make("1", cards(range(3)), 1)
    with ListStore.open(site.folder / "cards.db", site.vault.pepper) as held:
        rows = [(bytes([n]) * 16, b"", None) for n in range(3)]
        assert sum(held.add(1, rows)) == 3
        clear_remains(site.folder, site.vault)
        assert held.count(1) == 3
        with pytest.raises(ListBusy, match="one at a time"):
            site.apply(first)
    clear_remains(site.folder, site.vault)
    assert rows_in(site, "list_1") == 0
    assert site.apply(first).tokens == 3


def test_a_card_that_is_blocked_here_stays_blocked_when_lists_come(site):
    site.apply(site.make("1", cards(range(3)), 1))
    store = TokenStore.open(site.folder, site.vault)
    assert store.block(uid_of(1))
    store.close()
    site.apply(site.make("2", cards(range(3)), 2))
    assert lookup(site, 1).record.status is TokenStatus.BLOCKED
