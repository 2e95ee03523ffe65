"""The polling loop against a radio and a controller that are lists, in virtual time."""

import itertools

import pytest

from edge.controller.trouble import BadAnswer, LineDown
from edge.rfid.frontend import Card
from edge.rfid.proving import Times
from edge.rfid.reader import NOISE_LIMIT, Reader, main
from edge.rfid.tap import TapFilter
from edge.rfid.wire import CardProof, Health, Opening, Prove, TagSeen

CARD = Card(uid=bytes.fromhex("04A3C6CAE26180"), sak=0x20, atqa=b"\x44\x03")
PHONE = Card(uid=bytes.fromhex("08A1B2C3"), sak=0x20, atqa=b"\x04\x00")
NOISE = BadAnswer("poll", where="radio", got="IndexError", expected="a frame")
GONE = LineDown("poll", where="radio", got="OSError: No such device", expected="a reader")


class ScriptedRadio:
    """Polls and openings answer from a list; what is left of it at the end is `None` (no card)."""

    chip = "a chip"

    def __init__(self, polls=(), openings=()):
        self.polls, self.openings = list(polls), list(openings)
        self.selected, self.is_open, self.opened = [], False, 0

    def open(self):
        self.opened += 1
        if self.openings and (error := self.openings.pop(0)) is not None:
            raise error
        self.is_open = True

    def sense(self):
        assert self.is_open
        answer = self.polls.pop(0) if self.polls else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def select(self, card):
        self.selected.append(card)
        return b"\x01"

    def close(self):
        self.is_open = False


class ListeningController:
    """Keeps what it hears with its time; each wait moves the clock; goes away at `until_s`.

    Lets each card go at once, unless `answers` is false.
    """

    def __init__(self, until_s, *, answers=True):
        self.now_ns, self.until_ns, self.heard = 0, int(until_s * 1e9), []
        self.answers, self.words = answers, []

    def send(self, message):
        self.heard.append((self.now_ns / 1e9, message))
        if self.answers and isinstance(message, TagSeen):
            self.words.append(Prove(tap=message.tap))

    def hear(self, seconds):
        if self.words:
            return self.words.pop(0)
        self.now_ns += round(seconds * 1e9)
        if self.now_ns >= self.until_ns:
            raise BrokenPipeError
        return None

    def of(self, kind):
        return [(at, message) for at, message in self.heard if isinstance(message, kind)]


def run(radio, until_s, *, answers=True, **options):
    controller = ListeningController(until_s, answers=answers)
    with pytest.raises(BrokenPipeError):
        Reader("front", radio, controller, TapFilter(), pause_s=0.1, last_tap=6,
               mono_ns=lambda: controller.now_ns, **options).run()
    assert not radio.is_open, "every way out gives the device back"
    return controller


def test_a_held_card_is_reported_once_with_its_answer_to_select():
    radio = ScriptedRadio([None] + [CARD] * 30)
    heard = run(radio, 3).of(TagSeen)
    assert heard == [(0.1, TagSeen(reader_id="front", uid=CARD.uid, sak=0x20, atqa=b"\x44\x03",
                                   ats=b"\x01", mono_ns=100_000_000, tap=7, card_kind="iso-dep"))]
    assert radio.selected == [CARD], "RATS is sent for a new tap, not at every poll"


def test_a_number_that_a_phone_made_up_is_flagged():
    assert [tag.random for _, tag in run(ScriptedRadio([PHONE]), 0.5).of(TagSeen)] == [True]


def test_health_comes_more_than_once_a_second():
    times = [at for at, message in run(ScriptedRadio(), 10).of(Health) if message.ok]
    assert times[0] == 0
    assert max(b - a for a, b in itertools.pairwise(times)) < 1.0


def test_noise_neither_taps_nor_lets_a_card_go():
    controller = run(ScriptedRadio([CARD, *[NOISE] * 20, CARD]), 4)
    assert len(controller.of(TagSeen)) == 1
    assert all(message.ok for _, message in controller.of(Health))


def test_endless_noise_opens_the_reader_anew():
    radio = ScriptedRadio([NOISE] * NOISE_LIMIT)
    controller = run(radio, 10)
    assert radio.opened == 2
    assert [m.ok for _, m in controller.of(Health)][-1]
    assert any("bad answers" in m.error for _, m in controller.of(Health))


def test_an_unplugged_reader_is_reported_and_opened_again_with_growing_pauses():
    radio = ScriptedRadio([None, GONE], [None, GONE, GONE, GONE, None])
    controller = run(radio, 10)
    openings = [round(at, 1) for at, _ in controller.of(Opening)]
    assert openings == [0.0, 0.3, 0.8, 1.8, 3.8]
    times = [at for at, _ in controller.of(Health)]
    assert max(b - a for a, b in itertools.pairwise(times)) < 1.0
    words = [ok for ok, _ in itertools.groupby(message.ok for _, message in controller.of(Health))]
    assert words == [True, False, True]


def test_a_card_left_lying_through_an_unplug_does_not_tap_again():
    radio = ScriptedRadio([CARD, GONE, CARD, CARD], [None, None])
    assert len(run(radio, 5).of(TagSeen)) == 1


def test_a_card_seen_before_an_unplug_is_not_away_because_nobody_looked():
    radio = ScriptedRadio([CARD, None, GONE, CARD, None], [None, GONE, GONE])
    assert len(run(radio, 10).of(TagSeen)) == 1
    assert not radio.polls, "it was seen again"
    radio = ScriptedRadio([CARD, GONE, *[None] * 12, CARD])
    assert len(run(radio, 10).of(TagSeen)) == 2


def test_taps_are_numbered_on_from_those_of_a_predecessor():
    radio = ScriptedRadio([CARD, *[None] * 12, PHONE, *[None] * 12, CARD])
    assert [tag.tap for _, tag in run(radio, 5).of(TagSeen)] == [7, 8, 9]


def test_a_card_that_is_let_go_costs_no_time():
    other = Card(uid=b"\xde\xad\xbe\xef", sak=0x08, atqa=b"\x04\x00")
    controller = run(ScriptedRadio([CARD, other]), 1)
    assert [at for at, _ in controller.of(TagSeen)] == [0.0, 0.1]
    assert not controller.of(CardProof), "and is not answered"


def test_a_controller_that_says_nothing_holds_a_card_for_half_a_second():
    other = Card(uid=b"\xde\xad\xbe\xef", sak=0x08, atqa=b"\x04\x00")
    controller = run(ScriptedRadio([CARD, other]), 3, answers=False)
    assert [round(at, 3) for at, _ in controller.of(TagSeen)] == [0.0, 0.6]
    times = [at for at, _ in controller.of(Health)]
    assert max(b - a for a, b in itertools.pairwise(times)) < 1.0


def test_two_cards_in_one_wallet_do_not_tap_in_turns_while_each_is_held_for_long():
    other = Card(uid=b"\xde\xad\xbe\xef", sak=0x08, atqa=b"\x04\x00")
    radio = ScriptedRadio([CARD, other] * 5)
    controller = run(radio, 8, answers=False, times=Times(ask_within_s=1.5))
    assert len(controller.of(TagSeen)) == 2
    assert not radio.polls


def test_the_chip_is_told_with_the_health():
    assert {message.chip for _, message in run(ScriptedRadio(), 1).of(Health)} == {"a chip"}


def test_a_simulated_radio_is_refused_on_a_real_site(capsys):
    assert main(["--id", "front", "--path", "udp:127.0.0.1:5", "--fd", "0"]) == 2
    assert "virtual" in capsys.readouterr().err
