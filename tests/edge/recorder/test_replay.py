"""The command: what it says of recordings that are the same, that differ, and that cannot be read."""

import asyncio
import json
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from core_desk import ANNA, plan
from recorded_desk import RecordedDesk, charged, exact_plan, recorder

from edge.controller.events import Stamped
from edge.controller.version import CORE_VERSION
from edge.recorder.codec import Outcome
from edge.recorder.command import main
from edge.recorder.recorder import Recorder
from edge.recorder.segment import MAGIC

Change = Callable[[Stamped, Outcome], tuple[Stamped, Outcome] | None]


class Forged(RecordedDesk):
    """A desk that hands some steps to the recorder other than they were."""

    def __init__(self, beside: Recorder, change: Change) -> None:
        self.change = change
        super().__init__(beside, exact_plan(1))

    def took(self, before, stamped, effects):  # type: ignore[no-untyped-def]
        forged = self.change(stamped, effects)
        if forged is not None:
            self.recorder.took(before, self.site, *forged)


def recorded(folder: Path, change: Change = lambda *step: step, seconds: float = 35) -> Path:
    """A session of a minute and a half, from the first event on; the folder of its two segments."""
    async def record() -> None:
        found = recorder(folder)
        found.start()
        charged(Forged(found, change), seconds)
        await found.close()
    asyncio.run(record())
    return folder / "flight"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("session"))


@pytest.fixture
def folder(session: Path, tmp_path: Path) -> Path:
    """The same session, to be spoilt."""
    return Path(shutil.copytree(session, tmp_path / "flight"))


def test_the_same_to_the_byte(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder)]) == 0
    assert "2 segments" in (said := capsys.readouterr().out)
    assert "the same to the byte" in said


def test_an_effect_that_was_another_is_shown_beside_what_it_is(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def higher(stamped: Stamped, outcome: Outcome) -> tuple[Stamped, Outcome]:
        assert isinstance(outcome, tuple)
        return stamped, tuple(
            msgspec.structs.replace(e, current_a=33.0) if type(e).__name__ == "OfferCurrent" else e
            for e in outcome)
    folder = recorded(tmp_path, higher)
    assert main([str(folder)]) == 1
    said = capsys.readouterr().out
    assert '"current_a":33.0' in said.partition("expected")[2].partition("got")[0]
    assert '"current_a":32.0' in said.partition("got  ")[2]
    assert "CardPresented" in said


def test_an_event_that_is_missing_is_noticed(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = recorded(
        tmp_path, lambda s, o: None if type(s.event).__name__ == "CardPresented" else (s, o))
    assert main([str(folder), "--json"]) == 1
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert "OfferCurrent" not in first["differs"]["got"]


def test_a_state_that_does_not_follow_is_noticed(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two segments that are each right, of two stories."""
    one, two = recorded(tmp_path / "1"), recorded(tmp_path / "2", seconds=38)
    assert main([str(two)]) == 0
    (one / "00000002-b00001.flight").write_bytes((two / "00000002-b00001.flight").read_bytes())
    assert main([str(one)]) == 1
    assert "begins with state" in capsys.readouterr().out


async def test_a_state_that_is_not_itself_after_it_was_read_is_noticed(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A plan with an integer where the core has a float."""
    found = recorder(tmp_path)
    found.start()
    RecordedDesk(found, plan(1))
    await found.close()
    assert main([str(tmp_path / "flight")]) == 1
    assert "its keyframe differs" in capsys.readouterr().out


def test_a_torn_tail_costs_only_itself(
        folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    last = folder / "00000002-b00001.flight"
    whole = last.read_bytes()
    steps = []
    for cut in (0, 1, 40, 200, 500):
        last.write_bytes(whole[:len(whole) - cut])
        assert main([str(last), "--json"]) == 0
        told = json.loads(capsys.readouterr().out.splitlines()[0])
        assert (told["torn"] is None) == (cut == 0)
        steps.append(told["steps"])
    assert steps == sorted(steps, reverse=True)
    assert steps[1] == steps[0] > steps[-1] > 0


def test_a_flipped_bit_ends_what_can_be_read(
        folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    last = folder / "00000002-b00001.flight"
    data = bytearray(last.read_bytes())
    data[-300] ^= 1
    last.write_bytes(data)
    assert main([str(folder)]) == 0
    assert "wrong checksum at byte" in capsys.readouterr().err


@pytest.mark.parametrize(("spoil", "said"), [
    (lambda data: data[:0], "no flight recording"),
    (lambda data: b"PK\x03\x04" + data, "no flight recording"),
    (lambda data: MAGIC + struct.pack(">H", 9) + data[10:], "got format 9, expected 1"),
    (lambda data: data[:12], "expected a head"),
    (lambda data: data[:200], "expected a keyframe"),
])
def test_what_is_no_recording_is_said(
        folder: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[[bytes], bytes],
        said: str) -> None:
    file = folder / "00000001-b00001.flight"
    file.write_bytes(spoil(file.read_bytes()))
    assert main([str(file)]) == 2
    assert said in capsys.readouterr().err


def test_a_file_that_is_not_there_is_said(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.flight")]) == 2
    assert main([str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "none.flight" in said
    assert "in this folder" in said


def test_a_recording_of_another_core_is_replayed_with_a_warning(
        folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "00000001-b00001.flight"
    file.write_bytes(with_core_version(file.read_bytes(), CORE_VERSION + 1))
    assert main([str(file)]) == 0
    assert f"core version {CORE_VERSION + 1}, this is {CORE_VERSION}" in capsys.readouterr().err


def with_core_version(data: bytes, version: int) -> bytes:
    kind, length, _ = struct.unpack_from(">BII", data, 10)
    head = msgspec.msgpack.decode(data[19:19 + length])
    head["core_version"] = version
    content = msgspec.msgpack.encode(head)
    block = struct.pack(">BII", kind, len(content), zlib.crc32(content)) + content
    return data[:10] + block + data[19 + length:]


def test_the_story_in_words(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder), "--watch"]) == 0
    said = capsys.readouterr().out
    story = ["controller started", "car plugged in", f"card ..{ANNA.last4} at reader front: accepted",
             "begins", "offer 32 A (evse)", "car asks for power", "start register 1000 Wh",
             "close, 32 A", "contactor closed", "closing -> charging", "session.pause",
             "offer withdrawn", "open: released", "contactor open", "car rests", "ends: Local",
             "took 0.000 kWh, end register 1000 Wh", "costs 1.00 SEK", "no car at the plug"]
    at = 0
    for words in story:
        at = said.find(words, at)
        assert at >= 0, words
    assert len(said.splitlines()) < 60, "quiet polls are left out"
    assert said.startswith("2026-11-21T09:56:40.000Z")


def test_a_story_of_one_evse_up_to_a_moment(
        folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder), "--watch", "--evse", "1", "--until", "2026-11-21T10:56:45+01:00"]) == 0
    said = capsys.readouterr().out
    assert "evse 1    stands: charging, contactor closed, offer 32 A evse, 0.000 kWh" in said
    assert "session.pause" not in said
    assert main([str(folder), "--watch", "--evse", "2"]) == 0
    assert "evse 1" not in (said := capsys.readouterr().out)
    assert "controller started" in said


def test_times_without_a_clock_are_of_the_boot(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def timeless(stamped: Stamped, outcome: Outcome) -> tuple[Stamped, Outcome]:
        return msgspec.structs.replace(
            stamped, at=msgspec.structs.replace(stamped.at, clock_ok=False)), outcome
    folder = recorded(tmp_path, timeless)
    main([str(folder), "--watch", "--until", "1001"])
    assert "boot 1 +1000.000 s  site      controller started" in capsys.readouterr().out


@pytest.mark.parametrize("until", ["yesterday", "2026-11-21T09:40:00"])
def test_a_time_that_is_none_is_refused(until: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([".", "--until", until])
    assert "expected UTC as" in capsys.readouterr().err
