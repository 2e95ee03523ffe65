import math
import struct
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.meter.decode import energy_wh, exponent_of, raw_hex, value_of, wh_per_count
from edge.meter.model import Register, RegisterType, WordOrder

INTEGERS = {"uint16": (2, False), "int16": (2, True), "uint32": (4, False), "int32": (4, True),
            "uint64": (8, False), "int64": (8, True)}
ORDERS = ("big", "little")


def register(type_, scale="1", unit="kWh", order="big", sentinel="", **more):
    return Register(quantity="energy_import", address=0, unit=unit, type=RegisterType(type_),
                    word_order=WordOrder(order), scale=Decimal(scale), sentinel=sentinel, **more)


def words_of(data, order="big"):
    words = [int.from_bytes(data[at:at + 2], "big") for at in range(0, len(data), 2)]
    return words if order == "big" else words[::-1]


def value(type_, raw, *, exponent=None, **more):
    return value_of(register(type_, **more), words_of(bytes.fromhex(raw), more.get("order", "big")),
                    exponent)


@given(st.sampled_from(sorted(INTEGERS)), st.sampled_from(ORDERS), st.data())
@settings(derandomize=True, deadline=None, max_examples=60)
def test_integers_come_back_exactly(type_, order, data):
    size, signed = INTEGERS[type_]
    low, high = (-(1 << 8 * size - 1), (1 << 8 * size - 1) - 1) if signed else (0, (1 << 8 * size) - 1)
    number = data.draw(st.integers(low, high) | st.sampled_from([low, high, 0]))
    words = words_of(number.to_bytes(size, "big", signed=signed), order)
    assert register(type_).type.words == len(words)
    assert value_of(register(type_, "0.01", order=order), words) == number * Decimal("0.01")


@given(st.floats(width=32), st.sampled_from(ORDERS))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_floats_come_back_and_what_is_no_number_is_none(number, order):
    got = value_of(register("float32", order=order), words_of(struct.pack(">f", number), order))
    assert got == +Decimal(number) if math.isfinite(number) else got is None


def test_integers_by_hand_with_extremes_and_the_least_step():
    for type_, raw, wanted in (
            ("uint16", "ffff", 65535), ("int16", "ffff", -1), ("int16", "8000", -32768),
            ("int16", "7fff", 32767), ("uint32", "ffffffff", 4294967295), ("int32", "ffffffff", -1),
            ("int32", "80000000", -2147483648), ("int32", "7fffffff", 2147483647),
            ("uint64", "f" * 16, 18446744073709551615), ("int64", "f" * 16, -1),
            ("int64", "8" + "0" * 15, -9223372036854775808), ("uint32", "00010000", 65536),
            ("uint64", "0001000000000000", 281474976710656), ("uint16", "0000", 0)):
        assert value(type_, raw, scale="0.01") == wanted * Decimal("0.01"), (type_, raw)
    assert value_of(register("uint32", order="little"), [0x0002, 0x0001]) == 0x00010002
    assert value_of(register("int64", order="little"), [1, 0, 0, 0]) == 1


def test_floats_by_hand_with_their_edges():
    for type_, raw, wanted in (
            ("float32", "436618d5", Decimal("230.0970001220703125")), ("float32", "c2c80000", -100),
            ("float32", "00000001", Decimal(2) ** -149), ("float32", "00000000", 0),
            ("float32", "80000000", 0), ("float32", "7f800000", None), ("float32", "ff800000", None),
            ("float32", "7fc00000", None), ("float32", "ffffffff", None), ("float32", "7f800001", None),
            ("float64", "40fe240c9fbe76c9", Decimal("123456.789")),
            ("float64", "7ff0000000000000", None), ("float64", "7ff8000000000000", None),
            ("float64", "fff0000000000000", None)):
        got = value(type_, raw)
        near = got is not None and wanted is not None and abs(got - wanted) <= abs(wanted) / 10**13
        assert near if wanted is not None else got is None, raw
    assert value("float32", "7f7fffff") == +Decimal(struct.unpack(">f", bytes.fromhex("7f7fffff"))[0])
    assert str(value("float32", "80000000")) == "0", "a negative zero is nobody's reading"


def test_a_sentinel_is_none_and_never_a_number():
    for type_, raw in (("uint32", "ffffffff"), ("int32", "7fffffff"), ("uint64", "f" * 16),
                       ("int16", "7fff"), ("int16", "8000"), ("uint16", "ffff"),
                       ("float32", "c61c3c00"), ("int64", "7fffffffffffffff")):
        for order in ORDERS:
            words = words_of(bytes.fromhex(raw), order)
            assert value_of(register(type_, order=order, sentinel=raw), words) is None
            assert energy_wh(register(type_, order=order, sentinel=raw), words) is None
            assert value_of(register(type_, order=order), words) is not None
            words[0] ^= 1
            assert value_of(register(type_, order=order, sentinel=raw), words) is not None


def test_an_accumulator_at_zero_is_not_there():
    assert value("acc32", "00000000") is None
    assert value("acc32", "00000001", scale="0.001") == Decimal("0.001")
    assert value("acc32", "ffffffff") == 4294967295
    assert value("uint32", "00000000") == 0


def test_numbers_with_an_exponent_of_their_own():
    for type_, raw, wanted in (
            ("t5", "fe0059d8", "230"), ("t5", "00ffffff", "16777215"), ("t5", "ff000001", "0.1"),
            ("t5", "02000003", "300"), ("t5", "80000001", "1e-128"), ("t5", "00000000", "0"),
            ("t6", "fdffffff", "-0.001"), ("t6", "00800000", "-8388608"), ("t6", "007fffff", "8388607"),
            ("t6", "fefc7538", "-2321.36"), ("t6", "01000005", "50")):
        assert value(type_, raw) == Decimal(wanted), raw
    assert value_of(register("t6", order="little"), [0x0005, 0x0100]) == 50


def test_whole_units_and_thousandths_are_one_number():
    little = register("int32_milli", order="little", sentinel="7fffffff7fffffff")
    assert little.type.words == 4
    assert value_of(little, [0x0001, 0x0002, 456, 0]) == Decimal("131073.456")
    assert raw_hex(little, [0x0001, 0x0002, 456, 0]) == "00020001000001c8"
    assert energy_wh(little, [7, 0, 1, 0]) == 7001
    assert wh_per_count(little) == 1
    assert value("int32_milli", "fffffff9" "ffffffff") == Decimal("-7.001")
    assert value("int32_milli", "00000000" "ffffff9c") == Decimal("-0.1")
    assert value("int32_milli", "7fffffff" "000003e7") == Decimal("2147483647.999")
    for torn in ("00000001" "000003e8", "00000001" "ffffffff", "ffffffff" "00000001"):
        assert value("int32_milli", torn) is None, "no fraction, or one of the other sign"
    for words in ([0xFFFF, 0x7FFF, 1, 0], [1, 0, 0xFFFF, 0x7FFF], [0xFFFF, 0x7FFF, 0xFFFF, 0x7FFF]):
        assert value_of(little, words) is None


def test_the_exponent_comes_from_a_register_of_its_own():
    power = register("int16", unit="W", scale_register=9)
    for exponent, wanted in ((0, "-1234"), (1, "-12340"), (0xFFFE, "-12.34"), (-2, "-12.34"),
                             (10, "-1234e10"), (-10, "-1234e-10")):
        assert value_of(power, [0x10000 - 1234], exponent) == Decimal(wanted), exponent
    for missing in (None, 0x8000, -32768, 11, -11, 0xFFF5, 0x7FFF):
        assert value_of(power, [1], missing) is None, "a guess at the scale is no value"
    assert value_of(register("int16"), [1], 0x8000) == 1, "it has a scale of its own"
    assert (exponent_of(0xFFFF), exponent_of(3), exponent_of(0x8000)) == (-1, 3, None)


def test_energy_in_counts_follows_the_exponent():
    energy = register("acc32", "0.001", scale_register=54)
    assert energy_wh(energy, [0, 1234], 1) == 12340
    assert (wh_per_count(energy), wh_per_count(energy, 1), wh_per_count(energy, 0xFFFF)) == (
        1, 10, Decimal("0.1"))
    assert energy_wh(energy, [0, 1234], 0x8000) is None


def test_an_accumulator_that_has_not_counted_yet_is_a_register_at_zero():
    energy = register("acc32", "0.001", scale_register=54)
    assert (energy_wh(energy, [0, 0], 0), energy_wh(energy, [0, 0], 0xFFFF)) == (0, 0)
    assert energy_wh(energy, [0, 0], 0x8000) is energy_wh(energy, [0, 0]) is None, "there is none"
    assert energy_wh(register("uint32", sentinel="00000000"), [0, 0]) is None
    assert value_of(energy, [0, 0], 0) is None, "what is shown of a phase may well be not there"


def test_a_sign_that_means_nothing_is_dropped():
    for raw, wanted in (("fffffc18", 1000), ("000003e8", 1000), ("00000000", 0)):
        assert value("int32", raw, magnitude=True) == wanted
    assert energy_wh(register("int32", "0.1", magnitude=True), [0xFFFF, 0xFC18]) == 100_000
    assert value("int32", "7fffffff", magnitude=True, sentinel="7fffffff") is None


@pytest.mark.parametrize(("type_", "scale", "unit", "raw", "wh", "count"), [
    ("uint32", "0.01", "kWh", "0000000b", 110, "10"),
    ("int64", "1", "Wh", "00000000000003e9", 1001, "1"),
    ("int64", "0.001", "kWh", "00000000000003e9", 1001, "1"),
    ("uint32", "0.001", "MWh", "00000002", 2000, "1000"),
    ("float32", "1", "kWh", "42f6e979", 123456, "1000"),  # 123.456 as float32
    ("float32", "1", "kWh", "3a03126e", 0, "1000"),  # just below 0.0005 kWh
    ("float32", "1", "kWh", "3a03126f", 1, "1000"),  # just above
    ("float64", "0.001", "kWh", "40fe240c9fbe76c9", 123457, "1"),
])
def test_energy_is_whole_watt_hours_from_the_raw_register(type_, scale, unit, raw, wh, count):
    words = words_of(bytes.fromhex(raw))
    assert energy_wh(register(type_, scale, unit), words) == wh
    assert wh_per_count(register(type_, scale, unit)) == Decimal(count)
    assert raw_hex(register(type_, scale, unit), words) == raw


def test_the_raw_value_is_high_word_first_whatever_the_wire():
    assert raw_hex(register("int32", order="little"), (0x0002, 0x0001)) == "00010002"
