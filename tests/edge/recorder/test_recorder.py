"""What was recorded is replayed to the byte; what could not be written is told, and hurts nothing."""

import asyncio
import contextlib
import os
import stat
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from core_desk import NS
from recorded_desk import PLENTY, RecordedDesk, charged, danger, exact_plan, recorder

from edge.controller.effects import Effect
from edge.controller.events import CloudSeen, Event, Header, JournalHurt, Stamped, Tick
from edge.controller.state import initial
from edge.recorder.pins import FOLDER as PINNED
from edge.recorder.pins import Cause, notes_in
from edge.recorder.recorder import Bounds, Recorder
from edge.recorder.replay import Told, broken_links, replay, segment_files
from edge.recorder.ring import segments_in

TEN_SEGMENTS = Bounds(hours=1 / 6, max_mb=100, pins=3)


class Idle:
    """Time that passes at a site where nothing happens; a tick every ten seconds."""

    def __init__(self, beside: Recorder, boot: int = 1) -> None:
        self.recorder, self.boot, self.now_ns = beside, boot, 1_000 * NS
        self.site = initial(exact_plan(1))
        self.tick()

    def tick(self, event: Event = Tick(), effects: tuple[Effect, ...] = ()) -> None:  # noqa: B008
        at = Header(mono_ns=self.now_ns, boot=self.boot, fresh_id="0123456789abcdef")
        self.recorder.took(self.site, self.site, Stamped(at=at, event=event), effects)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / 10)):
            self.now_ns += 10 * NS
            self.tick()

    def pin(self, kind: str, where: str = "1") -> None:
        self.recorder.pin(Cause(kind=kind, where=where, words=kind))


@contextlib.asynccontextmanager
async def recording(folder: Path, bounds: Bounds = TEN_SEGMENTS,
                    **options: object) -> AsyncIterator[Recorder]:
    """At the end all of it is on the disk."""
    found = recorder(folder, bounds, **options)
    found.start()
    yield found
    await found.close()


def told(folder: Path) -> list[Told]:
    return [replay(path) for path in segment_files(folder / "flight")]


def numbers(folder: Path) -> list[int]:
    return [kept.number for kept in segments_in(folder)]


def pins(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "flight" / PINNED).iterdir())


async def test_a_session_is_replayed_to_the_byte(tmp_path: Path) -> None:
    async with recording(tmp_path) as found:
        charged(RecordedDesk(found), 32)
    segments = told(tmp_path)
    assert len(segments) == 2
    assert [t.differs for t in segments] == [None] * len(segments)
    assert broken_links(segments) == []
    assert all(t.end_state for t in segments), "each ended in order, with its state"
    assert [t.follows for t in segments] == [False, True]
    assert found.status().dropped == 0


async def test_every_file_and_folder_is_private(tmp_path: Path) -> None:
    async with recording(tmp_path) as found:
        danger(RecordedDesk(found))
    assert pins(tmp_path)
    for path in (tmp_path / "flight").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


async def test_the_ring_keeps_so_many_segments(tmp_path: Path) -> None:
    async with recording(tmp_path) as found:
        Idle(found).run(60 * 12)
    assert numbers(tmp_path / "flight") == list(range(4, 14))
    assert found.status().oldest == "00000004-b00001.flight"


async def test_the_ring_keeps_so_many_bytes(tmp_path: Path) -> None:
    async with recording(tmp_path, Bounds(hours=1, max_mb=1, pins=2)) as found:
        idle = Idle(found)
        for _ in range(6):
            idle.tick(JournalHurt(error=os.urandom(180_000).hex()))  # which does not compress
            idle.run(60)
    assert sum(k.size for k in segments_in(tmp_path / "flight")) <= 1_000_000
    assert numbers(tmp_path / "flight")[-1] == 7


async def test_numbers_go_on_over_boots(tmp_path: Path) -> None:
    for boot in (1, 2):
        async with recording(tmp_path) as found:
            Idle(found, boot)
    assert [(t.number, t.boot, t.follows) for t in told(tmp_path)] == [(1, 1, False), (2, 2, False)]


async def test_numbers_go_on_where_only_pins_are_left(tmp_path: Path) -> None:
    async with recording(tmp_path) as found:
        Idle(found).pin("request")
    (tmp_path / "flight" / "00000001-b00001.flight").unlink()
    async with recording(tmp_path) as found:
        Idle(found, 2)
    assert numbers(tmp_path / "flight") == [2]


async def test_a_danger_is_pinned_with_what_led_to_it(tmp_path: Path) -> None:
    async with recording(tmp_path) as found:
        danger(RecordedDesk(found))
    ((name, note),) = notes_in(tmp_path / "flight" / PINNED).items()
    assert name == "00000001-b00001-F201-2"
    assert (note.kind, note.where, note.words) == ("F201", "2", "contactor welded at 2")
    assert [t.differs for t in map(replay, segment_files(pins(tmp_path)[0]))] == [None]


async def test_a_notice_is_not_pinned(tmp_path: Path) -> None:
    async with recording(tmp_path) as found:
        desk = RecordedDesk(found)
        desk.feed(CloudSeen(connected=False, last_ack_age_s=None, pending={}))
        desk.run(6)
        assert desk.codes() == {"F701"}
    assert pins(tmp_path) == []


async def test_a_pin_holds_five_minutes_before_and_five_after_and_outlives_the_ring(
        tmp_path: Path) -> None:
    async with recording(tmp_path) as found:
        idle = Idle(found)
        idle.run(60 * 10)
        idle.pin("request")
        idle.run(60 * 30)
    (pin,) = pins(tmp_path)
    assert numbers(pin) == [6, 7, 8, 9, 10, 11, 12, 13, 14, 15], "11 is where it began"
    assert numbers(tmp_path / "flight")[0] > 15
    assert notes_in(pin.parent)[pin.name].left_ns == 0


async def test_a_storm_of_one_fault_is_one_pin(tmp_path: Path) -> None:
    async with recording(tmp_path) as found:
        idle = Idle(found)
        for _ in range(8):
            idle.run(60)
            idle.pin("F101")
        idle.run(600)
    (pin,) = pins(tmp_path)
    assert notes_in(pin.parent)[pin.name].times == 8
    assert numbers(pin) == list(range(1, 14))


async def test_a_storm_without_end_does_not_pin_without_end(tmp_path: Path) -> None:
    async with recording(tmp_path) as found:
        idle = Idle(found)
        for _ in range(29):
            idle.run(120)
            idle.pin("F101")
    assert len(pins(tmp_path)) == 2
    assert len(numbers(pins(tmp_path)[0])) <= 5 + 31


async def test_a_pin_goes_on_after_a_crash(tmp_path: Path) -> None:
    async with recording(tmp_path) as found:
        idle = Idle(found)
        idle.run(60)
        found.failed(ZeroDivisionError("by zero"))
    async with recording(tmp_path) as found:
        Idle(found, boot=2).run(600)
    (pin,) = pins(tmp_path)
    assert pin.name.endswith("-b00001-exception-ZeroDivisionError")
    assert numbers(pin) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(("kinds", "left"), [
    ("aabb", "0 2 3"),  # the first of each and the newest
    ("aaaa", "0 2 3"),
    ("abcd", "1 2 3"),  # all are the first of theirs: the oldest goes
    ("abbb", "0 1 3"),
])
async def test_of_too_many_pins_the_oldest_goes_but_not_the_first_of_its_kind(
        tmp_path: Path, kinds: str, left: str) -> None:
    async with recording(tmp_path) as found:
        idle = Idle(found)
        for n, kind in enumerate(kinds):
            idle.pin(kind, str(n))
            idle.run(70)
    notes = notes_in(tmp_path / "flight" / PINNED).values()
    assert " ".join(note.where for note in notes) == left


async def test_what_the_core_raised_is_recorded_and_pinned(tmp_path: Path) -> None:
    async with recording(tmp_path) as found:
        idle = Idle(found)
        at = Header(mono_ns=idle.now_ns, boot=1, fresh_id="")
        found.took(idle.site, idle.site, Stamped(at=at, event=Tick()), RuntimeError("broke"))
    (segment,) = told(tmp_path)
    assert segment.differs is not None, "the core of this software does not raise there"
    assert segment.differs.expected == "!RuntimeError: broke"
    assert [p.name for p in pins(tmp_path)] == ["00000001-b00001-exception-RuntimeError"]


async def test_where_the_disk_is_low_only_minutes_are_kept(tmp_path: Path) -> None:
    async with recording(tmp_path, Bounds(hours=1, max_mb=100, pins=3), low_bytes=2 * PLENTY) as found:
        Idle(found).run(60 * 20)
    assert len(numbers(tmp_path / "flight")) == 10


async def test_where_the_disk_is_full_nothing_is_written(tmp_path: Path) -> None:
    async with recording(tmp_path, full_bytes=2 * PLENTY) as found:
        Idle(found).run(60)
    assert numbers(tmp_path / "flight") == []
    status = found.status()
    assert status.dropped == 7
    assert "nothing is recorded" in (status.error or "")


async def test_what_follows_a_gap_says_so(tmp_path: Path) -> None:
    """A minute for which there was no room: the next segment does not follow the one before."""
    room = iter((PLENTY, 0, PLENTY, PLENTY))
    async with recording(tmp_path, full_bytes=1, free_bytes=lambda: next(room)) as found:
        Idle(found).run(60 * 3 + 10)
    assert [(t.number, t.steps, t.lost, t.follows) for t in told(tmp_path)] == [
        (1, 6, 0, False), (2, 6, 6, False), (3, 2, 0, True)]
    assert found.status().error is None


async def test_a_folder_that_cannot_be_had_is_told_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "flight").write_text("in the way")
    async with recording(tmp_path) as found:
        Idle(found).run(60)
        found.pin(Cause(kind="request", where="", words=""))
    assert "FileExistsError" in (found.status().error or "")


async def test_a_disk_that_stalls_costs_steps_and_no_time(tmp_path: Path) -> None:
    """Nobody waits; then a segment begins that says how many steps are missing before it."""
    goes_on, begun = threading.Event(), threading.Event()

    def stalls() -> int:
        assert goes_on.wait(60)
        begun.set()
        return PLENTY

    async with recording(tmp_path, free_bytes=stalls, most_jobs=8) as found:
        desk = RecordedDesk(found)
        desk.run(30)
        goes_on.set()
        await asyncio.to_thread(begun.wait, 60)
        desk.run(30)
    segments = told(tmp_path)
    assert [t.differs for t in segments] == [None] * len(segments)
    assert broken_links(segments) == []
    assert any(t.lost for t in segments)
    assert sum(t.steps for t in segments) + found.status().dropped == desk.count


async def test_a_segment_that_lacks_its_last_steps_claims_no_state_after_them(tmp_path: Path) -> None:
    """The disk stands still until the controller ends, before a new segment could begin."""
    goes_on = threading.Event()

    def stalls() -> int:
        assert goes_on.wait(60)
        return PLENTY

    async with recording(tmp_path, free_bytes=stalls, most_jobs=2) as found:
        desk = RecordedDesk(found)
        desk.plug()
        desk.run(8)
        goes_on.set()
    (segment,) = told(tmp_path)
    assert segment.differs is None
    assert segment.steps + found.status().dropped == desk.count and found.status().dropped > 0
