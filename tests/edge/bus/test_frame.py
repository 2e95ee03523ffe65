import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU

from edge.bus.frame import crc16, crc_ends, expect, frame_of
from edge.bus.hunt import find
from edge.bus.pdu import (
    read_holding,
    read_identity,
    read_input,
    write_register,
    write_registers,
)

units = st.integers(1, 247)
#: Anything, if it is little; of more only what cannot be the head of another device's frame.
before_it = st.binary(max_size=3) | st.lists(st.sampled_from([0, 0xF8, 0xFF]), max_size=12).map(bytes)
noise = st.binary(max_size=12)
repeatable = settings(derandomize=True, deadline=None, max_examples=150)


def answer_to_read(pdu: bytes, fill: bytes) -> bytes:
    size = 2 * int.from_bytes(pdu[3:5], "big")
    return bytes((pdu[0], size)) + (fill * (size + 1))[:size]


@given(st.binary(max_size=256))
@repeatable
def test_the_crc_is_that_of_an_independent_implementation(data):
    assert int.from_bytes(crc16(data), "big") == FramerRTU.compute_CRC(data)


@given(units, st.sampled_from([read_holding, read_input]), st.integers(1, 125), before_it, noise,
       st.binary(min_size=1, max_size=8))
@repeatable
def test_an_answer_is_found_behind_and_before_noise(unit, read, count, before, after, fill):
    pdu = read(0x48, count)
    answer = answer_to_read(pdu, fill)
    assert find(expect(unit, pdu), before + frame_of(unit, answer) + after) == answer


def test_one_noise_byte_never_loses_the_frame_whatever_the_unit():
    pdu = read_input(0x48, 2)
    answer = answer_to_read(pdu, b"\x43\x66")
    for unit in range(1, 248):
        for byte in (0, unit, 0x55, 0xFF):
            assert find(expect(unit, pdu), bytes((byte,)) + frame_of(unit, answer)) == answer


@given(units, st.integers(1, 125), st.data())
@repeatable
def test_a_truncated_answer_is_none(unit, count, data):
    pdu = read_input(0, count)
    frame = frame_of(unit, answer_to_read(pdu, b"\x01\x02"))
    assert find(expect(unit, pdu), frame[:data.draw(st.integers(0, len(frame) - 1))]) is None


@given(units, st.integers(0, 2**32 - 1), st.integers(0, 71))
@repeatable
def test_one_flipped_bit_makes_it_no_answer(unit, value, bit):
    pdu = read_input(0x48, 2)
    frame = bytearray(frame_of(unit, b"\x04\x04" + value.to_bytes(4, "big")))
    frame[bit // 8] ^= 1 << bit % 8
    assert find(expect(unit, pdu), bytes(frame)) is None


@given(st.binary(max_size=64))
@settings(derandomize=True, deadline=None, max_examples=300)
def test_random_bytes_are_never_an_answer(data):
    expected = expect(17, read_input(0, 4))
    assert find(expected, data) is None
    assert expected.diagnose(data)[0]


@pytest.mark.parametrize(("other", "why"), [
    (frame_of(2, b"\x04\x04\x00\x00\x00\x01"), "unit 2"),
    (frame_of(1, b"\x03\x04\x00\x00\x00\x01"), "function 3"),
    (frame_of(1, b"\x04\x02\x00\x01"), "7 bytes"),
    (frame_of(1, b"\x04\x06\x00\x01\x00\x01\x00\x01"), "11 bytes"),
    (frame_of(2, b"\x84\x02"), "function 132"),
    (frame_of(1, b"\x04\x04\x00\x00\x00\x01")[:-1] + b"\x00", "bad CRC"),
    (b"\x00\xff\x00", "noise"),
])
def test_what_is_not_the_answer_is_named(other, why):
    expected = expect(1, read_input(0, 2))
    assert find(expected, other) is None
    assert why in expected.diagnose(other)[0]


def test_the_answer_is_found_behind_a_bad_frame_and_behind_another_devices_frame():
    pdu = read_input(0x48, 2)
    good = b"\x04\x04\x42\xf6\xe9\x79"
    bad_crc = frame_of(1, b"\x04\x04\x11\x22\x33\x44")[:-1] + b"\x00"
    another = frame_of(9, b"\x04\x04\x11\x22\x33\x44")
    assert find(expect(1, pdu), bad_crc + another + frame_of(1, good)) == good


@pytest.mark.parametrize("pdu", [read_input(0, 2), read_holding(0, 2), write_register(5, 6),
                                 write_registers(5, [1, 2])])
def test_a_refusal_is_an_answer(pdu):
    refusal = bytes((pdu[0] | 0x80, 2))
    assert find(expect(3, pdu), b"\x00" + frame_of(3, refusal)) == refusal


@pytest.mark.parametrize(("pdu", "echo", "wrong"), [
    (write_register(5, 6), "06 00 05 00 06", "06 00 05 00 07"),
    (write_registers(5, [1, 2]), "10 00 05 00 02", "10 00 05 00 01"),
])
def test_a_write_is_answered_by_its_own_echo_only(pdu, echo, wrong):
    expected = expect(3, pdu)
    assert find(expected, frame_of(3, bytes.fromhex(echo))) == bytes.fromhex(echo)
    assert find(expected, frame_of(3, bytes.fromhex(wrong))) is None
    assert expected.fits(bytes.fromhex(echo)) and not expected.fits(bytes.fromhex(wrong))


@pytest.mark.parametrize(("unit", "pdu"), [(0, read_input(0, 1)), (256, read_input(0, 1)), (1, b""),
                                           (1, b"\x2b\x0e"), (1, b"\x04\x00")])
def test_a_request_that_cannot_be_matched_is_refused(unit, pdu):
    with pytest.raises(ValueError, match=r"got .*expected"):
        expect(unit, pdu)


@given(units, st.lists(st.binary(max_size=20), max_size=7), before_it, noise)
@repeatable
def test_an_identity_says_itself_how_long_it_is(unit, texts, before, after):
    answer = bytes((43, 14, 2, 0x82, 0, 0, len(texts))) + b"".join(
        bytes((number, len(text))) + text for number, text in enumerate(texts))
    expected = expect(unit, read_identity())
    frame = frame_of(unit, answer)
    assert find(expected, before + frame + after) == answer
    assert find(expected, frame[:-1]) is None
    assert expected.fits(answer) and not expected.fits(answer + b"x")
    assert find(expected, frame_of(unit, b"\xab\x01")) == b"\xab\x01"


@given(st.binary(max_size=40))
@repeatable
def test_every_right_end_is_found_in_one_pass(data):
    right = [end for end in range(4, len(data) + 1) if crc16(data[:end - 2]) == data[end - 2:end]]
    assert list(crc_ends(data)) == right
    frame = frame_of(3, data)
    assert [end for end in crc_ends(frame + data) if end == len(frame)] == \
        ([len(frame)] if len(frame) >= 4 else [])


def test_a_stranger_is_named_and_babble_is_not_looked_through_for_longer_than_a_frame():
    expected, stranger = expect(1, b"\x04\x00\x00\x00\x02"), frame_of(9, b"\x03\x02\x00\x07")
    for before, named in ((0, True), (7, True), (200, True), (1000, False)):
        said, bad_crc = expected.diagnose(b"\x55" * before + stranger)
        assert said.startswith("unit 9 function 3 with 7 bytes") is named and not bad_crc, before
