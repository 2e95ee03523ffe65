"""The real reader process with the real nfcpy, against a virtual card over UDP."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from edge.rfid.supervisor import ReaderSupervisor

pytestmark = pytest.mark.wire

UID_4, UID_7, UID_10 = "DEADBEEF", "04A3C6CAE26180", "04112233445566778899"


class Heard:
    """What the supervisor reported, in order: tags, or ("lost", error), or "back"."""

    def __init__(self):
        self.events = []
        self._news = asyncio.Event()

    def note(self, event):
        self.events.append(event)
        self._news.set()

    def tags(self):
        return [event for event in self.events if not isinstance(event, (str, tuple))]

    async def until(self, condition, within_s=20.0):
        async with asyncio.timeout(within_s):
            while not condition():
                self._news.clear()
                await self._news.wait()


@pytest.fixture
async def heard():
    return Heard()


def supervisor(field, heard, **options):
    def tag(tag):
        heard.note(tag)
        made.prove(tag.tap, ())

    made = ReaderSupervisor(
        "front", f"udp:127.0.0.1:{field.port}", virtual=True, on_tag=tag,
        on_lost=lambda error: heard.note(("lost", error)), on_back=lambda: heard.note("back"),
        **options)
    return made


@pytest.fixture
async def reader(field, heard):
    reader = supervisor(field, heard)
    await reader.start()
    await heard.until(lambda: heard.events == ["back"])
    yield reader
    await reader.stop()


async def polls(field, count):
    """Waits until the reader has looked for a card so many times more."""
    goal = field.polls + count
    async with asyncio.timeout(20):
        while field.polls < goal:  # noqa: ASYNC110 the field is a device: it has no event to wait on
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(("uid", "sak", "ats"), [
    (UID_4, 0x08, ""), (UID_7, 0x20, "067777710280"), (UID_10, 0x20, "01"),
    ("08A1B2C3", 0x20, "0578807002")])
async def test_a_card_of_each_kind_arrives_once(field, heard, reader, uid, sak, ats):
    field.present(uid, sak=sak, ats=ats)
    await heard.until(heard.tags)
    await polls(field, 10)
    [tag] = heard.tags()
    assert tag.uid.hex().upper() == uid
    assert (tag.reader_id, tag.sak, tag.ats.hex().upper()) == ("front", sak, ats)
    assert tag.random == uid.startswith("08")
    assert 0 <= time.monotonic_ns() - tag.mono_ns < 20e9


async def test_a_card_taps_again_after_it_was_away_for_a_second(field, heard, reader):
    field.present(UID_7)
    await heard.until(heard.tags)
    field.remove()
    await polls(field, 2)  # at the second one, the first has been booked as a miss
    await asyncio.sleep(1.05)
    field.present(UID_7)
    await heard.until(lambda: len(heard.tags()) == 2)
    first, second = heard.tags()
    assert second.mono_ns - first.mono_ns > 1e9


async def test_a_bad_radio_delays_a_tap_and_breaks_nothing(field, heard, reader):
    field.flip(5)
    field.garble(5)
    field.lose(5)
    field.present(UID_10)
    await heard.until(heard.tags)
    assert heard.tags()[0].uid.hex() == UID_10
    assert heard.events[0] == "back"
    assert len(heard.events) == 2, "noise is no lost reader"


async def test_a_card_with_a_damaged_answer_to_select_is_still_seen(field, heard, reader):
    field.present(UID_7, ats="0578")
    await heard.until(heard.tags)
    assert heard.tags()[0].ats == b""


async def test_a_reader_whose_cable_is_pulled_is_lost_and_comes_back(field, heard, reader):
    pid = reader.pid
    field.cut()
    await heard.until(lambda: len(heard.events) == 2)
    assert "refused" in heard.events[1][1]
    await field.restore()
    await heard.until(lambda: len(heard.events) == 3)
    assert heard.events[2] == "back"
    assert reader.pid == pid, "the process outlives its device"
    field.present(UID_4)
    await heard.until(heard.tags)


@pytest.mark.parametrize(("sign", "said"), [
    (signal.SIGKILL, "signal 9"), (signal.SIGSTOP, "says nothing"), (signal.SIGTERM, "status 0")])
async def test_a_process_that_died_or_hangs_is_replaced_and_works(field, heard, reader, sign, said):
    pid = reader.pid
    os.kill(pid, sign)
    await heard.until(lambda: len(heard.events) == 3)
    assert heard.events[1][0] == "lost"
    assert said in heard.events[1][1]
    assert heard.events[2] == "back"
    assert reader.pid not in (pid, None)
    assert not is_running(pid)
    field.present(UID_7)
    await heard.until(heard.tags)


async def test_a_card_left_lying_while_the_process_was_replaced_does_not_tap(field, heard, reader):
    field.present(UID_7)
    await heard.until(heard.tags)
    os.kill(reader.pid, signal.SIGKILL)
    await heard.until(lambda: heard.events[-1] == "back" and len(heard.events) == 4)
    await polls(field, 10)
    assert len(heard.tags()) == 1


async def test_the_process_ends_with_its_supervisor(field, heard, reader):
    pid = reader.pid
    await reader.stop()
    assert not is_running(pid)
    assert reader.pid is None


async def test_a_stop_at_any_moment_of_the_start_leaves_no_process_behind(field, heard):
    before = children()
    for turns in (0, 1, 2, 3, 5, 8, 13, 21):
        reader = supervisor(field, heard)
        await reader.start()
        for _ in range(turns):
            await asyncio.sleep(0)
        await reader.stop()
        assert children() == before


async def test_a_tap_that_waited_while_the_controller_hung_is_not_acted_upon(field, heard):
    late = supervisor(field, heard, clock=lambda: time.monotonic_ns() + 6_000_000_000)
    await late.start()
    try:
        await heard.until(lambda: heard.events == ["back"])
        field.present(UID_7)
        await polls(field, 5)
        assert heard.events == ["back"]
    finally:
        await late.stop()


async def test_no_log_of_the_process_shows_a_number(field, heard, capfd):
    reader = supervisor(field, heard)  # here: what a fixture starts writes past capfd
    await reader.start()
    try:
        field.present(UID_7)
        await heard.until(heard.tags)
        field.cut()
        await heard.until(lambda: len(heard.events) == 3)
    finally:
        await reader.stop()
    out, err = capfd.readouterr()
    assert "refused" in err, "the outage itself is logged"
    for text in (out, err):
        assert "a3c6" not in text.lower()
        assert r"\xa3" not in text


TALKER = ("import sys, os, threading; fd = int(sys.argv[sys.argv.index('--fd') + 1]); "
          "os.write(fd, bytes.fromhex('{}')); threading.Event().wait()")


@pytest.mark.parametrize(("program", "said"), [
    ((sys.executable, "-c", TALKER.format("ffff")), "nonsense"),
    ((sys.executable, "-c", TALKER.format("0002c1c1")), "nonsense"),
    ((sys.executable, "-c", "raise SystemExit(3)"), "status 3"),
    (("/no/such/program",), "does not start: No such file")])
async def test_a_program_that_is_no_reader_is_a_lost_reader(field, heard, program, said):
    odd = supervisor(field, heard, program=program)
    await odd.start()
    await heard.until(lambda: heard.events)
    assert heard.events[0][0] == "lost"
    assert said in heard.events[0][1]
    await odd.stop()
    assert len(heard.events) == 1


HANGING = """
import sys, threading
from edge.rfid.pipe import Pipe
from edge.rfid.reader import Reader
from edge.rfid.tap import TapFilter

class Radio:
    chip = "one that hangs in a read without end"
    polls = 0
    def open(self): pass
    def close(self): pass
    def sense(self):
        self.polls += 1
        if self.polls > 3:
            threading.Event().wait()

pipe = Pipe(int(sys.argv[sys.argv.index("--fd") + 1]))
pipe.begin()
Reader("front", Radio(), pipe, TapFilter()).run()
"""


async def test_a_driver_that_hangs_in_a_read_is_killed_and_started_again(field, heard):
    hung = supervisor(field, heard, program=(sys.executable, "-c", HANGING))
    await hung.start()
    try:
        await heard.until(lambda: heard.events == ["back"])
        pid = hung.pid
        await heard.until(lambda: len(heard.events) == 3)
        assert "says nothing" in heard.events[1][1]
        assert heard.events[2] == "back"
        assert hung.pid != pid
        assert not is_running(pid)
    finally:
        await hung.stop()


async def test_a_simulated_radio_needs_a_virtual_site(heard):
    with pytest.raises(ValueError, match="virtual"):
        ReaderSupervisor("front", "udp:127.0.0.1:1", virtual=False, on_tag=heard.note,
                         on_lost=heard.note, on_back=lambda: None)


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def children():
    """Of this process, alive or not yet waited for."""
    me = os.getpid()
    return Path(f"/proc/{me}/task/{me}/children").read_text().split()
