"""Numbers: NXP AN12196, pages 12 and 18, and icedevml's sdm-backend."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looped import looped
from proof_cards import OK, SunCard, url_record
from proof_cards import PLAIN_SUN as PLAIN

from edge.controller.idtoken import Unproven
from edge.controller.trouble import DeviceError
from edge.rfid.proof import aes, sun
from edge.rfid.proof.outcome import NotProven

H = bytes.fromhex
ZERO = bytes(16)
META, FILE = H("42AFF114F2CB3B6141BE6DC95DFC5416"), H("B62A9BAF092439BD43C62AEE96B970C5")
PAGE_12 = b"https://x.y/?picc_data=EF963FF7828658A599F3041510671E88&cmac=94EED9EE65337086"
PAGE_18 = (b"https://x.y/?picc_data=FD91EC264309878BE6345CBE53BADF40"
           b"&enc=CEE9A53E3E463EF1F459635736738962&cmac=ECC1E7F6C6C73BF6")
NAMES = sun.Names()


def refused(message, meta=ZERO, file=ZERO, names=NAMES):
    with pytest.raises(NotProven) as caught:
        sun.judge(message, meta, lambda _: file, names)
    return caught.value.unproven


def test_the_messages_of_the_application_note_are_true():
    from_enc = sun.Names(mac_from="enc")
    for message, names, uid, counter in (
            (PAGE_12, sun.Names(), "04DE5F1EACC040", 61), (PAGE_18, from_enc, "04958CAA5C5E80", 8),
            (PLAIN, sun.Names(), "041E3C8A2D6B80", 6)):
        reading = sun.judge(message, ZERO, lambda _: ZERO, names)
        assert (reading.uid, reading.counter) == (H(uid), counter)
        assert uid not in repr(reading)


def test_a_mac_over_text_that_ends_before_its_name():
    picc = aes.decrypt(META, H("8ACADDEF0A9B62CDAE39A16B83FC14DE"))
    assert (picc[0], picc[1:8], picc[8:11]) == (0xC7, H("041D3C8A2D6B80"), H("230100"))
    assert sun.message_mac(FILE, picc[1:8], picc[8:11], b"B8436E11F627BB7F543FCC0C1E0D1A89") == H(
        "238B2543A8DEBAD8")


def test_short_names_work_and_both_at_once_do_not():
    short = PAGE_12.replace(b"picc_data", b"e").replace(b"cmac", b"m")
    assert sun.judge(short, ZERO, lambda _: ZERO).counter == 61
    for twice in (PAGE_12 + b"&m=94EED9EE65337086", PAGE_12 + b"&cmac=94EED9EE65337086"):
        assert refused(twice) is Unproven.UNABLE


def test_a_strangers_key_and_a_stranger_are_the_same_word():
    assert refused(PAGE_12, file=FILE) is refused(PAGE_12, file=None) is Unproven.WRONG
    assert refused(PAGE_12, meta=META) is Unproven.WRONG


def test_the_key_is_asked_for_with_the_number_that_was_opened():
    asked = []
    sun.judge(PAGE_12, ZERO, lambda uid: asked.append(uid) or ZERO)
    assert asked == [H("04DE5F1EACC040")]


@looped("at", range(len(PLAIN)))
def test_each_character_of_number_counter_and_mac_counts(at):
    changed = PLAIN[:at] + (b"1" if PLAIN[at:at + 1] != b"1" else b"2") + PLAIN[at + 1:]
    try:
        reading = sun.judge(changed, ZERO, lambda _: ZERO)
    except NotProven:
        return
    assert at < PLAIN.index(b"?"), "something else than the address was changed"
    assert (reading.uid, reading.counter) == (H("041E3C8A2D6B80"), 6)


@looped("message", [
    b"", b"https://x.y/", b"https://x.y/?picc_data=EF96&cmac=94EED9EE65337086",
    PAGE_12.replace(b"&cmac", b"&mac"), PAGE_12.replace(b"EF96", b"XX96"), PAGE_12[:-2],
    PLAIN.replace(b"&ctr=000006", b""), PLAIN.replace(b"uid", b"oid"), PLAIN.replace(b"000006", b"6"),
    PLAIN.replace(b"041E", "０４1E".encode()), b"\xff?uid=\xff&ctr=000006&cmac=4B00064004B0B3D3"])
def test_a_message_without_its_parts_is_unable(message):
    assert refused(message) is Unproven.UNABLE


def test_keys_and_offsets_that_cannot_be_are_unable():
    assert refused(PAGE_12, meta=None) is Unproven.UNABLE
    assert refused(PAGE_12, meta=b"short") is Unproven.UNABLE
    assert refused(PAGE_12, file=b"short") is Unproven.UNABLE
    assert refused(PAGE_18, names=sun.Names(mac_from="file")) is Unproven.UNABLE
    late = PAGE_12 + b"&enc=00"
    assert refused(late, names=sun.Names(mac_from="enc")) is Unproven.UNABLE


def test_a_number_without_a_counter_is_no_message():
    """Tag 87: the card mirrors its number only. With the right MAC it could be replayed for ever."""
    uid = H("04DE5F1EACC040")
    picc = aes.encrypt(ZERO, b"\x87" + uid + bytes(8)).hex().encode()
    mac = sun.message_mac(ZERO, uid, b"", b"").hex().encode()
    assert refused(b"https://x.y/?e=" + picc + b"&m=" + mac) is Unproven.WRONG


@given(st.binary(max_size=120))
@settings(max_examples=60)
def test_any_message_is_read_or_refused_by_name(message):
    for text in (message, b"https://x.y/?" + message, PLAIN[:20] + message):
        try:
            sun.judge(text, ZERO, lambda _: ZERO)
        except NotProven:
            continue
        raise AssertionError("nobody made this message")


def test_the_url_is_read_from_the_file():
    assert sun.read(SunCard(url_record(PLAIN[8:]))) == PLAIN


def test_a_file_that_is_shorter_than_what_was_asked_for_is_read():
    file = url_record(PLAIN[8:])
    replies = iter([OK, OK, file + b"\x62\x82"])
    assert sun.read(lambda _: next(replies)) == PLAIN


@looped("file", [
    b"", b"\0", b"\0\0", b"\0\x05", b"\xff\xff" + bytes(100), b"\0\x05\xd1\x01\x01T\x04",
    b"\0\x05\xd1\x01\x02U\x04", b"\0\x05\x91\x01\x01U\x04", b"\0\x06\xd1\x01\x02U\x05a",
    b"\0\x06\xd1\x01\x02U\x04\n", b"\0\x06\xd1\x01\x02U\x04\xe5", b"\0\x06\xd1\x02\x01U\x04a",
    b"\0\x05\xd1\x01\x01U\x04a"[:6], b"\0\x07" + url_record(b"x")[2:],
    url_record(b"x" * 247)])
def test_a_file_that_holds_no_url_is_unable(file):
    replies = iter([OK, OK, file + OK])
    with pytest.raises(NotProven) as caught:
        sun.read(lambda _: next(replies))
    assert caught.value.unproven is Unproven.UNABLE


@given(st.binary(max_size=40), st.sampled_from([b"\x90\x00", b"\x62\x82", b"\x6a\x82", b""]))
@settings(max_examples=60)
def test_any_file_is_read_or_refused_by_name(file, status):
    replies = iter([OK, OK, file + status])
    try:
        sun.read(lambda _: next(replies))
    except (NotProven, DeviceError):
        pass
