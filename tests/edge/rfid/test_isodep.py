"""nfcpy's initiator on our guarded line, against a card that is a list of answers."""

import nfc.clf
import nfc.tag
import pytest

from edge.controller.trouble import BadAnswer, DeviceTimeout
from edge.rfid.ats import Ats
from edge.rfid.isodep import FRAME_WAIT_AT_MOST_S, LONGEST_WAIT_S, MAX_FRAMES, IsoDep

LOST, BROKEN = nfc.clf.TimeoutError, nfc.clf.TransmissionError
SMALL = Ats(frame_size=16, frame_wait_s=0.01)  # 13 bytes of a command in each block


class ListedCard:
    """Answers from a list of hex or errors; what is left at the end is `forever`."""

    def __init__(self, *answers, forever=LOST):
        self.answers, self.forever = list(answers), forever
        self.heard, self.waits = [], []

    def exchange(self, block, timeout_s):
        assert isinstance(block, bytes | bytearray)
        self.heard.append(bytes(block).hex())
        self.waits.append(timeout_s)
        answer = self.answers.pop(0) if self.answers else self.forever
        if not isinstance(answer, str):
            raise answer
        return bytearray.fromhex(answer)


def ask(card, command="aabb", *, ats=SMALL, left_s=lambda: 1.0, reader_frame=256):
    line = IsoDep(card.exchange, ats, reader_frame)
    return line.apdu(bytes.fromhex(command), left_s).hex()


def test_a_command_in_one_block_and_the_next_with_the_other_number():
    card = ListedCard("02019000", "03029000")
    line = IsoDep(card.exchange, SMALL, 256)
    assert line.apdu(b"\xaa", lambda: 1.0).hex() == "019000"
    assert line.apdu(b"\xbb", lambda: 1.0).hex() == "029000"
    assert card.heard == ["02aa", "03bb"]


def test_a_long_command_is_cut_into_the_frames_of_the_card_or_of_the_reader():
    long = bytes(range(20)).hex()
    card = ListedCard("a2", "039000")
    assert ask(card, long) == "9000"
    assert card.heard == ["12" + long[:26], "03" + long[26:]]
    card = ListedCard("a2", "039000")
    assert ask(card, long, ats=Ats(frame_size=256), reader_frame=16) == "9000"
    assert len(card.heard) == 2


def test_an_answer_in_many_blocks_is_joined():
    card = ListedCard("120102", "130304", "129000", "03")
    assert ask(card) == "010203049000"
    assert card.heard == ["02aabb", "a3", "a2", "a3"]


def test_a_wish_for_time_is_granted_wherever_it_comes():
    for answers, heard in (
            (("f203", "029000"), ["02aabb", "f203"]),
            (("f2c3", "029000"), ["02aabb", "f203"]),  # the bits of power are not for the answer
            (("f203", "f203", "029000"), ["02aabb", "f203", "f203"]),
            (("1201", "f201", "039000"), ["02aabb", "a3", "f201"]),  # within a chained answer
            (("f203", LOST, "f203", "029000"), ["02aabb", "f203", "b2", "f203"]),
            (("1201", "f203", BROKEN, "f203", "039000"), ["02aabb", "a3", "f203", "a3", "f203"])):
        card = ListedCard(*answers)
        assert ask(card).endswith("9000"), answers
        assert card.heard == heard
    card = ListedCard("a2", "f23b", "039000")
    assert ask(card, "00" * 14) == "9000", "and before the last part of a long command"
    assert card.waits[-1] == pytest.approx(59 * 0.01, rel=0.01)


def test_what_the_radio_lost_is_asked_for_again():
    assert ask(ListedCard(LOST, "029000")) == "9000"
    assert ask(ListedCard(BROKEN, "029000")) == "9000"
    assert ask(ListedCard("", "029000")) == "9000"
    card = ListedCard(LOST, "a3", "029000")  # the card never had it: it is sent anew
    assert ask(card) == "9000"
    assert card.heard == ["02aabb", "b2", "02aabb"]


def test_a_card_that_went_away_is_found_out_after_two_repeats():
    for error in (LOST, BROKEN):
        card = ListedCard(forever=error)
        with pytest.raises(nfc.tag.TagCommandError):
            ask(card)
        assert len(card.heard) == 3


def test_blocks_that_may_not_follow_are_no_answer():
    for answers in (("12019000", "a3"), ("1201", "1b01"), ("0a029000",), ("06029000",), ("c2",),
                    ("e0",), ("f2",), ("f200",), ("f23c",), ("f20101",), ("02",), ("0290",)):
        card = ListedCard(*answers)
        with pytest.raises(BadAnswer):
            ask(card)
        assert len(card.heard) == len(answers), "and nothing more is asked"


def test_a_block_with_the_wrong_number_is_no_answer():
    for answers in (("03029000",), ("1201", "029000")):
        with pytest.raises(nfc.tag.TagCommandError):
            ask(ListedCard(*answers))


@pytest.mark.parametrize("forever", ["a3", "f201"])
def test_a_card_that_never_comes_to_an_end_is_left(forever):
    card = ListedCard(forever=forever)
    with pytest.raises(DeviceTimeout):
        ask(card)
    assert len(card.heard) == MAX_FRAMES


def test_an_answer_without_end_is_left():
    blocks = ["1201", "1301"] * MAX_FRAMES
    with pytest.raises(DeviceTimeout):
        ask(ListedCard(*blocks))


def test_no_wait_is_longer_than_what_is_left():
    card = ListedCard("f23b", "029000")
    assert ask(card, ats=Ats(frame_wait_s=4.9), left_s=lambda: 0.7) == "9000"
    assert card.waits == [pytest.approx(FRAME_WAIT_AT_MOST_S, rel=0.02), 0.7]
    card = ListedCard("f23b", "029000")
    assert ask(card, ats=Ats(frame_wait_s=4.9), left_s=lambda: 1.4) == "9000"
    assert card.waits[1] == LONGEST_WAIT_S
    left = iter((1.0, 0.5, 0.0))
    with pytest.raises(DeviceTimeout):
        ask(ListedCard(), left_s=lambda: next(left))
