"""Rows that the journal no longer holds are gone over by the word of gap rows, and never silently."""

import msgspec
import pytest
from cloud_rows import EPOCH, chain, gap, telemetry
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.messages import Ack
from cloud_sync.outbox import LANES, Outbox, Verdict
from edge.link.journal_protocol import JournalRows, WireRow

STATUS = ("ev.status.v1", b"{}")


class Journal:
    """A journal whose telemetry may be thinned, as the controller's socket shows it."""

    def __init__(self, tm=12, ev=3):
        self.rows = {"tx": [], "tm": telemetry(tm), "ev": chain("ev", [STATUS] * ev)}
        self.tails = dict.fromkeys(LANES, 0)
        self.reads = 0

    def say(self, *contents):
        ev = self.rows["ev"]
        self.rows["ev"] = chain("ev", [*((row.type, row.data) for row in ev), *contents])

    def thin(self, last, *, told=True, **changes):
        """Forget telemetry up to `last`."""
        if told:
            self.say(gap(self.rows["tm"], self.tails["tm"] + 1, last, **changes))
        self.tails["tm"] = last

    def heads(self):
        return {name: len(rows) for name, rows in self.rows.items()}

    def read(self, want):
        self.reads += 1
        assert self.reads < 1000, "reads without end"
        begin = max(want.after, self.tails[want.stream])
        return JournalRows(epoch=EPOCH, stream=want.stream, tail=self.tails[want.stream], rows=tuple(
            wire(row) for row in self.rows[want.stream][begin:begin + want.limit]))


def wire(row):
    return WireRow(seq=row.seq, type=row.type, utc=row.utc, boot=1, mono_ns=row.mono_ns, clock_ok=True,
                   data=row.data, prev=row.prev.hex(), hash=row.hash.hex())


def make(journal, **options):
    outbox = Outbox(EPOCH, **options)
    outbox.grown(journal.heads())
    outbox.line_up(65535)
    return outbox


def send(outbox, journal, now_s=0.0):
    """As the process does: fetch or look, publish; (stream, seq, token) of what went out."""
    sent = []
    while True:
        if want := outbox.want():
            outbox.fetched(want, journal.read(want))
        elif look := outbox.look():
            outbox.looked(journal.read(look))
        elif outgoing := outbox.take(now_s):
            sent.append((outgoing.stream, outgoing.row.seq, outgoing.token))
        else:
            return sent


def numbers(sent, stream="tm"):
    return [seq for name, seq, _ in sent if name == stream]


def ack(journal, stream, seq, **changes):
    hash_ = journal.rows[stream][seq - 1].hash.hex() if seq else "0" * 64
    return Ack(**{"epoch": EPOCH, "stream": stream, "seq": seq, "hash": hash_} | changes)


def test_goes_on_behind_rows_that_a_gap_row_names_without_any_acknowledgement():
    journal = Journal()
    journal.thin(7)
    outbox = make(journal)
    assert numbers(send(outbox, journal)) == [8, 9, 10, 11, 12]
    assert outbox.alarms() == ()


def test_a_hole_is_not_on_its_way_and_not_pending():
    journal = Journal(tm=3000)
    journal.thin(2500)
    outbox = make(journal, unacked=100, window=100)
    sent = send(outbox, journal)
    assert numbers(sent)[0] == 2501
    assert outbox.pending["tm"] == 500
    for _, _, token in sent:
        outbox.released(token, delivered=True, now_s=0.0)
    assert len(numbers(sent) + numbers(send(outbox, journal))) == 100  # not one for each that is gone


def test_rows_that_were_sent_before_and_are_gone_now_are_no_silent_loss():
    journal = Journal()
    outbox = make(journal, window=5)
    assert numbers(send(outbox, journal)) == [1, 2]
    journal.thin(7)
    outbox.line_up(65535)
    outbox.grown(journal.heads())
    assert numbers(send(outbox, journal)) == [8]  # `ev` has the other slots


def test_finds_a_gap_row_that_the_cloud_has_already():
    """After a restart of sync: `ev` is acknowledged, and nobody remembers what was in it."""
    journal = Journal(ev=1200)
    journal.thin(7)
    journal.say(STATUS, STATUS)
    outbox = make(journal, acked={"ev": len(journal.rows["ev"])})
    assert numbers(send(outbox, journal)) == [8, 9, 10, 11, 12]


def test_a_gap_row_in_several_parts_names_all_of_them():
    journal = Journal()
    for last in (2, 3, 7):
        journal.thin(last)
    outbox = make(journal)
    assert numbers(send(outbox, journal)) == [8, 9, 10, 11, 12]


def test_telemetry_that_is_gone_altogether_is_gone_over_too():
    journal = Journal()
    journal.thin(12)
    outbox = make(journal)
    assert numbers(send(outbox, journal)) == []
    assert outbox.judge(ack(journal, "tm", 12)) is Verdict.NEWS
    outbox.acknowledge(ack(journal, "tm", 12), 0.0)
    assert outbox.pending["tm"] == 0
    journal.rows["tm"] = telemetry(14)
    outbox.grown(journal.heads())
    assert numbers(send(outbox, journal)) == [13, 14]


def test_the_acknowledgement_of_a_gap_must_have_its_hash():
    journal = Journal()
    journal.thin(7)
    outbox = make(journal)
    send(outbox, journal)
    assert outbox.judge(ack(journal, "tm", 7, hash="1" * 64)) is Verdict.WRONG_HASH
    assert outbox.judge(ack(journal, "tm", 7)) is Verdict.NEWS


def unnamed(journal):
    journal.thin(7, told=False)


def named_in_part(journal):
    journal.thin(4)
    journal.thin(7, told=False)


def named_from_the_middle(journal):
    journal.thin(4, told=False)
    journal.thin(7)


def named_wrongly(journal):
    journal.thin(7, hash="1" * 64)


def named_for_bills(journal):
    journal.thin(7, stream="tx")


def nonsense(journal):
    journal.thin(7, told=False)
    journal.say(("ev.gap.v1", b"{"), ("ev.gap.v1", b'{"stream":"tm"}'))


@pytest.mark.parametrize("happens", [
    unnamed, named_in_part, named_from_the_middle, named_wrongly, named_for_bills, nonsense])
def test_a_hole_that_no_row_names_raises_an_alarm_once_and_stops_nobody_else(happens):
    journal = Journal()
    happens(journal)
    outbox = make(journal)
    journal.rows["tx"] = chain("tx", [("tx.event.v1", b"{}")] * 3)
    outbox.grown(journal.heads())
    sent = send(outbox, journal)
    assert (numbers(sent), numbers(sent, "tx")) == ([], [1, 2, 3])
    assert numbers(sent, "ev") == list(range(1, journal.heads()["ev"] + 1))
    alarm, = outbox.alarms()
    assert alarm.startswith("tm 1 to 7 are gone")
    journal.say(STATUS)
    outbox.grown(journal.heads())
    assert len(numbers(send(outbox, journal), "ev")) == 1
    outbox.line_up(65535)
    send(outbox, journal)
    assert outbox.alarms() == ()


def test_a_hole_in_bills_is_an_alarm_whatever_a_row_says():
    journal = Journal()
    journal.rows["tx"] = chain("tx", [("tx.event.v1", b"{}")] * 3)
    journal.say(gap(journal.rows["tx"], 1, 2))
    journal.tails["tx"] = 2
    outbox = make(journal)
    sent = send(outbox, journal)
    assert (numbers(sent, "tx"), len(numbers(sent))) == ([], 12)
    assert len(outbox.alarms()) == 1


def test_each_of_two_holes_raises_one_alarm():
    journal = Journal()
    journal.rows["tx"] = chain("tx", [("tx.event.v1", b"{}")] * 3)
    journal.tails["tx"] = 2
    outbox = make(journal)
    send(outbox, journal)
    assert [alarm[:2] for alarm in outbox.alarms()] == ["tx"]
    journal.thin(7, told=False)
    outbox.line_up(65535)
    outbox.grown(journal.heads())
    send(outbox, journal)
    assert [alarm[:2] for alarm in outbox.alarms()] == ["tm"]


def test_a_row_that_is_missing_in_the_middle_is_an_alarm_too():
    journal = Journal()
    del journal.rows["tm"][4]
    outbox = make(journal)
    assert numbers(send(outbox, journal)) == [1, 2, 3, 4]
    alarm, = outbox.alarms()
    assert alarm.startswith("tm 5 to 5 are gone from the journal")


def test_goes_on_when_the_row_that_names_it_turns_up():
    journal = Journal()
    journal.thin(7, told=False)
    outbox = make(journal)
    send(outbox, journal)
    journal.say(gap(journal.rows["tm"], 1, 7))
    outbox.grown(journal.heads())
    assert numbers(send(outbox, journal)) == [8, 9, 10, 11, 12]


def test_goes_on_when_the_cloud_says_that_it_has_them():
    journal = Journal()
    journal.thin(7, told=False)
    outbox = make(journal)
    send(outbox, journal)
    outbox.acknowledge(ack(journal, "tm", 7), 0.0)
    assert numbers(send(outbox, journal)) == [8, 9, 10, 11, 12]


def test_goes_back_over_a_hole_again():
    journal = Journal()
    journal.thin(7)
    outbox = make(journal, resend_s=1.0)
    for _, _, token in send(outbox, journal):
        outbox.released(token, delivered=True, now_s=0.0)
    assert set(outbox.tick(1.0)) == {"ev", "tm"}
    assert numbers(send(outbox, journal, 1.0)) == [8, 9, 10, 11, 12]


class Cloud:
    """Holds rows and crosses gaps as the ingest does."""

    def __init__(self, journal):
        self.journal, self.held = journal, {name: set() for name in LANES}

    def acked(self, stream):
        at, gaps = 0, {}
        if stream == "tm":
            rows = self.journal.rows["ev"][:self.acked("ev")]
            said = [msgspec.json.decode(row.data) for row in rows if row.type == "ev.gap.v1"]
            gaps = {each["firstSeq"]: each["lastSeq"] for each in said}
        while True:
            if at + 1 in self.held[stream]:
                at += 1
                continue
            across = max((last for first, last in gaps.items() if first <= at + 1), default=0)
            if across <= at:
                return at
            at = across


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.data())
def test_all_that_there_is_arrives_whatever_is_thinned_or_lost_meanwhile(data):
    journal = Journal(tm=data.draw(st.integers(0, 40)), ev=data.draw(st.integers(0, 5)))
    outbox, now_s = make(journal, window=8, unacked=20, resend_s=1.0), 0.0
    cloud = Cloud(journal)
    rough = data.draw(st.integers(0, 8), label="steps that lose things")
    for step in range(120):
        lossy = step < rough
        if lossy and data.draw(st.booleans(), label="thin"):
            first = journal.tails["tm"] + 1
            if first <= len(journal.rows["tm"]):
                journal.thin(data.draw(st.integers(first, len(journal.rows["tm"]))))
        if lossy and data.draw(st.booleans(), label="new sync"):
            outbox = make(journal, acked=outbox.acked, window=8, unacked=20, resend_s=1.0)
        outbox.grown(journal.heads())
        journal.reads = 0
        for stream, seq, token in send(outbox, journal, now_s):
            fate = data.draw(st.sampled_from(["ok", "lost", "refused"])) if lossy else "ok"
            if fate == "ok":
                cloud.held[stream].add(seq)
            outbox.released(token, delivered=fate != "refused", now_s=now_s)
        for stream in LANES:
            message = ack(journal, stream, cloud.acked(stream))
            if (not lossy or data.draw(st.booleans())) and outbox.judge(message) is Verdict.NEWS:
                outbox.acknowledge(message, now_s)
        now_s += 30.0
        outbox.tick(now_s)
        if not lossy and cloud.acked("tm") == len(journal.rows["tm"]) and not outbox.pending["ev"]:
            break
    assert {name: cloud.acked(name) for name in LANES} == journal.heads()
    assert outbox.pending == dict.fromkeys(LANES, 0)
    assert outbox.alarms() == ()
