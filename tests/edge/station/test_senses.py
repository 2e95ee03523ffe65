"""Inputs, sensors and the disk between their devices and the core, in virtual time."""

import asyncio
import os
import threading
from pathlib import Path

import pytest
from virtual_time import now_ns, virtual

from edge.controller.events import DiskSeen, InputSeen, SensorSeen
from edge.controller.trouble import BadAnswer, DeviceRefused
from edge.station.blocking import BlockingCall
from edge.station.disk_watch import DiskWatch, Room, room
from edge.station.input_driver import POLL_S, InputDriver
from edge.station.sensor_driver import SensorDriver


class FakeInput:
    """`level` None: the line cannot be read."""

    level: bool | None = False

    def active(self) -> bool:
        if self.level is None:
            raise DeviceRefused("read", where="GPIO24", got="an error", expected="a level")
        return self.level


class Inputs:
    """A driver with one input; `told` is what it handed in, with the time since the start."""

    def __init__(self) -> None:
        self.door = FakeInput()
        self.told: list[tuple[float, bool | None]] = []
        self._begun_ns = now_ns()
        self.driver = InputDriver({"door": self.door}, clock_ns=now_ns, hand_in=self._take)

    def _take(self, event):
        assert isinstance(event, InputSeen) and event.input_id == "door"
        self.told.append((round((now_ns() - self._begun_ns) / 1e9, 3), event.active))


@virtual
async def test_an_input_is_told_when_it_was_read_twice_then_once_a_second():
    inputs = Inputs()
    running = asyncio.ensure_future(inputs.driver.run())
    await asyncio.sleep(3.01)
    assert inputs.told == [(0.05, False), (1.05, False), (2.05, False)]
    running.cancel()


@pytest.mark.parametrize("level", [True, None])
def test_a_change_counts_when_two_reads_agree_and_a_spark_does_not(level):
    @virtual
    async def play():
        inputs = Inputs()
        for _ in range(3):
            inputs.driver.look()
        inputs.told.clear()
        inputs.door.level = level
        inputs.driver.look()
        inputs.door.level = False
        inputs.driver.look()
        inputs.driver.look()
        assert inputs.told == []
        inputs.door.level = level
        inputs.driver.look()
        inputs.driver.look()
        assert inputs.told == [(0.0, level)]
    play()


@virtual
async def test_an_input_that_cannot_be_read_is_unknown_and_comes_back():
    inputs = Inputs()
    inputs.door.level = None
    running = asyncio.ensure_future(inputs.driver.run())
    await asyncio.sleep(0.1)
    inputs.door.level = True
    await asyncio.sleep(2 * POLL_S + 0.01)
    assert [level for _, level in inputs.told] == [None, True]
    running.cancel()


@virtual
async def test_an_input_that_never_rests_is_unknown_until_it_does():
    inputs = Inputs()
    for _ in range(2):
        inputs.driver.look()
    for _ in range(40):
        inputs.door.level = not inputs.door.level
        await asyncio.sleep(POLL_S)
        inputs.driver.look()
    assert [level for _, level in inputs.told] == [False, None, None]
    assert inputs.told[1][0] <= 20 * POLL_S
    inputs.driver.look()
    assert inputs.told[-1][1] is inputs.door.level
    assert len(inputs.told) == 4


def played(make):
    """Run a driver's test on a real loop: what is read comes out of a thread."""
    asyncio.run(make())


def test_a_sensor_hands_in_its_value_and_none_when_it_gives_none():
    values = [21.5, BadAnswer("unusable", where="w1", got="NO", expected="YES"), 22.0]
    seen = []

    def read():
        value = values.pop(0)
        if isinstance(value, Exception):
            raise value
        return value

    async def play():
        driver = SensorDriver("lug", read, hand_in=seen.append)
        for _ in range(3):
            await driver.look()
    played(play)
    assert seen == [SensorSeen(sensor_id="lug", celsius=c) for c in (21.5, None, 22.0)]


def test_a_sensor_that_hangs_gives_none_and_is_asked_once_only():
    free, asked, seen = threading.Event(), [], []

    def read():
        asked.append(1)
        free.wait(60)
        return 20.0

    async def play():
        hurried = SensorDriver("lug", read, hand_in=seen.append, patience_s=0.001)
        await hurried.look()
        await hurried.look()
        assert [s.celsius for s in seen] == [None, None] and len(asked) == 1
        free.set()
        while seen[-1].celsius is None:
            await hurried.look()
        assert seen[-1].celsius == 20.0 and len(asked) == 1
    played(play)


def test_a_call_that_hangs_keeps_no_loop_from_ending():
    free, ended = threading.Event(), threading.Event()

    def hang():
        free.wait(60)
        ended.set()
        return 1

    async def play():
        with pytest.raises(TimeoutError, match="hanger"):
            await BlockingCall(hang, "hanger").result(0.001)
    played(play)
    assert not ended.is_set()
    free.set()
    assert ended.wait(60)


def test_who_asks_while_a_call_is_under_way_gets_what_that_one_returns():
    begun = []
    async def play():
        call = BlockingCall(lambda: begun.append(1) or len(begun), "counter")
        assert await asyncio.gather(*(call.result(60) for _ in range(5))) == [1] * 5
        assert await call.result(60) == 2
    asyncio.run(play())


def test_room_is_what_the_disk_has_or_what_the_bound_leaves(tmp_path):
    unbound = room(tmp_path)
    assert 0 < unbound.free <= unbound.total
    (tmp_path / "below").mkdir()
    for file in (tmp_path / "a", tmp_path / "below" / "b"):
        with file.open("wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, 1_000_000)
    bound = room(tmp_path, 3_000_000)
    assert 900_000 <= bound.free <= 1_000_000
    assert bound.total == 3_000_000
    assert room(tmp_path, 1_000_000).free == 0
    assert room(tmp_path, 10**18).free <= unbound.total


def test_a_folder_that_only_root_may_read_does_not_blind_the_watch(tmp_path, monkeypatch):
    locked, user = tmp_path / "lost+found", os.geteuid()
    locked.mkdir(mode=0)
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    os.seteuid(user or 65534)  # to root nothing is locked
    try:
        assert room(Path(), 3_000_000).total == 3_000_000
    finally:
        os.seteuid(user)
        locked.chmod(0o700)


def test_a_disk_that_does_not_answer_hands_in_nothing():
    found = [Room(5, 9), OSError("input/output error"), Room(4, 9)]
    seen = []

    def look():
        value = found.pop(0)
        if isinstance(value, OSError):
            raise value
        return value

    async def play():
        watch = DiskWatch(look, hand_in=seen.append)
        for _ in range(3):
            await watch.look()
    played(play)
    assert seen == [DiskSeen(free_bytes=5, total_bytes=9), DiskSeen(free_bytes=4, total_bytes=9)]
