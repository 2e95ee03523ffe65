"""The exploration can fail: a copy of the core with one rule less is caught each time."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[3]
CORE = "edge/controller"

#: What is broken: the file, a line of it, and what stands there instead; once or more often.
MUTANTS: dict[str, tuple[str, ...]] = {
    "no minimum off time": (
        "closing.py", '"the minimum off time is over": rested', '"-": lambda t, o: True'),
    "closes on an old reading, of which no fault is made": (
        "closing.py", '"the last reading is fresh": _fresh_reading', '"-": lambda t, o: True',
        "rules/meter.py", "code=FaultCode.METER_SILENT, where=meter_id, evse_id=evse.id",
        "code=FaultCode.METER_SILENT, where=meter_id"),
    "closes without a start register": (
        "closing.py", '"the start register was read": _start_register', '"-": lambda t, o: True'),
    "closes without a diode": (
        "closing.py", "o.board is not None and o.board.diode_ok", "o.board is not None"),
    "closes into a weld": ("closing.py", "lambda _, o: is_open(o)", "lambda _, o: True"),
    "ventilation is everywhere": (
        "closing.py", "state is PilotState.D and turn.evse(outlet.evse_id).ventilation",
        "state is PilotState.D"),
    "charges on at B": (
        "phase.py", "S.CAR_RESTS: _to(P.READY, Do.OPEN),", ""),
    "charges on without PERMIT": (
        "phase.py", "S.PERMIT_LOST: _to(P.READY, Do.OPEN),", ""),
    "charges on through a cut": (
        "phase.py", "S.TRIPPED: _END, S.CUT: _CUT,", "S.TRIPPED: _END,"),
    "does not open for a trip": (
        "phase.py", "S.TRIPPED: _END, S.CUT: _CUT,", "S.CUT: _CUT,"),
    "waits too long after X1": (
        "signs.py", "turn.timers.stop_open_s", "turn.timers.stop_open_s * 2"),
    "a stop is forgotten": ("signs.py", "o.stop is not None or", ""),
    "a number is used twice": ("moves.py", "seq_no=session.seq_no + 1", "seq_no=session.seq_no"),
    "an end is told twice": ("moves.py", "told=True", "told=False"),
    "a session is not kept": (
        "moves.py",
        "    turn.emit(SaveSession(transaction_id=session.transaction_id, session=session))\n"
        "    return session", "    return session"),
    "another car goes on": (
        "plug.py", "outlet.board.plug_seq != outlet.session.plug_seq", "False"),
    "a lost board is believed": (
        "rules/board.py", "if outlet.board_error is not None:", "if False:"),
    "renews while it pauses": (
        "upkeep.py", "outlet.phase in (Phase.CLOSING, Phase.CHARGING)",
        "outlet.phase in (Phase.CLOSING, Phase.CHARGING, Phase.PAUSING, Phase.STOPPING)"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_core_without_a_rule_is_caught(name, tmp_path):
    shutil.copytree(ROOT / CORE, tmp_path / CORE)
    edits = iter(MUTANTS[name])
    for file, line, instead in zip(edits, edits, edits, strict=True):
        path = tmp_path / CORE / file
        text = path.read_text(encoding="utf-8")
        assert line in text, "the rule is written otherwise now"
        path.write_text(text.replace(line, instead), encoding="utf-8")
    explored = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "support" / "explore.py")], cwd=tmp_path,
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(tmp_path)}, check=False)
    assert explored.stdout.startswith("broken"), explored.stdout + explored.stderr
    print(explored.stdout.strip())
