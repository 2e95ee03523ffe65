"""A row survives its journey byte for byte, and nothing else passes for a row."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync import envelope
from cloud_sync.envelope import BadEnvelope, Row
from edge.controller.chain import NO_ROW, row_hash


def make_row(data=b'{"a":1}', *, site_id="SE*FCT*E0001", utc="2026-05-01T12:00:00Z", seq=1, mono_ns=5):
    place = ("0123456789abcdef", "tx", seq, "tx.event.v1", utc, 3, mono_ns, True, data)
    return Row(site_id=site_id, epoch=place[0], stream="tx", seq=seq, type="tx.event.v1", utc=utc,
               boot=3, mono_ns=mono_ns, clock_ok=True, data=data, prev=NO_ROW,
               hash=row_hash(NO_ROW, *place))


@pytest.mark.parametrize("data", [
    b'{"x" :  1.10, "y":"\xc3\xa5\\u00e5", "z":1E2}', b" {}", b"{}\n", b"", b"text", b"\xff", b'"\xff"',
    b"[" * 5000 + b"]" * 5000,
])
def test_keeps_the_exact_bytes_of_odd_data(data):
    row = make_row(data)
    message = envelope.encode(row)
    json.loads(message)
    assert envelope.decode(message) == row
    assert envelope.decode(message).is_whole()


@pytest.mark.stories
@settings(derandomize=True, deadline=None)
@given(data=st.binary() | st.recursive(
           st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(), st.lists).map(
               lambda value: json.dumps(value).encode()),
       site_id=st.text(min_size=1), utc=st.none() | st.just("2026-05-01T12:00:00.5Z"),
       seq=st.integers(1, 2**53), mono_ns=st.integers(0, 2**63 - 1))
def test_keeps_any_row(data, site_id, utc, seq, mono_ns):
    try:
        site_id.encode()
    except UnicodeEncodeError:  # a lone surrogate is no text
        return
    row = make_row(data, site_id=site_id, utc=utc, seq=seq, mono_ns=mono_ns)
    assert envelope.decode(envelope.encode(row)) == row


def test_is_a_cloud_event():
    event = json.loads(envelope.encode(make_row()))
    assert event["specversion"] == "1.0"
    assert event["id"] == "SE*FCT*E0001/0123456789abcdef/tx/1"
    assert event["source"] == "urn:forecourt:site:SE*FCT*E0001"
    assert event["data"] == {"a": 1}
    assert all(name.isalnum() and name == name.lower() for name in event if name != "data_base64")


def test_leaves_the_time_out_when_there_was_no_clock():
    assert "time" not in json.loads(envelope.encode(make_row(utc=None)))


def test_notices_changed_content():
    row = envelope.decode(envelope.encode(make_row()).replace(b'"a":1', b'"a":2'))
    assert not row.is_whole()


@pytest.mark.parametrize("change", [
    {"specversion": "0.3"}, {"id": "other"}, {"sequence": "-1"}, {"sequence": "²"},
    {"sequence": "1" * 21}, {"hash": "00"}, {"prevhash": "zz"}, {"data": msgspec.UNSET},
    {"source": "elsewhere"}, {"data": msgspec.UNSET, "data_base64": "%"}, {"boot": "x"}, {"epoch": 7},
])
def test_refuses_what_is_no_row(change):
    event = json.loads(envelope.encode(make_row())) | change
    event = {name: value for name, value in event.items() if value is not msgspec.UNSET}
    with pytest.raises(BadEnvelope):
        envelope.decode(json.dumps(event).encode())


@settings(derandomize=True, deadline=None)
@given(st.binary())
def test_refuses_noise(payload):
    with pytest.raises(BadEnvelope):
        envelope.decode(payload)


def test_refuses_a_bomb_of_brackets():
    with pytest.raises(BadEnvelope):
        envelope.decode(b'{"x":' + b"[" * 100_000)
