"""The virtual card against ISO/IEC 14443-3."""

import pytest

from hil_tests.virtual.card import VirtualCard

#: Bytes of each cascade level with their check byte, ATQA and the SAKs on the way to 0x20.
NUMBERS = {
    "DEADBEEF": (["DEADBEEF22"], "0400", ["20"]),
    "04A3C6CAE26180": (["8804A3C6E9", "CAE26180C9"], "4400", ["24", "20"]),
    "04112233445566778899": (["88041122BF", "88334455AA", "6677889900"], "8400", ["24", "24", "20"]),
}


def frame(text):
    return bytes.fromhex(text)


def select(card, levels):
    """What a reader sends from REQA to the last SELECT; the SAKs."""
    assert card.answer(b"\x26") is not None
    saks = []
    for command, level in zip((0x93, 0x95, 0x97), levels, strict=False):
        assert card.answer(bytes([command, 0x20])) == frame(level)
        saks.append(card.answer(bytes([command, 0x70]) + frame(level)))
    return saks


class Parrot:
    """Says what it hears, until it hears that it shall sleep."""

    asleep = False

    def power_off(self):
        self.asleep = False

    def answer(self, heard):
        self.asleep = heard == b"sleep"
        return heard


def test_uids_of_every_length_go_through_their_cascade_levels():
    for uid, (levels, atqa, saks) in NUMBERS.items():
        card = VirtualCard(frame(uid), sak=0x20)
        assert card.answer(b"\x26") == frame(atqa)
        card.power_off()
        assert select(card, levels) == [frame(sak) for sak in saks], uid


def test_uids_of_other_lengths_are_refused():
    for uid in ("", "04", "0411223344", "0411223344556677889900"):
        with pytest.raises(ValueError, match="4, 7 or 10"):
            VirtualCard(frame(uid), sak=0)


def test_a_card_is_silent_to_what_is_not_meant_for_it():
    card = VirtualCard(frame("DEADBEEF"), sak=0x20, inside=Parrot())
    assert card.answer(frame("9320")) is None, "not before REQA"
    card.answer(b"\x26")
    assert card.answer(frame("9370DEADBEEF23")) is None, "wrong check byte"
    assert card.answer(frame("9520")) is None, "a level that it does not have"
    assert card.answer(frame("E080")) is None, "RATS before it is selected"
    card.power_off()
    select(card, ["DEADBEEF22"])
    assert card.answer(b"\x26") is None, "REQA while active; ISO/IEC 14443-3, 6.3"


def test_a_halted_card_wakes_up_for_wupa_only():
    card = VirtualCard(frame("DEADBEEF"), sak=0x08)
    select(card, ["DEADBEEF22"])
    assert card.answer(frame("5000")) is None
    assert card.answer(b"\x26") is None
    assert card.answer(b"\x52") == frame("0400")


def test_what_is_inside_answers_once_the_card_is_selected_and_until_it_sleeps():
    card = VirtualCard(frame("DEADBEEF"), sak=0x20, inside=Parrot())
    select(card, ["DEADBEEF22"])
    assert card.answer(b"hello") == b"hello"
    assert card.answer(b"sleep") == b"sleep"
    assert card.answer(b"hello") is None
    assert card.answer(b"\x52") == frame("0400"), "asleep is halted"


def test_a_made_up_number_is_another_at_each_activation():
    numbers = iter((b"\x01\x02\x03", b"\x04\x05\x06", b"\x07\x08\x09"))
    card = VirtualCard(frame("04A3C6CAE26180"), sak=0x20, random=lambda _: next(numbers))
    seen = []
    for _ in range(2):
        assert card.answer(b"\x26") == frame("0400"), "its true number is longer, and hidden"
        seen.append(card.answer(frame("9320"))[:4].hex())
        card.power_off()
    assert seen == ["08010203", "08040506"]
