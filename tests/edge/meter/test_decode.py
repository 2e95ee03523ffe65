import math
import struct
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.meter.decode import energy_wh, raw_hex, value_of, wh_per_count
from edge.meter.model import Register, RegisterType, WordOrder

INTEGERS = {"uint16": (2, False), "int16": (2, True), "uint32": (4, False), "int32": (4, True),
            "uint64": (8, False), "int64": (8, True)}


def register(type_, scale="1", unit="kWh", order="big", sentinel=""):
    return Register(quantity="energy_import", address=0, unit=unit, type=RegisterType(type_),
                    word_order=WordOrder(order), scale=Decimal(scale), sentinel=sentinel)


def words_of(data, order="big"):
    words = [int.from_bytes(data[at:at + 2], "big") for at in range(0, len(data), 2)]
    return words if order == "big" else words[::-1]


@given(st.sampled_from(sorted(INTEGERS)), st.sampled_from(["big", "little"]), st.data())
@settings(derandomize=True, deadline=None)
def test_integers_come_back_exactly(type_, order, data):
    size, signed = INTEGERS[type_]
    low, high = (-(1 << 8 * size - 1), (1 << 8 * size - 1) - 1) if signed else (0, (1 << 8 * size) - 1)
    number = data.draw(st.integers(low, high) | st.sampled_from([low, high, 0]))
    words = words_of(number.to_bytes(size, "big", signed=signed), order)
    assert register(type_).type.words == len(words)
    assert value_of(register(type_, "0.01", order=order), words) == number * Decimal("0.01")


@given(st.floats(width=32), st.sampled_from(["big", "little"]))
@settings(derandomize=True, deadline=None)
def test_floats_come_back_and_what_is_no_number_is_none(number, order):
    got = value_of(register("float32", order=order), words_of(struct.pack(">f", number), order))
    assert got == +Decimal(number) if math.isfinite(number) else got is None


@pytest.mark.parametrize(("type_", "raw"), [("uint32", "ffffffff"), ("int32", "7fffffff"),
                                            ("uint64", "f" * 16), ("int16", "7fff")])
@pytest.mark.parametrize("order", ["big", "little"])
def test_a_sentinel_is_none_and_never_a_number(type_, raw, order):
    words = words_of(bytes.fromhex(raw), order)
    assert value_of(register(type_, order=order, sentinel=raw), words) is None
    assert energy_wh(register(type_, order=order, sentinel=raw), words) is None
    assert value_of(register(type_, order=order), words) is not None


@pytest.mark.parametrize(("type_", "scale", "unit", "raw", "wh", "count"), [
    ("uint32", "0.01", "kWh", "0000000b", 110, "10"),
    ("int64", "1", "Wh", "00000000000003e9", 1001, "1"),
    ("uint32", "0.001", "MWh", "00000002", 2000, "1000"),
    ("float32", "1", "kWh", "42f6e979", 123456, "1000"),  # 123.456 as float32
    ("float32", "1", "kWh", "3a03126e", 0, "1000"),  # just below 0.0005 kWh
    ("float32", "1", "kWh", "3a03126f", 1, "1000"),  # just above
])
def test_energy_is_whole_watt_hours_from_the_raw_register(type_, scale, unit, raw, wh, count):
    words = words_of(bytes.fromhex(raw))
    assert energy_wh(register(type_, scale, unit), words) == wh
    assert wh_per_count(register(type_, scale, unit)) == Decimal(count)
    assert raw_hex(register(type_, scale, unit), words) == raw


def test_the_raw_value_is_high_word_first_whatever_the_wire():
    assert raw_hex(register("int32", order="little"), (0x0002, 0x0001)) == "00010002"
