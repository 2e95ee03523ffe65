"""`forecourt board` against a board that runs the real firmware, over a serial line."""

import json
import time

import pytest

from edge.outlet.command import main
from hil_tests.virtual.board import Board

pytestmark = pytest.mark.wire

UNIT = 11


@pytest.fixture
def board(tmp_path):
    with Board(tmp_path, unit=UNIT) as board:
        board.wait_ready()
        yield board


def run(board, command, *words):
    url = f"rtu:{board.port}?baud=19200&parity=E"
    return main([command, "--url", url, "--unit", str(UNIT), *words])


def seen(board, pilot, capsys):
    """What `info` shows once the pilot has settled."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and run(board, "info", "--json") == 0:
        shown = json.loads(capsys.readouterr().out)
        if shown["status"]["pilot"] == pilot:
            return shown
    raise AssertionError(f"pilot {pilot} was not seen")


def test_info_shows_who_it_is_and_every_register(board, capsys):
    shown = seen(board, "A", capsys)
    assert shown["identity"]["vendor"]
    assert shown["registers"]["supply_mv"] == pytest.approx(12_000, abs=100)
    assert shown["status"]["temperature_c"] == pytest.approx(25, abs=2)


def test_the_self_test_finds_a_good_module_and_the_pilot_on_both_levels(board, capsys):
    run(board, "selftest", "--json")  # the verdict on its loop's time depends on this machine
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    for name in ("residual current module", "pilot, high", "pilot, low", "supply of the board",
                 "temperature", "contactor", "Pi's relay", "faults", "memory"):
        assert checks[name]["verdict"] == "ok", checks[name]
    assert checks["drop-out of the contactor"]["verdict"] == "?"


def test_the_self_test_finds_a_dead_module(board, capsys):
    board.set_rcd_module("dead")
    assert run(board, "selftest") == 1
    out = capsys.readouterr().out
    assert "FAIL residual current module   no trip" in out and out.endswith("NOT passed\n")


def test_a_script_calibrates_and_the_board_keeps_it_through_a_power_cut(board, capsys):
    assert run(board, "calibrate", "--high-mv", "12200", "--low-mv", "-11900", "--yes") == 0
    assert "ok" in capsys.readouterr().out
    board.power(False)
    board.power(True)
    board.wait_ready()
    shown = seen(board, "A", capsys)
    assert shown["status"]["cp_high_mv"] == pytest.approx(12_200, abs=30)


def test_nothing_is_written_that_is_out_of_range(board, capsys):
    assert run(board, "calibrate", "--high-mv", "9000", "--low-mv", "-12000", "--yes") == 1
    assert "high plateau: got 9000" in capsys.readouterr().err
    assert run(board, "info", "--json") == 0
    assert json.loads(capsys.readouterr().out)["registers"]["calibration_seq"] == 0


def test_with_a_car_nothing_is_calibrated(board, capsys):
    board.set_cp(2740)
    seen(board, "B", capsys)
    assert run(board, "calibrate", "--high-mv", "12000", "--low-mv", "-12000", "--yes") == 1
    assert "state A" in capsys.readouterr().err
