"""Numbers: the public logs of ElmueSoft's DESFire EV1 examples."""

import pytest
from looped import looped
from proof_cards import AID, KEY, RANDOM_UID, UID, Ev1Card

from edge.controller.idtoken import Unproven
from edge.rfid.proof import aes, ev1
from edge.rfid.proof.outcome import KeyRefused, NotProven

H = bytes.fromhex
#: key, its number, rnda, first answer, token, second answer, session key
LOGS = (
    ("00" * 16, 0, "F44B26F5686F3A391CD38EBD10772281", "B969FDFE56FD91FC9DE6F6F213B8FD1E91AF",
     "36AAD7DF6E436BA08D18613830A70D5AD43E3D3F4A8D47541EEE623A934E4774",
     "800DB680BC146BD121D6578F2D2E20599100", "F44B26F5C05DDD7110772281C4D066E8"),
    ("10182028303840485058606870788088", 1, "40E7D27174CBA675E8EFBAB99C530E3D",
     "B351CB2465D4F33AC627FD6E87A168F291AF",
     "044B6CAC343A0865895149649CA8DDE1F5AC4EC67BD208900AF02F049E05F0B0",
     "A2EE144B1012FBEB7B2F11132D95A4549100", "40E7D271626FFBD49C530E3D304F5B17"),
)


@looped("row", LOGS)
def test_authentication_goes_as_in_the_logs(row):
    key, number, rnda, first, token, last, session_key = row
    sent = []

    def card(apdu):
        sent.append(apdu.hex().upper())
        return H(first) if len(sent) == 1 else H(last)

    assert ev1.authenticate(card, number, H(key), lambda n: H(rnda)[:n]) == H(session_key)
    assert sent == [f"90AA0000010{number}00", f"90AF000020{token}00"]


NEW_KEY, VERSION = H("00102030405060708090A0B0B0A09080"), b"\x10"


def test_crc_padding_and_vector_are_those_of_the_logs():
    """ChangeKey enciphers as GetCardUID answers: data, CRC, zeros. It is never sent; the log tells."""
    plain = NEW_KEY + VERSION + ev1.crc32(b"\xc4\x00" + NEW_KEY + VERSION) + bytes(11)
    assert aes.encrypt(H("F44B26F5C05DDD7110772281C4D066E8"), plain) == H(
        "E9F85E219496C2B58C1090DC3935FAE9E840CF61B383D9531946256B1F110C10")


def test_the_chained_cmac_of_an_answer_is_that_of_the_logs():
    key = H("C2A1E47BD8100044FE6D00A74D7AB17C")
    crc = ev1.crc32(b"\xc4\x01" + NEW_KEY + VERSION) + ev1.crc32(NEW_KEY)
    sent = aes.encrypt(key, NEW_KEY + VERSION + crc + bytes(7))
    assert sent == H("E7ECCB6BD1CA64BC161A12B1C024F71430337408C8A87EACAB7A1FF18951FCA3")
    assert ev1.chained_cmac(key, sent[-16:], b"\0") == H("2128D3CD9C9ACFFFF6EB9546ADF35E17")


def test_the_chained_cmac_begins_as_a_plain_one_and_goes_on_from_there():
    first = ev1.chained_cmac(KEY, bytes(16), b"\x51")
    assert first == aes.cmac(KEY, b"\x51")
    assert ev1.chained_cmac(KEY, bytes(16), KEY * 2) == aes.cmac(KEY, KEY * 2)
    assert ev1.chained_cmac(KEY, first, b"\x51") != first


def test_a_fixed_number_is_proven_by_the_key_alone():
    assert ev1.prove(Ev1Card(name=AID), AID, 0, KEY, UID, bytes) == UID


def test_a_made_up_number_is_exchanged_for_the_true_one():
    assert ev1.prove(Ev1Card(name=AID), AID, 0, KEY, RANDOM_UID, bytes) == UID
    assert ev1.prove(Ev1Card(name=AID), AID, 0, KEY, None, bytes) == UID


def test_another_key_is_refused_by_the_card():
    with pytest.raises(KeyRefused):
        ev1.prove(Ev1Card(bytes(16), name=AID), AID, 0, KEY, UID, bytes)


def test_a_card_that_accepts_any_key_is_found():
    def liar(apdu):
        return {0x5A: b"\x91\x00", 0xAA: bytes(16) + b"\x91\xaf"}.get(apdu[1], bytes(16) + b"\x91\x00")

    with pytest.raises(NotProven) as caught:
        ev1.prove(liar, AID, 0, KEY, UID, bytes)
    assert caught.value.unproven is Unproven.WRONG


def test_every_byte_of_the_number_and_its_crc_counts():
    card = Ev1Card(name=AID)
    session_key = ev1.authenticate(_selected(card), 0, KEY, bytes)
    iv = ev1.chained_cmac(session_key, bytes(16), b"\x51")
    right = UID + ev1.crc32(UID + b"\0") + bytes(5)
    for at in range(16):
        wrong = right[:at] + bytes([right[at] ^ 1]) + right[at + 1:]
        with pytest.raises(NotProven) as caught:
            ev1.card_uid(lambda _, w=wrong: aes.encrypt(session_key, w, iv) + b"\x91\x00", session_key)
        assert caught.value.unproven is Unproven.WRONG


def _selected(card):
    card(H("905A000003") + AID[::-1] + b"\0")
    return card
