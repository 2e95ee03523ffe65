"""The hash chain: what a row's hash covers, computed here a second time by hand."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.controller.effects import Stream
from edge.journal.row import NO_ROW, Batch, NewRow, Row, row_hash, sealed


def a_row(**changes: object) -> Row:
    batch = Batch(mono_ns=5, utc="2026-03-01T12:00:00.000Z", clock_ok=True)
    new = NewRow(stream=Stream.TX, type="tx.event.v1", data=b'{"a": 1}')
    row = sealed(new, batch, epoch="00112233aabbccdd", boot=3, seq=1, prev=NO_ROW)
    return Row(**{name: getattr(row, name) for name in Row.__struct_fields__} | changes)


def test_hash_covers_prev_then_head_as_msgpack_then_data() -> None:
    head = (b"\x98"  # an array of 8
            b"\xb0" b"00112233aabbccdd" b"\xa2tx" b"\x01" b"\xab" b"tx.event.v1"
            b"\xb8" b"2026-03-01T12:00:00.000Z" b"\x03" b"\x05" b"\xc3")
    assert a_row().hash == hashlib.sha256(bytes(32) + head + b'{"a": 1}').digest()


def test_unknown_time_is_hashed_as_nil() -> None:
    head = b"\x98\xb0" + b"0" * 16 + b"\xa2tm\x01\xa1t\xc0\x01\x00\xc2"
    assert row_hash(NO_ROW, "0" * 16, "tm", 1, "t", None, 1, 0, False, b"") == \
        hashlib.sha256(bytes(32) + head).digest()


@pytest.mark.parametrize("change", [
    {"epoch": "00112233aabbccde"}, {"stream": Stream.EV}, {"seq": 2}, {"type": "tx.event.v2"},
    {"utc": None}, {"utc": "2026-03-01T12:00:00.001Z"}, {"boot": 4}, {"mono_ns": 6},
    {"clock_ok": False}, {"data": b'{"a": 2}'}, {"data": b'{"a":1}'}, {"prev": b"\x01" * 32},
])
def test_any_change_of_a_row_is_noticed(change: dict[str, object]) -> None:
    assert a_row().intact()
    assert not a_row(**change).intact()


@given(data=st.binary(min_size=1, max_size=200), bit=st.integers(min_value=0))
def test_any_flipped_bit_of_the_data_is_noticed(data: bytes, bit: int) -> None:
    new = NewRow(stream=Stream.EV, type="t", data=data)
    row = sealed(new, Batch(mono_ns=1), epoch="0" * 16, boot=1, seq=1, prev=NO_ROW)
    flipped = bytearray(data)
    flipped[bit // 8 % len(data)] ^= 1 << bit % 8
    assert row.hash != row_hash(NO_ROW, "0" * 16, "ev", 1, "t", None, 1, 1, False, bytes(flipped))


def test_a_batch_may_carry_the_boot_in_which_it_was_made() -> None:
    new = NewRow(stream=Stream.EV, type="t", data=b"")
    row = sealed(new, Batch(mono_ns=1, boot=7), epoch="0" * 16, boot=8, seq=1, prev=NO_ROW)
    assert row.boot == 7
    assert row.intact()
