"""The benchmark's rows of the firmware: its core in MicroPython, in virtual time, and its size."""

import shutil
from pathlib import Path

import pytest

from hil_tests.bench import firmware_row
from hil_tests.virtual.micropython.runtime import NoMicroPython, find_micropython

pytestmark = pytest.mark.wire
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def rows():
    try:
        find_micropython("unix")
    except NoMicroPython as missing:
        pytest.skip(str(missing))
    return {row.name: row for row in firmware_row.rows(ROOT, quick=True)}


@pytest.mark.parametrize("edge", ["C -> B", "unplugged", "shorted"])
@pytest.mark.parametrize("turns", ["4 ms", "4..10 ms"])
def test_permit_falls_in_time_under_micropython(rows, edge, turns):
    row = rows[f"CP {edge}: to PERMIT off, turns of {turns}"]
    assert row.n == 20 and row.verdict == "met" and 0 < row.p50 <= row.worst


def test_a_turn_of_a_charging_car_leaves_no_garbage(rows):
    assert rows["firmware: garbage of 250 turns"].value == 0


def test_heap_and_image_fit_the_chip(rows):
    assert 0 < rows["firmware: heap with the core built"].value < 120  # kB of 200, in words of 64 bits
    assert 0 < rows["firmware: image (.mpy)"].value < 200  # kB of 2000, with room for the logs


def test_a_program_that_fails_is_told(tmp_path):
    (tmp_path / "tests" / "firmware").mkdir(parents=True)
    shutil.copytree(ROOT / "firmware", tmp_path / "firmware")
    (tmp_path / firmware_row.PROGRAM).write_text("raise ValueError('no bench here')\n")
    with pytest.raises(RuntimeError, match="no bench here"):
        firmware_row.rows(tmp_path, quick=True)
