"""The messages' JSON, and that a row's bytes survive it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.controller.request import Origin, Request
from edge.link.journal_protocol import JournalRead, JournalRows, WireRow
from edge.link.messages import Call, Downward, Push, Reply, Status, arguments, resulted


def test_where_a_request_comes_from_is_said_by_the_socket_alone() -> None:
    call = msgspec.json.decode(b'{"id":"7","action":"session.stop","role":"driver","args":{"a":1}}',
                               type=Call)
    request = call.arrived(Origin.UI)
    assert (request.id, request.origin, request.role) == ("7", Origin.UI, "driver")
    assert bytes(request.args["a"]) == b"1"
    with pytest.raises(msgspec.ValidationError, match="origin"):
        msgspec.json.decode(b'{"id":"7","action":"x","origin":"service"}', type=Call)


@pytest.mark.parametrize(("frame", "expected"), [
    (b'{"kind":"Push","topic":"snapshot","data":{"n":1}}',
     Push(topic="snapshot", data=msgspec.Raw(b'{"n":1}'))),
    (b'{"kind":"Reply","request_id":"7","status":"refused","reason":"no"}',
     Reply(request_id="7", status=Status.REFUSED, reason="no")),
])
def test_replies_and_pushes_are_told_apart(frame: bytes, expected: Push | Reply) -> None:
    assert msgspec.json.decode(frame, type=Downward) == expected


def test_arguments_are_checked_by_type() -> None:
    def request(**args: object) -> Request:
        return Request(id="1", origin=Origin.SYNC, action="journal.read",
                       args={k: msgspec.Raw(msgspec.json.encode(v)) for k, v in args.items()})

    assert arguments(request(stream="tx", after=3), JournalRead) == JournalRead(stream="tx", after=3)
    for wrong in ({"stream": "tx"}, {"stream": "tx", "after": -1}, {"stream": "tx", "after": 2**63},
                  {"stream": "tx", "after": "0"},
                  {"stream": "tx", "after": 0, "limit": 501},
                  {"stream": "tx", "after": 0, "limt": 5}, {"stream": "xt", "after": 0}):
        with pytest.raises(msgspec.ValidationError):
            arguments(request(**wrong), JournalRead)


@given(data=st.binary(max_size=200))
def test_a_rows_bytes_arrive_exactly_as_they_were(data: bytes) -> None:
    row = WireRow(seq=1, type="tx.event.v1", utc=None, boot=1, mono_ns=2**63 - 1, clock_ok=False,
                  data=data, prev="00" * 32, hash="ff" * 32)
    rows = JournalRows(epoch="0" * 16, stream="tx", rows=(row,))
    reply = resulted(Request(id="1", origin=Origin.SYNC, action="journal.read"), rows)
    received = msgspec.json.decode(msgspec.json.encode(reply), type=Downward)
    assert isinstance(received, Reply)
    assert msgspec.json.decode(received.result, type=JournalRows) == rows
