import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.rfid.tap import TapFilter

A, B = bytes.fromhex("04A3C6CAE26180"), bytes.fromhex("DEADBEEF")
PHONE, PHONE_AGAIN = bytes.fromhex("08A1B2C3"), bytes.fromhex("08FFEE11")
SECOND = 1_000_000_000


def taps(polls, held=None):
    """Polls of (seconds, uid or None); seconds at which a tap was seen."""
    taps = TapFilter(held)
    return [at for at, uid in polls if taps.see(uid, int(at * SECOND))]


@pytest.mark.parametrize(("polls", "expected"), [
    ([(0, None), (0.1, A)], [0.1]),
    ([(t / 10, A) for t in range(600)], [0]),  # held for a minute
    ([(0, A), (0.1, None), (0.9, None), (1.0, A)], [0]),  # away for less than a second
    ([(0, A), (0.1, None), (1.0, None), (1.1, A)], [0, 1.1]),
    ([(0, A), (0.1, None), (5, A)], [0, 5]),  # the first poll after the absence sees the card again
    ([(0, A), (60, A)], [0]),  # a reader that was dead for a minute proves nothing
    ([(0, A), (0.5, None), (0.6, A), (1.4, None), (1.5, A)], [0]),  # a shaky hand
    ([(0, A), (0.2, B), (0.4, A), (0.6, B), (0.8, A)], [0, 0.2]),  # two cards in one wallet
    ([(0, A), (0.1, None), (0.2, B)], [0, 0.2]),  # the next driver need not wait
    ([(0, PHONE), (0.1, PHONE_AGAIN), (0.2, PHONE)], [0]),  # a phone makes up a number at each poll
    ([(0, PHONE), (0.1, None), (1.2, PHONE_AGAIN)], [0, 1.2]),
])
def test_one_tap_is_one_event(polls, expected):
    assert taps(polls) == expected


def test_a_card_left_lying_while_the_reader_was_restarted_taps_only_after_it_left():
    assert taps([(0, A), (0.1, A), (0.2, None), (1.3, A)], held=A) == [1.3]
    assert taps([(0, B)], held=A) == [0]


@given(st.lists(st.tuples(st.floats(0.01, 0.9), st.sampled_from((A, B, None))), max_size=60))
def test_two_taps_of_one_card_are_never_less_than_a_second_apart(steps):
    now, polls = 0.0, []
    for pause, uid in steps:
        now += pause
        polls.append((now, uid))
    for card in (A, B):
        seen = taps([(at, uid if uid == card else None) for at, uid in polls])
        assert all(later - earlier >= 1 - 1e-6 for earlier, later in itertools.pairwise(seen))


@given(st.lists(st.sampled_from((A, B, None)), max_size=40))
def test_the_first_sight_of_a_card_is_always_a_tap(uids):
    polls = [(number / 10, uid) for number, uid in enumerate(uids)]
    seen = taps(polls)
    for card in (A, B):
        if card in uids:
            assert uids.index(card) / 10 in seen


def test_time_in_which_nobody_looked_is_no_absence():
    """Two cards in one wallet, one of which is asked for a proof of 1.5 s."""
    taps = TapFilter()
    assert taps.see(A, 0)
    assert taps.see(B, SECOND // 10)
    taps.skip(SECOND * 15 // 10)
    assert not taps.see(A, SECOND * 17 // 10)
    assert not taps.see(None, SECOND * 18 // 10)
    assert taps.see(A, SECOND * 29 // 10), "what came after counts"
