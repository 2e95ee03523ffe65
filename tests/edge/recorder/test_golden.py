"""Recordings that are checked in are replayed to the byte, wherever and whenever; and who changes the
core without saying so is told.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from golden import FOLDER, RAISE, STORIES, WRITE, Story, after_a_restart, recorded, verdict

from edge.controller import version
from edge.controller.effects import RenewGrant
from edge.recorder.replay import replay
from edge.recorder.story import tell

pytestmark = pytest.mark.stories


def test_the_core_does_what_it_did() -> None:
    """If this fails, the core's behaviour or the shape of its state has changed: the message says what
    to do.
    """
    assert verdict(FOLDER) is None, verdict(FOLDER)


@pytest.mark.parametrize("elsewhere", [
    {"PYTHONHASHSEED": "1", "TZ": "Pacific/Auckland", "LANG": "sv_SE.UTF-8", "LC_ALL": "sv_SE.UTF-8"},
    {"PYTHONHASHSEED": "4711", "TZ": "America/St_Johns", "LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"},
])
def test_the_same_in_another_place(elsewhere: dict[str, str], tmp_path: Path) -> None:
    """Other hashes, another zone, another tongue, another folder, another process."""
    done = subprocess.run(
        [sys.executable, "-m", "edge.recorder.command", str(FOLDER), "--json"], cwd=tmp_path,
        env={**os.environ, **elsewhere}, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert told[-1]["segments"] == len(STORIES)


def test_they_hold_much_of_what_can_happen() -> None:
    """A golden recording is worth what it holds: kinds of events, faults, and whole sessions."""
    events, words = set(), []
    for name in STORIES:
        replay(FOLDER / name, listener=lambda before, stamped, outcome, after: (
            events.add(type(stamped.event).__name__),
            words.extend(str(line) for line in tell(before, stamped, outcome, after))))
    assert len(events) >= 18
    assert sum("FAULT" in line for line in words) >= 30
    assert sum("took" in line for line in words) >= 3


@pytest.fixture(scope="module")
def story() -> Story:
    return after_a_restart()


def folder_of(tmp_path: Path, story: Story) -> Path:
    for name in STORIES:
        (tmp_path / name).write_bytes(recorded(story))
    return tmp_path


def test_who_changes_what_the_core_does_is_told_to_raise_its_version(
        tmp_path: Path, story: Story) -> None:
    """As if the core had renewed with an ampere more when this was recorded."""
    before, steps, after = story
    changed = [(stamped, tuple(
        msgspec.structs.replace(e, current_a=e.current_a + 1) if isinstance(e, RenewGrant) else e
        for e in outcome)) for stamped, outcome in steps if isinstance(outcome, tuple)]
    said = verdict(folder_of(tmp_path, (before, changed, after))) or ""
    assert "RenewGrant" in said
    assert said.endswith(f"CORE_VERSION is still {version.CORE_VERSION}: {RAISE}")


def test_who_changes_what_the_core_remembers_is_told_to_raise_its_version(
        tmp_path: Path, story: Story) -> None:
    before, steps, after = story
    said = verdict(folder_of(tmp_path, (
        before, steps, msgspec.structs.replace(after, event_id=after.event_id + 1)))) or ""
    assert "its end differs" in said
    assert said.endswith(RAISE)


def test_who_raised_the_version_is_told_to_record_anew(tmp_path: Path, story: Story) -> None:
    for name in STORIES:
        (tmp_path / name).write_bytes(recorded(story, core_version=version.CORE_VERSION + 1))
    assert (verdict(tmp_path) or "").endswith(WRITE)


def test_where_none_are_they_are_to_be_recorded(tmp_path: Path) -> None:
    assert (verdict(tmp_path) or "").endswith(WRITE)
