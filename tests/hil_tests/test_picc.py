"""The card's half of ISO-DEP, by the rules of ISO/IEC 14443-4; no radio, no reader."""

from looped import looped

from hil_tests.virtual.picc import Picc

ATS = bytes.fromhex("067777710280")


def frame(text):
    return bytes.fromhex(text)


class Echo:
    """Answers a command with itself, turned round, and counts them."""

    def __init__(self):
        self.commands, self.resets = [], 0

    def reset(self):
        self.resets += 1

    def apdu(self, command):
        self.commands.append(command)
        return command[::-1]


def activated(ats=ATS, fsdi=8, **more):
    echo = Echo()
    picc = Picc(echo, ats=ats, **more)
    assert picc.answer(bytes([0xE0, fsdi << 4])) == ats
    return picc, echo


def test_the_short_forms_of_ats_are_told_as_they_are():
    for ats in ("01", "0278", "032881", "067577810280"):
        activated(frame(ats))


def test_nothing_is_answered_before_rats_nor_a_second_one():
    picc = Picc(Echo(), ats=ATS)
    for words in ("020102", "C2", "E0", "E08F", "B2"):
        assert picc.answer(frame(words)) is None, words
    assert picc.answer(frame("E080")) == ATS
    assert picc.answer(frame("E080")) is None


def test_a_command_in_one_block_is_answered_in_one():
    picc, echo = activated()
    assert picc.answer(frame("020102")) == frame("020201")
    assert picc.answer(frame("030304")) == frame("030403")
    assert echo.commands == [frame("0102"), frame("0304")]


def test_a_block_of_the_same_number_is_a_new_one_all_the_same():
    picc, _echo = activated()
    picc.answer(frame("020102"))
    assert picc.answer(frame("020102")) == frame("030201"), "rule D: its own number goes on"


def test_what_the_reader_missed_is_sent_again_and_nothing_is_done_twice():
    picc, echo = activated()
    assert picc.answer(frame("B2")) == frame("A3"), "nothing to repeat: R(ACK), rule 12"
    picc.answer(frame("020102"))
    assert picc.answer(frame("B2")) == frame("020201"), "rule 11"
    assert picc.answer(frame("B2")) == frame("020201")
    assert picc.answer(frame("B3")) == frame("A2"), "it never got block 1: rule 12"
    assert echo.commands == [frame("0102")]


def test_a_command_in_many_blocks_is_acknowledged_block_by_block():
    picc, echo = activated()
    assert picc.answer(frame("120102")) == frame("A2")
    assert picc.answer(frame("B2")) == frame("A2"), "the acknowledgement was lost"
    assert picc.answer(frame("130304")) == frame("A3")
    assert picc.answer(frame("0205")) == frame("020504030201")
    assert echo.commands == [frame("0102030405")]


@looped("fsdi_and_size", [(0, 16), (2, 32), (5, 64), (8, 256)])
def test_an_answer_comes_in_blocks_of_the_size_that_the_reader_takes(fsdi_and_size):
    fsdi, size = fsdi_and_size
    picc, _ = activated(frame("067877710280"), fsdi=fsdi)
    command = bytes(range(200))
    block = picc.answer(b"\x02" + command)
    got, number = block[1:], 0
    while block[0] & 0x10:
        assert len(block) == size - 2, "with PCB, without CRC"
        number ^= 1
        block = picc.answer(bytes([0xA2 | number]))
        assert block[0] & 1 == number
        assert picc.answer(bytes([0xB2 | number])) == block, "a part that was lost comes again"
        got += block[1:]
    assert got == command[::-1]


def test_a_card_with_a_small_buffer_sends_small_frames_and_hears_no_longer_ones_than_it_said():
    picc, _echo = activated(frame("067077710280"), frame_at_most=16)
    assert picc.answer(b"\x02" + bytes(14)) is None, "FSC 16 is 14 bytes and the CRC"
    assert picc.answer(b"\x02" + bytes(13)) == b"\x02" + bytes(13)
    assert len(picc.answer(b"\x13" + bytes(13))) == 1
    block = picc.answer(b"\x02" + bytes(5))
    assert (block[0], len(block)) == (0x12, 14)


def test_more_time_is_asked_for_as_often_as_the_card_wants_and_repeated_when_lost():
    picc, echo = activated(waits=2)
    assert picc.answer(frame("020102")) == frame("F202")
    assert picc.answer(frame("B2")) == frame("F202"), "its wish was lost"
    assert picc.answer(frame("F202")) == frame("F202")
    assert echo.commands == [], "it is still at work"
    assert picc.answer(frame("F202")) == frame("020201")
    assert picc.answer(frame("F202")) is None, "nobody asked"


def test_more_time_within_a_chained_answer():
    picc, _ = activated(fsdi=0, waits_in_chain=1)
    first = picc.answer(b"\x02" + bytes(range(20)))
    assert first[0] == 0x12
    assert picc.answer(frame("A3")) == frame("F202")
    last = picc.answer(frame("F202"))
    assert first[1:] + last[1:] == bytes(range(20))[::-1]


def test_blocks_with_cid_or_nad_and_blocks_out_of_order_are_not_answered():
    for words in ("0A000102", "06000102", "AA00", "F2", "F203", "A2FF", "C200", "00", ""):
        picc, echo = activated()
        assert picc.answer(frame(words)) is None, words
        assert echo.commands == []
    picc, _ = activated(fsdi=0)
    picc.answer(b"\x02" + bytes(20))
    assert picc.answer(frame("030102")) is None, "a command in the middle of an answer"


def test_deselect_puts_it_to_sleep_and_lost_power_forgets_everything():
    picc, echo = activated()
    assert not picc.asleep
    assert picc.answer(frame("C2")) == frame("C2")
    assert picc.asleep
    before = echo.resets
    picc.power_off()
    assert not picc.asleep
    assert echo.resets == before + 1
    assert picc.answer(frame("020102")) is None, "RATS first"


def test_other_bit_rates_may_be_agreed_right_after_rats():
    picc, _ = activated()
    assert picc.answer(frame("D01100")) == frame("D0")
