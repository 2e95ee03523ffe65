import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.rfid.uid import UidError, canonical, forms, is_random, last4, parse_uid

uids = st.sampled_from((4, 7, 10)).flatmap(lambda n: st.binary(min_size=n, max_size=n)).filter(
    lambda uid: uid[0] != 0x88)


@given(uids, st.sampled_from(("", ":", "-", " ", ".")), st.booleans())
def test_every_way_to_write_a_number_gives_the_same_canonical_form(uid, separator, lower):
    text = separator.join(f"{byte:02x}" if lower else f"{byte:02X}" for byte in uid)
    assert parse_uid(f" {text} ") == uid
    assert canonical(parse_uid(text)) == uid.hex().upper()


@given(uids)
def test_leading_zeros_survive(uid):
    uid = b"\x00" + uid[1:]
    assert canonical(uid).startswith("00")
    assert parse_uid(canonical(uid)) == uid


@pytest.mark.stories
@given(st.text(max_size=24))
def test_any_text_is_a_number_or_a_named_error(text):
    try:
        uid = parse_uid(text)
    except UidError as error:
        assert len(text) < 8 or text not in str(error)
    else:
        assert len(uid) in (4, 7, 10)


@pytest.mark.parametrize("text", [
    "", "04", "0411223", "04112233445566778", "04G12233", "8804A3C6", "4A:B", "\u0664\u0664112233"])
def test_what_is_no_card_number_is_refused(text):
    with pytest.raises(UidError):
        parse_uid(text)


def test_a_number_is_never_turned_round():
    assert parse_uid("DEADBEEF") != parse_uid("EFBEADDE")


@pytest.mark.parametrize(("uid", "random"), [
    ("08A1B2C3", True), ("04A1B2C3", False), ("08112233445566", False), ("18A1B2C3", False)])
def test_only_four_bytes_beginning_with_08_are_random(uid, random):
    assert is_random(bytes.fromhex(uid)) is random


def test_the_forms_that_people_meet():
    assert forms(bytes.fromhex("DEADBEEF")) == {
        "canonical": "DEADBEEF", "colons": "DE:AD:BE:EF", "reversed": "EFBEADDE",
        "decimal": "3735928559", "decimal_reversed": "4022250974"}
    assert last4(bytes.fromhex("04a3c6cae26180")) == "6180"
