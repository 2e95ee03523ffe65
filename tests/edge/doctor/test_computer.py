"""What files of the kernel and systemd's answers mean."""

import fcntl
import os
from pathlib import Path

import pytest

from edge.doctor import computer
from edge.doctor.finding import Finding, Grade
from edge.doctor.processes import examine, motionless
from edge.link.health import ClientHealth, Health

THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"


def put(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def grades(found: list[Finding]) -> list[str]:
    return [f"{f.grade} {f.part}" for f in found]


@pytest.mark.parametrize(("milli", "grade"), [(45_000, "ok"), (76_000, "attention"),
                                              (83_000, "attention")])
def test_heat(tmp_path: Path, milli: int, grade: str) -> None:
    put(tmp_path, "sys/class/thermal/thermal_zone0/temp", "30000\n")
    put(tmp_path, "sys/class/thermal/thermal_zone1/temp", f"{milli}\n")
    put(tmp_path, "sys/class/thermal/thermal_zone2/temp", "garbage\n")
    (found,) = computer.temperature(tmp_path)
    assert found.grade == grade and f"{milli // 1000} C" in found.what


def test_what_a_computer_does_not_have_is_not_said(tmp_path: Path) -> None:
    for part in (computer.temperature, computer.supply, computer.memory, computer.units):
        assert list(part(tmp_path)) == []


@pytest.mark.parametrize(("bits", "grade", "words"), [
    ("0", "ok", "no low voltage"), ("50005", "attention", "now: supply voltage too low, throttled"),
    ("50000\n", "attention", "since the start: supply voltage too low, throttled"),
    ("80008", "attention", "soft temperature limit")])
def test_what_a_pi_has_seen_of_its_supply(tmp_path: Path, bits: str, grade: str, words: str) -> None:
    put(tmp_path, THROTTLED, bits)
    (found,) = computer.supply(tmp_path)
    assert found.grade == grade and words in found.what


@pytest.mark.parametrize(("free_kb", "grade"), [(500_000, "ok"), (90_000, "attention")])
def test_memory(tmp_path: Path, free_kb: int, grade: str) -> None:
    put(tmp_path, "proc/meminfo", f"MemTotal: 1000000 kB\nMemFree: 1 kB\nMemAvailable: {free_kb} kB\n")
    put(tmp_path, "proc/uptime", "7260.5 100.0\n")
    (found,) = computer.memory(tmp_path)
    assert found.grade == grade and "2 h 1 min" in found.what


SHOWN = """Id=forecourt.service
LoadState=loaded
ActiveState={0}
SubState=running
UnitFileState=enabled
NRestarts={1}
Result={2}

Id=forecourt-sync.service
LoadState=loaded
ActiveState={3}
SubState=dead
UnitFileState=enabled
NRestarts=0
Result=success

Id=forecourt-ui.service
LoadState=not-found
ActiveState=inactive
SubState=dead
"""


@pytest.mark.parametrize(("values", "found"), [
    (("active", 0, "success", "active"), ["ok systemd"]),
    (("failed", 3, "watchdog", "active"), ["wrong unit forecourt", "ok systemd"]),
    (("active", 0, "success", "inactive"), ["attention unit forecourt-sync", "ok systemd"])])
def test_units(values: tuple[object, ...], found: list[str]) -> None:
    lines = list(computer.judge_units(SHOWN.format(*values)))
    assert grades(lines) == found
    if values[0] == "failed":
        assert "watchdog, started anew 3 times" in lines[0].what


def test_a_serial_adapter_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    put(tmp_path, "dev/serial/by-id/usb-FTDI_1-if00", "")
    put(tmp_path, "dev/ttyAMA0", "")
    missing, there = computer.devices(["/dev/forecourt-rs485", "/dev/ttyAMA0"], tmp_path)
    assert missing.grade is Grade.WRONG and there.grade is Grade.OK
    assert "/dev/forecourt-rs485" in missing.what and "usb-FTDI_1-if00" in missing.what


def test_the_state_folder_that_is_not_there(tmp_path: Path) -> None:
    found = computer.examine(tmp_path / "none", tmp_path)
    assert grades(found) == ["wrong disk"]
    assert grades(computer.examine(tmp_path, tmp_path)) == ["ok disk"]


def test_the_letter_of_a_process_with_a_strange_name(tmp_path: Path) -> None:
    put(tmp_path, "proc/7/stat", "7 (a) T b) T 1 7 7 0")
    put(tmp_path, "proc/8/stat", "8 (ok) S 1 8 8 0")
    assert computer.process_state(7, tmp_path) == "T"
    assert motionless(7, tmp_path) == "stopped by a signal (SIGSTOP)"
    assert motionless(8, tmp_path) is None
    assert motionless(9, tmp_path) is None


def test_who_holds_a_lock_is_told_without_locking(tmp_path: Path) -> None:
    file = tmp_path / "journal.db.lock"
    assert computer.holder_of(file) is None
    with file.open("w") as held:
        assert computer.holder_of(file) is None
        fcntl.flock(held, fcntl.LOCK_EX)
        assert computer.holder_of(file) == os.getpid()


def test_a_client_that_was_stopped_is_named(tmp_path: Path) -> None:
    from well import WELL
    for pid, letter in ((411, "S"), (420, "S"), (430, "T"), (440, "D")):
        put(tmp_path, f"proc/{pid}/stat", f"{pid} (python) {letter} 1 1 1 0")
    found = list(examine(WELL, tmp_path))
    assert grades(found) == ["attention sync process", "ok processes"]
    assert "430" in found[0].what and "kill -CONT 430" in found[0].remedy
    assert "ui 440" in found[1].what


def test_a_technician_at_the_service_socket_is_no_process_of_the_site(tmp_path: Path) -> None:
    import msgspec
    from well import WELL
    health: Health = msgspec.structs.replace(
        WELL, clients=(ClientHealth(origin="service", pid=9, uid=0),))
    (found,) = examine(health, tmp_path)
    assert "9" not in found.what.replace("no screen", "")
    assert "no screen" in found.what
