"""Numbers: NXP AN10922, section 2.2.1, and AN10957, pages 13 and 14."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looped import looped

from edge.rfid.proof import aes
from edge.rfid.proof.diversify import card_key, diversified

MASTER = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
UID, AID, TAG = bytes.fromhex("04782E21801D80"), bytes.fromhex("3042F5"), b"NXP Abu"
SHORT = bytes.fromhex("04DEADBEEFFEED")


def test_a_cards_key_is_that_of_the_application_note():
    assert card_key(MASTER, UID, AID, TAG) == bytes.fromhex("A8DD63A3B89D54B37CA802473FDA9175")


def test_a_short_input_is_refused_since_two_readings_of_the_note_differ():
    master = bytes.fromhex("F3F9377698707B688EAF84ABE39E3791")
    # What some tools derive. The note says 0BB408BAFF98B6EE9F2E1585777F6A51.
    assert aes.cmac(master, b"\x01" + SHORT) == bytes.fromhex("721E2C01E81AF85D815633969CEA2607")
    with pytest.raises(ValueError, match="got 7 bytes, expected 16 to 31"):
        diversified(master, SHORT)


@looped("length", [0, 15, 32, 40])
def test_inputs_of_other_lengths_are_refused(length):
    with pytest.raises(ValueError, match=f"got {length} bytes"):
        diversified(MASTER, bytes(length))


@looped("length", [0, 8, 15, 24, 32])
def test_a_master_key_has_16_bytes(length):
    with pytest.raises(ValueError, match="master key"):
        diversified(bytes(length), bytes(16))


@given(master=st.binary(min_size=16, max_size=16), data=st.binary(min_size=16, max_size=31))
@settings(max_examples=40)
def test_what_is_not_refused_is_what_a_plain_cmac_gives_too(master, data):
    assert diversified(master, data) == aes.cmac(master, b"\x01" + data)
