"""What a technician may do on a running controller's lines, and what that leaves behind."""

import asyncio

import msgspec
import pytest

from edge.bus.figures import LineFigures, line_figures
from edge.bus.link import WireCounts
from edge.bus.port import BusClass
from edge.bus.stats import LineStats
from edge.controller.request import Origin, Request
from edge.controller.trouble import BadAnswer, DeviceRefused, DeviceTimeout, LineDown
from edge.link.line_protocol import LINES, TRANSACT, Lines, Transacted, raised
from edge.link.messages import Status
from edge.link.peer import Peer
from edge.station.line_desk import LineDesk

ANNA, BERT = (Peer(origin=Origin.SERVICE, pid=pid, uid=0, gid=0) for pid in (1, 2))
READ = "0400000002"


class FakeLine:
    """Answers with `says`, or raises it; `gate` holds answers back."""

    def __init__(self):
        self.stats, self.asked = LineStats(), []
        self.says = b"\x04\x04\x43\x66\x00\x00"
        self.gate = asyncio.Event()
        self.gate.set()

    def figures(self):
        return line_figures("/dev/x", None, self.stats, WireCounts(), 0.0)

    async def transact(self, unit, pdu, klass, *, timeout_s=None):
        self.asked.append((unit, pdu, klass, timeout_s))
        known = self.stats.unit(unit)
        await self.gate.wait()
        if isinstance(self.says, Exception):
            known.timeouts += 1
            raise self.says
        known.answered(0.02)
        return self.says


@pytest.fixture
def line():
    return FakeLine()


@pytest.fixture
def desk(line):
    return LineDesk({"cabinet": line}, {"cabinet": "rtu:/dev/x?baud=19200"}, {"cabinet": {1}})


async def ask(desk, peer=ANNA, **args):
    args = {"bus": "cabinet", "unit": 1, "pdu": READ} | args
    raw = {key: msgspec.Raw(msgspec.json.encode(value)) for key, value in args.items()}
    return await desk.transact(peer, Request(id="1", origin=Origin.SERVICE, action=TRANSACT, args=raw))


def done(reply):
    assert reply.status is Status.RESULT, reply.reason
    return msgspec.json.decode(reply.result, type=Transacted)


async def test_a_read_goes_as_bulk_and_brings_the_answer(desk, line):
    answer = done(await ask(desk))
    assert answer == Transacted(pdu="040443660000", turnaround_s=0.02)
    assert line.asked == [(1, bytes.fromhex(READ), BusClass.BULK, 0.25)]


@pytest.mark.parametrize(("args", "said"), [
    ({"bus": "none"}, "expected one of cabinet"),
    ({"pdu": "0600000001"}, "got function 6"),
    ({"pdu": "1000000001"}, "got function 16"),
    ({"pdu": "0500000001"}, "got function 5"),
])
async def test_nothing_but_reads_on_lines_that_there_are(desk, line, args, said):
    reply = await ask(desk, **args)
    assert reply.status is Status.REFUSED and said in reply.reason
    assert line.asked == []


@pytest.mark.parametrize("args", [
    {"pdu": "10000000010200ff"}, {"pdu": "xy"}, {"pdu": ""}, {"unit": 0}, {"unit": 248},
    {"timeout_s": 0}, {"timeout_s": 60},
])
async def test_arguments_that_do_not_fit_are_refused_by_their_shape(desk, line, args):
    with pytest.raises(msgspec.ValidationError):
        await ask(desk, **args)
    assert line.asked == []


async def test_a_request_that_cannot_be_matched_is_refused(desk, line):
    line.says = ValueError("request: got 04, expected more")
    reply = await ask(desk, pdu="04")
    assert reply.status is Status.REFUSED and "expected more" in reply.reason


async def test_nobody_waits_longer_than_a_revoke_may(desk, line):
    await ask(desk, timeout_s=5)
    assert line.asked[-1][3] == 0.25
    learned_s = line.stats.unit(1).timeout_s  # shorter would make a timeout where there is none
    await ask(desk, timeout_s=0.01)
    assert line.asked[-1][3] == learned_s > 0.05


@pytest.mark.parametrize("trouble", [DeviceTimeout, BadAnswer, DeviceRefused, LineDown])
async def test_trouble_arrives_as_what_it_was(desk, line, trouble):
    line.says = trouble("no answer", where="unit 1 on x", got="nothing", expected="7 bytes")
    there = raised(done(await ask(desk)).trouble)
    assert type(there) is trouble and str(there) == str(line.says)


async def test_a_refusal_keeps_its_code(desk, line):
    line.says = DeviceRefused("refused", where="", got="", expected="", code=2)
    there = raised(done(await ask(desk)).trouble)
    assert isinstance(there, DeviceRefused) and there.code == 2


async def test_one_read_at_a_time_for_each_client(desk, line):
    line.gate.clear()
    first = asyncio.create_task(ask(desk))
    await asyncio.sleep(0)
    assert (await ask(desk)).status is Status.REFUSED
    other = asyncio.create_task(ask(desk, peer=BERT))
    await asyncio.sleep(0)
    line.gate.set()
    assert (await first).status is (await other).status is Status.RESULT
    assert (await ask(desk)).status is Status.RESULT


async def test_units_that_nobody_wired_leave_no_trace_unless_they_answer(desk, line):
    line.says = DeviceTimeout("no answer", where="", got="", expected="")
    for unit in (1, 50, 51):
        await ask(desk, unit=unit)
    assert line.stats.units.keys() == {1}
    line.says = b"\x84\x02"
    await ask(desk, unit=52)
    assert line.stats.units.keys() == {1, 52}


async def test_lines_tell_where_they_are_and_how_they_do(desk, line):
    await ask(desk)
    reply = desk.lines(Request(id="1", origin=Origin.SERVICE, action=LINES))
    (told,) = msgspec.json.decode(reply.result, type=Lines).lines
    assert (told.bus, told.url) == ("cabinet", "rtu:/dev/x?baud=19200")
    figures = msgspec.json.decode(told.figures, type=LineFigures)
    assert [(unit.unit, unit.turnaround_ms) for unit in figures.units] == [(1, 20.0)]
