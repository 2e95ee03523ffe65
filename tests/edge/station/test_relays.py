"""Relays that a killed predecessor left on: dropped when a start takes too long or is not to be."""

import threading
from pathlib import Path

import pytest

from edge.controller.trouble import DeviceRefused, LineDown
from edge.journal.lock import OneOwner
from edge.station.relays import LOCK, StartLimit, left_on

WITHIN_S = 30.0
TWO_BAYS = '[paths]\nstate = "state"\n' + "".join(
    f'[[evse]]\nid = "{n}"\n[evse.contactor]\ncoil_gpio = {pin}\n' for n, pin in ((1, 5), (2, 6)))


class Lines:
    """GPIO lines by number: True an output that is on, False one that is off, None an input."""

    def __init__(self, **levels: bool | None) -> None:
        self.levels = {int(name[1:]): level for name, level in levels.items()}
        self.refuses: set[int] = set()
        self.claimed: list[int] = []

    def found_output(self, pin: int) -> bool | None:
        if pin in self.refuses:
            raise DeviceRefused("ask", where=f"GPIO{pin}", got="no", expected="an answer")
        return self.levels.get(pin)

    def claim_output(self, pin: int, level: bool) -> None:
        self.claimed.append(pin)
        self.levels[pin] = level

    def claim_input(self, pin: int, pull: bool | None = None) -> None: ...

    def write(self, pin: int, level: bool) -> None: ...

    def read(self, pin: int) -> bool:
        return bool(self.levels[pin])


def test_a_start_that_takes_too_long_drops_them_whatever_its_own_thread_does():
    dropped = threading.Event()
    limit = StartLimit(dropped.set, 0.0)
    assert dropped.wait(WITHIN_S)
    with limit.lock:
        assert limit.passed


def test_a_start_that_is_over_leaves_them_also_if_the_time_passes_in_that_moment():
    dropped: list[str] = []
    limit = StartLimit(lambda: dropped.append("now"), 3600.0)
    limit.over()
    limit._pass()
    assert dropped == [] and not limit.passed


def test_nothing_is_dropped_between_looking_at_a_line_and_claiming_it():
    dropped = threading.Event()
    limit = StartLimit(dropped.set, 3600.0)
    with limit.lock:
        late = threading.Thread(target=limit._pass)
        late.start()
        assert not dropped.wait(0.02)
    late.join(WITHIN_S)
    assert dropped.is_set()
    limit.over()


def site_file(folder: Path, text: str = TWO_BAYS) -> Path:
    (folder / "state").mkdir()
    path = folder / "site.toml"
    path.write_text(text)
    return path


def test_with_a_wrong_site_file_what_was_left_on_drops_and_no_other_line_is_touched(tmp_path):
    lines = Lines(_5=True, _6=None, _7=True)
    left_on(site_file(tmp_path), lambda: lines)
    assert lines.levels == {5: False, 6: None, 7: True} and lines.claimed == [5]


@pytest.mark.parametrize("text", [
    "", "[", "\x00", "evse = 1", "[[evse]]", '[[evse]]\ncontactor = 5', TWO_BAYS.replace("5", '"5"'),
    TWO_BAYS.replace("5", "55"), TWO_BAYS.replace("5", "true"), "paths = 3\n" + TWO_BAYS[24:]])
def test_of_whatever_is_no_line_nothing_follows(tmp_path, text):
    lines = Lines(_5=True, _55=True, _1=True)
    left_on(site_file(tmp_path, text), lambda: lines)
    assert lines.levels[55] and lines.levels[1]


def test_a_controller_that_is_at_work_keeps_its_relays(tmp_path):
    lines, path = Lines(_5=True), site_file(tmp_path)
    owner = OneOwner(tmp_path / "state" / LOCK)
    left_on(path, lambda: lines)
    assert lines.levels == {5: True}
    owner.release()
    left_on(path, lambda: lines)
    assert lines.levels == {5: False}


def test_no_folder_is_made_for_a_site_that_never_ran(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text(TWO_BAYS)
    left_on(path, lambda: Lines(_5=True))
    assert [entry.name for entry in tmp_path.iterdir()] == ["site.toml"]


def test_lines_that_cannot_be_had_raise_nothing(tmp_path):
    def none() -> Lines:
        raise LineDown("cannot use GPIO", where="RPi.GPIO", got="nothing", expected="a Raspberry Pi")
    lines, path = Lines(_5=True, _6=True), site_file(tmp_path)
    lines.refuses = {5}
    left_on(path, none)
    left_on(path, lambda: lines)
    assert lines.levels == {5: True, 6: False}, "one line keeps no other from being dropped"
