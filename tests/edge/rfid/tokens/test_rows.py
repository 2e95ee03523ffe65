import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.controller.idtoken import (
    IdToken,
    Level,
    Per,
    Quota,
    Role,
    TokenRecord,
    TokenStatus,
    Window,
)
from edge.rfid.tokens.rows import Entry, RowDamaged, Rows, pack_record, unpack_record
from edge.rfid.tokens.secret import CardSecret, Protocol

ROWS = Rows(bytes(32))
WORD = st.text(max_size=8)
MAYBE = st.none() | WORD
TOKENS = st.builds(IdToken, ref=st.binary(min_size=16, max_size=16).map(bytes.hex), type=WORD,
                   last4=WORD, contract_id=MAYBE)
RECORDS = st.builds(
    TokenRecord, token=TOKENS, status=st.sampled_from(TokenStatus), group_ref=MAYBE,
    evse_ids=st.lists(WORD, max_size=3).map(tuple), language=MAYBE, expires_utc=MAYBE,
    limit_wh=st.none() | st.integers(0, 10**9), min_level=st.sampled_from(Level),
    role=st.sampled_from(Role), user_ref=MAYBE, evse_groups=st.lists(WORD, max_size=2).map(tuple),
    windows=st.lists(st.builds(Window, days=st.lists(st.integers(1, 7)).map(tuple),
                               from_min=st.integers(0, 1440), until_min=st.integers(0, 1440)),
                     max_size=2).map(tuple),
    quotas=st.lists(st.builds(Quota, per=st.sampled_from(Per), energy_wh=st.none() | st.integers(0, 9),
                              cost=MAYBE), max_size=2).map(tuple),
    concurrent=st.none() | st.integers(0, 9), valid_from_utc=MAYBE)
KEY = st.binary(min_size=16, max_size=16)
SECRETS = st.none() | st.builds(
    CardSecret, protocol=st.sampled_from(Protocol), application=st.binary(max_size=16),
    key_no=st.integers(0, 15), keys=st.lists(KEY, min_size=1, max_size=3).map(tuple),
    sun_key=st.just(b"") | KEY, certificate=st.sampled_from([b"", bytes(32)]))
ENTRY = Entry(record=TokenRecord(token=IdToken(ref="ab" * 16, last4="6180")), name="Anna",
              secret=CardSecret(protocol=Protocol.EV1, application=b"\1\2\3", keys=(b"K" * 16,)))


@settings(max_examples=60)
@given(st.builds(Entry, record=RECORDS, secret=SECRETS, name=WORD))
def test_an_entry_comes_back_as_it_was(entry):
    assert ROWS.unpack(*ROWS.pack(entry)) == entry


def test_every_field_of_a_record_is_kept():
    """Whoever adds one to `TokenRecord` adds it here and in the row, too."""
    record = TokenRecord(
        token=IdToken(ref="ab" * 16, type="Central", last4="6180", contract_id="c"),
        status=TokenStatus.EXPIRED, group_ref="g", evse_ids=("1",), language="sv",
        expires_utc="2027", limit_wh=3, min_level=Level.SUN, role=Role.MASTER, user_ref="u",
        evse_groups=("a",), windows=(Window(days=(1,), from_min=2, until_min=3),),
        quotas=(Quota(per=Per.WEEK, energy_wh=1, cost="2.50"),), concurrent=2, valid_from_utc="2026")
    plain = TokenRecord(token=IdToken(ref="ab" * 16))
    assert [f for f in record.__struct_fields__ if getattr(record, f) == getattr(plain, f)] == []
    raw = bytes.fromhex(record.token.ref)
    assert unpack_record(raw, pack_record(record)) == record


def test_level_and_seal_are_not_the_rows():
    token = IdToken(ref="ab" * 16, level=Level.MUTUAL, sealed="sealed")
    packed = pack_record(TokenRecord(token=token))
    assert b"sealed" not in packed
    assert b"ab" not in packed
    record = unpack_record(bytes.fromhex(token.ref), packed, sealed="later")
    assert record.token == replace(token, level=Level.UID, sealed="later")


def test_a_usual_row_is_small():
    """A million of them are to fit on a small card, beside the journal."""
    _, record, private = ROWS.pack(ENTRY)
    assert len(record) <= 12
    assert private is not None
    assert len(private) <= 80
    assert ROWS.pack(Entry(record=ENTRY.record))[2] is None


def test_a_private_part_shows_nothing_and_differs_each_time():
    one, two = (ROWS.pack(ENTRY)[2] for _ in range(2))
    assert one != two
    assert b"Anna" not in one
    assert ENTRY.secret.keys[0] not in one


def test_what_is_damaged_swapped_or_of_another_site_is_refused():
    ref, record, private = ROWS.pack(ENTRY)
    lower = pack_record(replace(ENTRY.record, min_level=Level.ORIGINALITY))
    for broken in ((ref, b"", private), (ref, b"\xc1", private), (ref, b"\x81\xa1s\xa1x", private),
                   (ref, record + b"\0", private), (ref, lower, private), (ref, record, b""),
                   (ref, record, private[:-1]), (ref, "text", private), (ref, 5, None),
                   (ref, record, bytes([private[0] ^ 1]) + private[1:]), (bytes(16), record, private)):
        with pytest.raises(RowDamaged):
            ROWS.unpack(*broken)
    with pytest.raises(RowDamaged, match="does not open"):
        Rows(b"\1" * 32).unpack(ref, record, private)


def test_no_name_and_no_key_shows():
    for text in (repr(ENTRY), str(ENTRY), repr(ENTRY.secret), repr(ROWS)):
        assert "Anna" not in text
        assert "KKKK" not in text


def test_a_secret_that_no_card_can_have_is_refused():
    for wrong in ({"protocol": Protocol.EV2}, {"keys": (bytes(16),)}, {"sun_key": bytes(8)},
                  {"protocol": Protocol.EV2, "keys": (bytes(15),)}, {"certificate": b"short"},
                  {"key_no": 16}, {"application": bytes(17)}):
        with pytest.raises(ValueError, match=r"key|certificate"):
            CardSecret(**wrong)
