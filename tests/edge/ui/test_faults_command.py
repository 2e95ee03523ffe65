"""`forecourt faults`: what a technician reads at the cabinet, with and without a controller."""

import socket
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from msgspec.structs import replace

from edge.controller.catalogue import CATALOGUE
from edge.controller.faults import FaultCode
from edge.controller.snapshot import Screen
from edge.ui import faults_command
from edge.ui.faults_text import COLUMNS
from edge.ui.texts import Texts


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert faults_command.main([*argv]) == 0
    return capsys.readouterr().out


def test_the_program_has_this_command() -> None:
    point = next(p for p in entry_points(group="forecourt.commands") if p.name == "faults")
    assert point.load() is faults_command.main


def test_without_a_code_every_one_is_a_row(
        capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = run(capsys, "--run-dir", str(tmp_path), "--language", "sv")
    rows = [row for row in out.splitlines() if row[:1] == "F"]
    assert [row[:4] for row in rows] == list(FaultCode)
    assert "F402  fara        Nödstoppet är intryckt." in rows
    assert str(tmp_path) in out
    assert "okänt" in " ".join(out.split()), "it does not claim that nothing stands"


@pytest.mark.parametrize("said", ["F201", "f201", "201", " F201"])
@pytest.mark.parametrize("language", ["sv", "en"])
def test_a_code_is_told_with_cause_measure_and_remedy(
        said: str, language: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = run(capsys, said, "--run-dir", str(tmp_path), "--language", language)
    words = " ".join(out.split())
    texts = Texts(language)
    for part in (texts.text("fault.F201"), *texts.service(FaultCode.CONTACTOR_WELDED),
                 texts.text("until.technician"), "contactor welded", "PowerContactor", "CX017"):
        assert part in words
    assert max(map(len, out.splitlines()[2:])) <= COLUMNS


@pytest.mark.parametrize("said", ["F999", "", "F2011", "welded"])
def test_an_unknown_code_is_refused_with_those_there_are(
        said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        faults_command.main([said])
    err = capsys.readouterr().err
    assert repr(said) in err
    assert "F201" in err


def test_machines_get_every_field(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    told = msgspec.json.decode(run(capsys, "--json", "--run-dir", str(tmp_path)))
    assert told["standing"] is None
    assert [row["code"] for row in told["faults"]] == list(FaultCode)
    row = next(row for row in told["faults"] if row["code"] == "F415")
    kind = CATALOGUE[FaultCode.CIRCUIT_OVERLOAD]
    assert (row["severity"], row["stops"], row["until"]) == (kind.severity, kind.stops, kind.until)
    assert all(row[part] for part in ("driver", "do", "cause", "measure", "remedy"))


async def test_a_socket_that_a_dead_controller_left_is_no_answer(tmp_path: Path) -> None:
    path = tmp_path / faults_command.SOCKET
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    assert path.is_socket()
    assert await faults_command._ask(path, answer_s=0.05) is None


def test_one_fault_that_concerns_two_bays_stands_once(shown: SimpleNamespace) -> None:
    both = shown.fault(FaultCode.EMERGENCY_STOP, "stop-1")
    own = shown.fault(FaultCode.DIODE, "2")
    snapshot = shown.snapshot(shown.evse(Screen.FAULT, "1", faults=(both,)),
                              shown.evse(Screen.FAULT, "2", faults=(own, both)), faults=(both,))
    assert faults_command.standing(snapshot) == (own, both), "in the order of codes"


def test_what_stands_is_told_with_place_time_and_count(shown: SimpleNamespace) -> None:
    fault = replace(shown.fault(FaultCode.METER_SILENT, "bay-1"), since_utc="2026-05-04T12:24:10Z",
                    detail="no reading for 11 s", count=3, first_utc="2026-05-01T06:00:00Z",
                    last_utc="2026-05-04T12:24:10Z")
    fresh = replace(shown.fault(FaultCode.DIODE, "2"), count=1)
    snapshot = shown.snapshot(shown.evse(Screen.FAULT, faults=(fault, fresh)))
    rows = faults_command._standing_rows(Texts("en"), tuple(FaultCode), snapshot, Path("x"))
    words = " ".join(" ".join(rows).split())
    assert ("F102 bay-1 since 2026-05-04 14:24:10, time number 3, the first 2026-05-01 08:00:00:"
            " no reading for 11 s") in words, "in the time of the site"
    assert "F301 2 since an unknown time" in words
    assert "F301 2 since an unknown time, time number" not in words
    one = faults_command._standing_rows(Texts("en"), (FaultCode.DIODE,), snapshot, Path("x"))
    assert "F102" not in " ".join(one)
    none = faults_command._standing_rows(Texts("sv"), (FaultCode.WATER,), snapshot, Path("x"))
    assert none == ["Inget fel står nu.", ""]
