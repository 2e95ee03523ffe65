import msgspec
import pytest

from edge.rfid.wire import (
    LENGTH_BYTES,
    MAX_FRAME,
    Begin,
    CardProof,
    Certificate,
    Feedback,
    Health,
    Mutual,
    Opening,
    Originality,
    Prove,
    RealUid,
    Sun,
    TagSeen,
    frame_length,
    from_reader,
    to_frame,
    to_reader,
)

TAG = TagSeen(reader_id="front", uid=bytes.fromhex("04A3C6CAE26180"), sak=0x20, atqa=b"\x44\x03",
              ats=b"\x01", mono_ns=5, tap=9, card_kind="desfire")
PROOF = CardProof(reader_id="front", tap=9, uid=TAG.uid, message=b"04A3C6CAE26180")
KEY = {"protocol": "ev2", "application": b"abc", "key_no": 1, "keys": (b"A3C6" * 4,)}
ASKED = Prove(tap=9, ways=(RealUid(**KEY), Mutual(**KEY), Sun(), Originality(),
                           Certificate(authorities={"1": bytes(65)}, day="261122")))


@pytest.mark.parametrize("message", [
    TAG, PROOF, CardProof(reader_id="front", tap=9, unproven="torn", detail="x"),
    Health(reader_id="front", ok=False, error="gone", chip="PN532"),
    Opening(reader_id="front", within_s=2.5)])
def test_what_the_reader_says_arrives(message):
    frame = to_frame(message)
    assert frame_length(frame[:LENGTH_BYTES]) == len(frame) - LENGTH_BYTES
    assert from_reader(frame[LENGTH_BYTES:]) == message


@pytest.mark.parametrize("message", [
    Begin(), Begin(held_uid=b"abcd", last_tap=8), Feedback(outcome="refused"), Prove(tap=1), ASKED])
def test_what_the_controller_says_arrives(message):
    assert to_reader(to_frame(message)[LENGTH_BYTES:]) == message


def test_no_text_form_of_a_message_shows_a_number_or_a_key():
    begin = Begin(held_uid=TAG.uid)
    for text in (repr(TAG), str(TAG), f"{TAG}", f"{[TAG]}", repr(PROOF), repr(ASKED), repr(begin)):
        assert "A3C6" not in text.upper()
        assert "\\xa3" not in text
        assert "=" in text


@pytest.mark.parametrize("length", [0, MAX_FRAME + 1, 65535])
def test_a_length_that_nobody_sends_is_refused(length):
    with pytest.raises(ValueError, match="frame of"):
        frame_length(length.to_bytes(2, "big"))


@pytest.mark.parametrize("body", [
    b"\xc1", b"", msgspec.msgpack.encode({"kind": "Begin"}),
    msgspec.msgpack.encode({"kind": "TagSeen", "reader_id": "x", "uid": b"abc", "sak": 1, "atqa": b"",
                            "mono_ns": 1})])
def test_nonsense_from_the_reader_is_an_error(body):
    with pytest.raises(msgspec.DecodeError):
        from_reader(body)
