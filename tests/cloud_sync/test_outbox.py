"""The bookkeeping between journal and cloud: order, window, release only by acknowledgement."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.messages import Ack
from cloud_sync.outbox import LANES, PROBE, Outbox, Verdict
from edge.link.journal_protocol import JournalRows, WireRow

pytestmark = pytest.mark.stories

EPOCH = "0123456789abcdef"


def digest(stream, seq):
    return f"{LANES.index(stream) + 1:02x}{seq:062x}"


def wire_row(stream, seq):
    return WireRow(seq=seq, type="x.v1", utc=None, boot=1, mono_ns=seq, clock_ok=False, data=b"{}",
                   prev=digest(stream, seq - 1), hash=digest(stream, seq))


def ack(stream, seq, *, resume=False, epoch=EPOCH, hash_=None):
    return Ack(epoch=epoch, stream=stream, seq=seq, hash=hash_ or digest(stream, seq), resume=resume)


def feed(outbox):
    """Fetch whatever is wanted."""
    while want := outbox.want():
        head = outbox.acked[want.stream] + outbox.pending[want.stream]
        last = min(head, want.after + want.limit)
        outbox.fetched(want, JournalRows(epoch=EPOCH, stream=want.stream, rows=tuple(
            wire_row(want.stream, seq) for seq in range(want.after + 1, last + 1))))


def send(outbox, now_s=0.0):
    """Send all that may go; (stream, seq) and token of each."""
    sent = []
    while True:
        feed(outbox)
        outgoing = outbox.take(now_s)
        if outgoing is None:
            return sent
        sent.append((outgoing.stream, outgoing.row.seq, outgoing.token))


def numbers(sent, stream="tx"):
    return [seq for name, seq, _ in sent if name == stream]


def make(heads, **options):
    outbox = Outbox(EPOCH, **options)
    outbox.grown(heads)
    outbox.line_up(65535)
    return outbox


def test_asks_for_nothing_without_a_line():
    outbox = Outbox(EPOCH)
    outbox.grown({"tx": 5})
    assert outbox.want() is None
    assert outbox.take(0.0) is None


def test_sends_bills_before_faults_before_telemetry():
    sent = send(make({"tm": 2, "ev": 2, "tx": 2}))
    assert [(stream, seq) for stream, seq, _ in sent] == [
        ("tx", 1), ("tx", 2), ("ev", 1), ("ev", 2), ("tm", 1), ("tm", 2)]


@pytest.mark.parametrize(("receive_maximum", "expected"), [(1, 1), (5, 5), (20, 20), (65535, 100)])
def test_keeps_within_the_window_of_broker_and_own(receive_maximum, expected):
    outbox = Outbox(EPOCH, window=100)
    outbox.grown({"tx": 500})
    outbox.line_up(receive_maximum)
    assert len(send(outbox)) == expected
    assert outbox.in_flight == expected


def test_a_bill_finds_a_slot_although_telemetry_fills_the_window():
    outbox = make({"tm": 500})
    assert numbers(send(outbox), "tm") == list(range(1, 81))
    outbox.grown({"tx": 1, "ev": 30})
    assert [(stream, seq) for stream, seq, _ in send(outbox)] == [
        ("tx", 1), *(("ev", seq) for seq in range(1, 10))]


def test_a_puback_frees_a_slot_and_releases_nothing():
    outbox = make({"tx": 200})
    for _, _, token in send(outbox):
        outbox.released(token, delivered=True, now_s=0.0)
    assert outbox.in_flight == 0
    assert outbox.pending["tx"] == 200
    assert numbers(send(outbox)) == list(range(101, 201))


def test_holds_back_when_too_much_is_unacknowledged():
    outbox = make({"tx": 500}, unacked=150)
    for _ in range(5):
        for _, _, token in send(outbox):
            outbox.released(token, delivered=True, now_s=0.0)
    assert send(outbox) == []
    outbox.acknowledge(ack("tx", 100), 0.0)
    assert numbers(send(outbox)) == list(range(151, 251))


def test_keeps_at_most_a_window_of_a_lane_in_memory():
    outbox = make({"tx": 10**6, "ev": 10**6, "tm": 10**6})
    outbox.line_up(1)
    feed(outbox)
    assert outbox.held_rows == 300


def test_goes_back_when_acknowledgements_stand_still_and_waits_longer_each_time():
    outbox = make({"tx": 50}, resend_s=30.0)
    for _, _, token in send(outbox, 0.0):
        outbox.released(token, delivered=True, now_s=0.0)
    outbox.acknowledge(ack("tx", 20), 10.0)
    assert outbox.tick(39.9) == ()
    assert outbox.tick(40.0) == ("tx",)
    assert numbers(send(outbox, 40.0)) == list(range(21, 21 + PROBE))  # a probe, not the whole lane
    assert outbox.tick(99.0) == ()
    assert outbox.tick(100.0) == ("tx",)
    outbox.acknowledge(ack("tx", 21), 101.0)
    assert numbers(send(outbox, 101.0)) == list(range(22, 51))


def test_holds_still_after_a_puback_that_says_no():
    outbox = make({"tx": 50}, resend_s=30.0)
    for _, _, token in send(outbox, 0.0):
        outbox.released(token, delivered=False, now_s=1.0)
    assert send(outbox, 30.9) == []
    outbox.tick(31.0)
    assert numbers(send(outbox, 31.0)) == list(range(1, 1 + PROBE))


def test_resumes_at_once_when_the_ingest_says_so():
    outbox = make({"tx": 50}, resend_s=30.0)
    for _, _, token in send(outbox, 0.0):
        outbox.released(token, delivered=False, now_s=1.0)
    outbox.acknowledge(ack("tx", 0, resume=True), 2.0)
    assert numbers(send(outbox, 2.0)) == list(range(1, 51))


def test_begins_anew_with_each_line():
    outbox = make({"tx": 50})
    before = send(outbox)
    outbox.acknowledge(ack("tx", 10), 0.0)
    outbox.line_down()
    assert outbox.take(0.0) is None
    outbox.line_up(65535)
    assert numbers(send(outbox)) == list(range(11, 51))
    outbox.released(before[0][2], delivered=False, now_s=0.0)  # of the line that is gone
    assert outbox.in_flight == 40


@pytest.mark.parametrize(("message", "verdict"), [
    (ack("tx", 8), Verdict.NEWS),
    (ack("tx", 5), Verdict.NOTHING_NEW),
    (ack("tx", 3), Verdict.NOTHING_NEW),
    (ack("tx", 3, resume=True), Verdict.BEHIND),
    (ack("tx", 11), Verdict.BEYOND),
    (ack("tx", 8, epoch="f" * 16), Verdict.OTHER_EPOCH),
    (Ack(epoch=EPOCH, stream="zz", seq=8, hash=digest("tx", 8)), Verdict.OTHER_EPOCH),
    (ack("tx", 8, hash_=digest("tx", 7)), Verdict.WRONG_HASH),
    (ack("tx", 8, hash_="0" * 64), Verdict.WRONG_HASH),
])
def test_judges_acknowledgements(message, verdict):
    outbox = make({"tx": 10}, acked={"tx": 5})
    send(outbox)
    assert outbox.judge(message) is verdict


def test_takes_an_acknowledgement_of_rows_that_it_never_sent():
    """The cursor was lost, the ingest was not."""
    outbox = make({"tx": 100})
    assert outbox.judge(ack("tx", 90)) is Verdict.NEWS
    outbox.acknowledge(ack("tx", 90), 0.0)
    assert numbers(send(outbox)) == list(range(91, 101))


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.data())
def test_everything_arrives_in_order_whatever_happens(data):
    """A world that loses messages, acknowledgements and lines at will, then behaves."""
    heads = {stream: data.draw(st.integers(0, 40), label=stream) for stream in LANES}
    outbox = make(heads, window=8, unacked=20, resend_s=1.0)
    cloud = dict.fromkeys(LANES, 0)
    now_s = 0.0

    def deliver(sent, lossy):
        for stream, seq, token in sent:
            fate = data.draw(st.sampled_from(["ok", "lost", "refused"])) if lossy else "ok"
            if fate == "ok" and seq == cloud[stream] + 1:
                cloud[stream] = seq
            outbox.released(token, delivered=fate != "refused", now_s=now_s)
        for stream in LANES:
            if not lossy or data.draw(st.booleans()):
                message = ack(stream, cloud[stream])
                if outbox.judge(message) is Verdict.NEWS:
                    outbox.acknowledge(message, now_s)
        assert all(outbox.acked[stream] <= cloud[stream] for stream in LANES)

    for _ in range(data.draw(st.integers(0, 8))):
        if data.draw(st.booleans()):
            outbox.line_down()
            outbox.line_up(data.draw(st.integers(1, 20)))
        sent = send(outbox, now_s)
        assert outbox.in_flight <= 8
        deliver(sent, lossy=True)
        now_s += 1.0
        outbox.tick(now_s)
    for _ in range(200):
        deliver(send(outbox, now_s), lossy=False)
        now_s += 30.0
        outbox.tick(now_s)
    assert outbox.pending == dict.fromkeys(LANES, 0)
    assert cloud == heads
