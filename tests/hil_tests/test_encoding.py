"""The virtual meters' own encoder: words computed by hand, or as they stand in makers' documents."""

import math
import struct
from decimal import Decimal

import pytest

from hil_tests.virtual.encoding import Spot, encode, quantised, text
from hil_tests.virtual.sunspec_map import layout


def spot(type_, scale="1", *, little=False, sentinel=(), unit="W"):
    return Spot("power", 4, 0, type_, little, Decimal(scale), unit, sentinel)


@pytest.mark.parametrize(("register", "value", "words"), [
    (spot("uint16", "0.01"), 50, "1388"),
    (spot("int16", "0.001"), -0.5, "fe0c"),
    (spot("uint32", "0.1"), 230.1, "0000 08fd"),
    (spot("uint32", "0.01"), 700, "0001 1170"),
    (spot("int32", "0.1", little=True), -1234.5, "cfc7 ffff"),
    (spot("int32"), -1, "ffff ffff"),
    (spot("uint64", "0.01"), Decimal("123456.78"), "0000 0000 00bc 614e"),
    (spot("int64", "0.001", little=True), 5_000_000, "f200 2a05 0001 0000"),
    (spot("int64", "0.001"), Decimal("-0.001"), "ffff ffff ffff ffff"),
    (spot("float32"), 230.2, "4366 3333"),  # 230.2 lies between 43663333 and 43663334
    (spot("float32", little=True), 230.5, "8000 4366"),
    (spot("float32", "1000"), 1500, "3fc0 0000"),
    (spot("float64", "0.001"), Decimal("1.2345"), "4093 4a00 0000 0000"),
    (spot("acc32", "0.001"), Decimal("65.538"), "0001 0002"),
    (spot("t5"), Decimal("123.456"), "fd01 e240"),  # as in Iskra's tables
    (spot("t6"), Decimal("-123.456"), "fdfe 1dc0"),
    (spot("t6"), 230_000_000, "0700 0017"),
    (spot("t5"), 0, "0000 0000"),
    (spot("int32_milli", little=True), Decimal("12345.678"), "3039 0000 02a6 0000"),
    (spot("int32_milli", little=True), Decimal("70000.001"), "1170 0001 0001 0000"),
    (spot("int32_milli"), Decimal("-1.5"), "ffff ffff ffff fe0c"),
])
def test_a_value_becomes_the_words_of_the_document(register, value, words):
    assert encode(register, value) == tuple(bytes.fromhex(words)[at] << 8 | bytes.fromhex(words)[at + 1]
                                            for at in range(0, len(bytes.fromhex(words)), 2))


def test_no_value_is_the_sentinel_in_the_order_of_the_words():
    assert encode(spot("int32", little=True, sentinel=(0x7FFF, 0xFFFF)), None) == (0xFFFF, 0x7FFF)
    assert encode(spot("acc32"), None) == (0, 0)
    assert math.isnan(struct.unpack(">f", struct.pack(">HH", *encode(spot("float32"), None)))[0])
    assert encode(spot("float32"), math.inf) == (0x7F80, 0)
    with pytest.raises(ValueError, match="sentinel"):
        encode(spot("t5"), None)


@pytest.mark.parametrize(("register", "value"), [
    (spot("uint16"), -1), (spot("uint16"), 65536), (spot("int16"), 32768), (spot("acc32"), 2 ** 32),
    (spot("int64"), 2 ** 63), (spot("t5"), -1), (spot("int32_milli"), 2 ** 31)])
def test_what_a_register_cannot_show_is_an_error_of_the_test_and_not_another_value(register, value):
    with pytest.raises(ValueError, match="got"):
        encode(register, value)


def test_an_exponent_moves_the_point():
    assert encode(spot("int16"), Decimal("230.1"), -1) == (2301,)
    assert encode(spot("int16"), 43_000, 1) == (4300,)
    assert quantised(spot("int16"), 43_004, 1) == 43_000
    assert quantised(spot("float32"), 230.2) == Decimal(struct.unpack("f", struct.pack("f", 230.2))[0])


def test_a_sunspec_device_begins_and_ends_as_the_specification_says():
    made = layout(203)
    assert [made.words[at] for at in range(40000, 40004)] == [0x5375, 0x6E53, 1, 66]
    assert (made.words[40070], made.words[40071], made.model_at) == (203, 105, 40070)
    assert (made.words[40177], made.words[40178], max(made.words)) == (0xFFFF, 0, 40178)
    assert made.words[40004] == 0x4578  # "Ex"
    far = layout(213, base=0, between=((64900, 10), (160, 8)), short_common=True)
    assert far.model_at == 2 + 67 + 12 + 10
    with pytest.raises(ValueError, match="characters"):
        text("a name that is too long", 2)
