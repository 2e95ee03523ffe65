"""What follows a tap, with a card and a controller that are lists, in virtual time."""

import pytest

from edge.controller.idtoken import Level, Unproven
from edge.controller.trouble import BadAnswer, DeviceRefused, DeviceTimeout, LineDown
from edge.rfid.frontend import Card
from edge.rfid.proof.outcome import NotProven, Proven
from edge.rfid.proving import TIMES, Proving
from edge.rfid.wire import (
    CardProof,
    Certificate,
    Feedback,
    Mutual,
    Originality,
    Prove,
    RealUid,
    Sun,
)

UID, OTHER = bytes.fromhex("04A3C6CAE26180"), bytes.fromhex("DEADBEEF")
CARD = Card(uid=UID, sak=0x20, atqa=b"\x44\x03")
TYPE_2 = Card(uid=UID, sak=0x00, atqa=b"\x44\x00")
SHY, SHY_AGAIN = (Card(uid=uid, sak=0x20, atqa=b"\x04\x03") for uid in (b"\x08abc", b"\x08def"))
KEY = {"protocol": "ev2", "application": b"abc", "key_no": 0, "keys": (b"k" * 16,)}
MUTUAL, REAL = Mutual(**KEY), RealUid(**KEY)
TORN = DeviceTimeout("talk", where="radio", got="no answer", expected="an answer")
NOISE = BadAnswer("talk", where="radio", got="blocks out of order", expected="an answer")
REFUSED = DeviceRefused("ask", where="radio", got="NAK 0", expected="an answer")
GONE = LineDown("talk", where="radio", got="OSError: No such device", expected="a reader")
PROVEN = Proven(level=Level.MUTUAL, uid=UID)
WRONG = NotProven(Unproven.WRONG, "the card does not take this key")
UNABLE = NotProven(Unproven.UNABLE, "no such application")


class Stage:
    """Radio, controller and protocol in one. `outcomes` of the tries to prove; `senses` of the card
    that is looked for again; `words` of the controller, each with the seconds that it takes.
    """

    def __init__(self, outcomes=(), words=(), senses=()):
        self.outcomes, self.words, self.senses = list(outcomes), list(words), list(senses)
        self.now_s, self.said, self.tries, self.beats, self.selected = 0.0, [], [], [], []

    def hear(self, seconds):
        if not self.words:
            self.now_s += seconds
            return None
        wait_s, word = self.words[0]
        if wait_s > seconds:
            self.words[0] = (wait_s - seconds, word)
            self.now_s += seconds
            return None
        self.now_s += wait_s
        return self.words.pop(0)[1]

    def send(self, message):
        self.said.append(message)

    def sense(self):
        found = self.senses.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def select(self, card):
        self.selected.append(card)
        return b"\x01"

    def apdu(self, command, left_s):
        self.now_s += 0.1
        if left_s() <= 0:
            raise TORN
        return command + b"\x90\x00"

    def raw(self, frame):
        return frame

    def prove(self, way, exchange, uid, *, raw):
        outcome = self.outcomes.pop(0)
        self.tries.append((type(way).__name__, uid, "apdu" if exchange else "raw" if raw else None))
        if callable(outcome):
            outcome = outcome(exchange)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def serve(self, card=CARD, tap=3):
        Proving("front", self, self, beat=lambda: self.beats.append(self.now_s), prove=self.prove,
                mono_ns=lambda: round(self.now_s * 1e9)).serve(card, tap)
        return self


def ask(*ways, tap=3, wait_s=0.0):
    return (wait_s, Prove(tap=tap, ways=ways))


def proof(**said):
    return CardProof(reader_id="front", tap=3, **said)


def test_a_proof_is_told():
    stage = Stage([PROVEN], [ask(MUTUAL)]).serve()
    assert stage.said == [proof(level=3, uid=UID)]
    assert stage.tries == [("Mutual", UID, "apdu")]
    assert stage.now_s == 0.0, "nobody waits for another question"


def test_a_message_is_told_as_it_was_read():
    read = Proven(level=Level.SUN, uid=UID, message=b"e=AB")
    assert Stage([read], [ask(Sun())]).serve().said == [proof(level=2, uid=UID, message=b"e=AB")]


def test_what_was_not_proven_is_told_and_not_tried_again():
    stage = Stage([WRONG], [ask(MUTUAL, Originality())]).serve()
    assert stage.said == [proof(unproven="wrong", detail=WRONG.detail)]
    assert len(stage.tries) == 1


def test_the_first_way_that_the_card_speaks_is_gone():
    stage = Stage([UNABLE, PROVEN], [ask(Certificate(authorities={}), MUTUAL)]).serve()
    assert stage.said == [proof(level=3, uid=UID)]
    stage = Stage([UNABLE, UNABLE], [ask(Certificate(authorities={}), MUTUAL)]).serve()
    assert stage.said == [proof(unproven="unable", detail=UNABLE.detail)]


def test_a_card_without_iso_dep_is_asked_by_raw_frames():
    assert Stage([PROVEN], [ask(Originality())]).serve(TYPE_2).tries == [("Originality", UID, "raw")]


def test_the_second_question_has_the_number_that_the_first_one_found():
    found = Proven(level=Level.UID, uid=UID)
    stage = Stage([found, PROVEN], [ask(REAL), ask(MUTUAL, wait_s=0.3)]).serve(SHY)
    assert [(kind, uid) for kind, uid, _ in stage.tries] == [("RealUid", SHY.uid), ("Mutual", UID)]
    assert stage.said == [proof(uid=UID), proof(level=3, uid=UID)]
    assert not stage.selected, "all in one activation"


def test_there_are_two_questions_and_no_more():
    found = Proven(level=Level.UID, uid=UID)
    stage = Stage([found] * 3, [ask(REAL)] * 3).serve(SHY)
    assert len(stage.said) == 2
    stage = Stage([found], [ask(REAL), ask()]).serve(SHY)
    assert len(stage.said) == 1, "or one, and let it go"


def test_a_card_is_let_go_after_half_a_second():
    stage = Stage([], []).serve()
    assert stage.said == []
    assert stage.now_s == pytest.approx(TIMES.ask_within_s)
    assert Stage([], [ask()]).serve().now_s == 0.0


def test_a_question_about_another_tap_is_torn_and_does_not_touch_this_card():
    words = [ask(MUTUAL, tap=2), ask(tap=1), (0.1, Feedback(outcome="refused")), ask(MUTUAL)]
    stage = Stage([PROVEN], words).serve()
    assert [(said.tap, said.unproven) for said in stage.said] == [(2, "torn"), (3, None)]
    assert len(stage.tries) == 1


def test_a_torn_proof_is_tried_once_more_with_the_same_card():
    for error in (TORN, NOISE, REFUSED):
        stage = Stage([error, PROVEN], [ask(MUTUAL)], [CARD]).serve()
        assert stage.said == [proof(level=3, uid=UID)]
        assert stage.selected == [CARD]
        stage = Stage([error, error], [ask(MUTUAL)], [CARD]).serve()
        assert [said.unproven for said in stage.said] == ["torn"]
        assert error.got in stage.said[0].detail


def test_a_torn_proof_goes_to_no_other_card():
    for found in (None, Card(uid=OTHER, sak=0x20, atqa=b"\x04\x00"), SHY, NOISE):
        stage = Stage([TORN], [ask(MUTUAL)], [found]).serve()
        assert [said.unproven for said in stage.said] == ["torn"]
        assert len(stage.tries) == 1


def test_a_card_with_made_up_numbers_may_have_another_one_when_it_is_tried_again():
    found = Proven(level=Level.UID, uid=UID)
    stage = Stage([TORN, found, PROVEN], [ask(REAL), ask(MUTUAL)], [SHY_AGAIN]).serve(SHY)
    assert [said.unproven for said in stage.said] == [None, None]
    assert stage.selected == [SHY_AGAIN]


def test_a_slow_proof_is_ended_and_is_no_stall():
    def slow(exchange):
        while True:
            exchange(b"\x90")
    stage = Stage([slow, slow], [ask(MUTUAL)], [CARD]).serve()
    assert [said.unproven for said in stage.said] == ["torn"]
    assert stage.now_s == pytest.approx(TIMES.prove_within_s, abs=0.2)
    assert len(stage.tries) == 1, "there is no time for a second try"
    gaps = [b - a for a, b in zip(stage.beats, stage.beats[1:], strict=False)]
    assert max(gaps) < 0.2


def test_a_reader_that_dies_meanwhile_is_told_before_it_is_lost():
    for outcomes, senses in (([GONE], []), ([TORN], [GONE])):
        stage = Stage(outcomes, [ask(MUTUAL)], senses)
        with pytest.raises(LineDown):
            stage.serve()
        assert [said.unproven for said in stage.said] == ["torn"]


def test_no_word_of_a_failed_proof_holds_the_number():
    stage = Stage([TORN, TORN], [ask(MUTUAL)], [CARD]).serve()
    assert UID.hex() not in repr(stage.said).lower()
    assert "04A3" not in stage.said[0].detail
