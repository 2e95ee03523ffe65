"""The one answer among noise, echoes and frames of others; and what only looks like it."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.bus.frame import expect, frame_of
from edge.bus.hunt import aside, find, hunt
from edge.bus.pdu import read_holding, read_input, write_register, write_registers

units = st.integers(1, 247)
repeatable = settings(derandomize=True, deadline=None, max_examples=60)
ASK = read_input(0x48, 2)
ANSWER = b"\x04\x04\x42\xf6\xe9\x79"


def holding(inner: bytes, before: int, after: int, unit: int = 9, function: int = 4) -> bytes:
    """A right answer of another device whose registers hold the bytes `inner`."""
    data = bytes(range(0x40, 0x40 + before)) + inner + bytes(range(0x90, 0x90 + after))
    data += b"\x00" * (len(data) % 2)
    return frame_of(unit, bytes((function, len(data))) + data)


def test_no_unit_is_lost_behind_one_to_three_bytes_of_noise_and_a_frame_of_another():
    rng = random.Random(1)
    for unit in range(1, 248):
        expected, good = expect(unit, ASK), frame_of(unit, ANSWER)
        other = frame_of(unit % 247 + 1, b"\x04\x06\x11\x22\x33\x44\x55\x66")
        for noise in (b"\x00", b"\xff\xff", bytes((unit,)), bytes((unit, 4)), rng.randbytes(1),
                      rng.randbytes(2), rng.randbytes(3)):
            for before in (noise, other, noise + other, other + noise, frame_of(unit, ASK) + noise):
                assert find(expected, before + good) == ANSWER, (unit, before)


def test_a_usual_answer_is_taken_at_its_last_byte():
    for before in (b"", b"\x00", b"\xff\x00", frame_of(1, ASK), frame_of(9, ANSWER)):
        match = hunt(expect(1, ASK), before + frame_of(1, ANSWER))
        assert match is not None and match.sure, before


def test_the_bytes_of_an_answer_inside_another_devices_frame_are_none():
    expected, inner = expect(1, ASK), frame_of(1, ANSWER)
    for before in range(0, 40, 3):
        for unit, function in ((9, 4), (1, 3), (1, 4), (9, 3)):
            frame = holding(inner, before, 20, unit, function)
            assert find(expected, frame) is None
            assert find(expected, b"\x00" + frame) is None
            for heard in range(len(frame)):
                match = hunt(expected, frame[:heard])
                assert match is None or not match.sure, "taken before the frame was whole"


def test_an_answer_at_the_very_end_of_a_longer_right_frame_is_none():
    """A prefix that leaves the CRC as it began makes both right."""
    rng = random.Random(2)
    expected, inner = expect(1, ASK), frame_of(1, ANSWER)
    found = 0
    while found < 3:
        prefix = b"\x09\x65" + rng.randbytes(6)
        tail = frame_of(prefix[0], prefix[1:])[-2:]
        body = prefix + tail  # CRC 0 here
        for pair in range(0x10000):
            start = body + pair.to_bytes(2, "big")
            if frame_of(start[0], start[1:] + inner[:-2])[-2:] == inner[-2:]:
                assert find(expected, start + inner) is None
                found += 1
                break


def test_in_the_middle_of_a_damaged_frame_nothing_counts():
    expected, inner = expect(1, ASK), frame_of(1, ANSWER)
    for before in (40, 60):
        frame = bytearray(holding(inner, before, 40))
        frame[0] ^= 0x20
        frame[-1] ^= 0x20
        assert find(expected, bytes(frame)) is None
    frame = bytearray(holding(inner, 8, 40))
    frame[-1] ^= 0x20
    assert find(expected, bytes(frame)) is None, "its rest goes on for too long"
    frame = bytearray(holding(inner, 60, 2))
    frame[-1] ^= 0x20
    assert find(expected, bytes(frame)) is None, "too much before it"


def test_a_damaged_frame_that_says_that_it_reaches_over_an_answer_holds_it():
    expected, inner = expect(1, ASK), frame_of(1, ANSWER)
    for size in range(2, 9):
        frame = bytearray(holding(inner, size, 4))
        frame[-1] ^= 0x20
        assert find(expected, bytes(frame)) is None, size


def test_a_damaged_frame_costs_no_answer_that_follows_it():
    expected, good = expect(1, ASK), frame_of(1, ANSWER)
    bad = frame_of(1, b"\x04\x04\x42\xf6\xe9\x79")[:-1] + b"\x00"  # 04 42 in its middle is no head
    for before in (bad, bad[:5], frame_of(9, b"\x04\x04\x04\x04\x42\x42")[:-1] + b"\x00"):
        assert find(expected, before + good) == ANSWER


def test_a_frame_of_another_shape_is_no_answer_however_short():
    for pdu in (b"\x83\x02", b"\x04\x02", b"\x04\x02\x00\x01", b"\x03\x04\x00\x00\x00\x01"):
        assert find(expect(1, ASK), frame_of(1, pdu)) is None
    assert find(expect(1, ASK), frame_of(1, b"\x84\x02")) == b"\x84\x02"


def test_two_answers_that_contradict_each_other_are_none():
    expected = expect(1, ASK)
    good, other = frame_of(1, ANSWER), frame_of(1, b"\x04\x04\x00\x00\x00\x00")
    assert find(expected, good + other) is None
    assert find(expected, frame_of(1, b"\x84\x02") + good) is None
    assert find(expected, good + good) == ANSWER


@given(units, st.sampled_from([ASK, read_holding(0, 9), write_register(5, 6), write_registers(5, [1])]),
       st.binary(max_size=60), st.binary(max_size=20))
@repeatable
def test_what_is_found_has_the_shape_that_was_asked_for(unit, pdu, before, after):
    expected = expect(unit, pdu)
    heard = before + frame_of(unit, ANSWER) + after
    match = hunt(expected, heard)
    if match is not None:
        assert expected.fits(match.answer)
        assert frame_of(unit, match.answer) == heard[match.at:match.end]


def test_what_was_heard_besides_is_told_apart():
    ask, many = frame_of(9, ASK), frame_of(9, write_registers(5, [1, 2]))
    answer, written = frame_of(9, ANSWER), frame_of(9, b"\x10\x00\x05\x00\x02")
    seen = aside(b"\x00" + ask + answer + many + written + b"\xff\xff" + frame_of(9, b"\x84\x02"))
    assert seen.frames == (ask, answer, many, written, frame_of(9, b"\x84\x02")) and seen.noise == 3
    assert seen.requests(but=b"") == 2, "answers are no requests"
    assert seen.requests(but=ask) == 1, "our own echo is none either"
    assert aside(b"") == ((), ())
