"""The units start commands that exist, each as a user of its own with no more than its part needs."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edge.rfid.tokens import vault
from edge.station.run import LAST_S
from edge.station.vitals import LATE_S, STUCK_S
from edge.station.winding_down import STOP_OPEN_S

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "deploy/systemd"
SERVICES = sorted(file.name for file in UNITS.glob("*.service"))
COMMANDS = {"forecourt.service": "run", "forecourt-sync.service": "sync", "forecourt-ui.service": "ui",
            "forecourt-ingest.service": "ingest run"}
EXCEPT_THE_CONTROLLER = sorted(COMMANDS.keys() - {"forecourt.service"})
CLIENTS = ["forecourt-sync.service", "forecourt-ui.service"]


def directives(name: str) -> dict[str, list[str]]:
    """Every directive of a unit with all of its values; continued lines are one."""
    text = (UNITS / name).read_text(encoding="utf-8").replace("\\\n", " ")
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(" ".join(value.split()))
    return found


def words(name: str, key: str) -> list[str]:
    return " ".join(directives(name).get(key, [])).split()


def test_there_is_a_unit_for_each_process() -> None:
    assert set(SERVICES) == COMMANDS.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_starts_its_command(name: str) -> None:
    (start,) = directives(name)["ExecStart"]
    assert f"/opt/forecourt/bin/forecourt {COMMANDS[name]} " in start


def test_the_controller_gets_every_secret_that_may_be_sealed_and_nobody_else_any() -> None:
    names = (vault.PEPPER, vault.LIST_KEY, *vault.SITE_KEYS)
    assert words("forecourt.service", "LoadCredentialEncrypted") == [
        f"{vault.CREDENTIAL_PREFIX}{name}" for name in names]
    for name in CLIENTS:
        assert words(name, "LoadCredentialEncrypted") == []


def test_no_process_leaves_a_core_file() -> None:
    """Keys and numbers of cards are in the memory of the controller and of its readers."""
    assert {name: words(name, "LimitCORE") for name in SERVICES} == {n: ["0"] for n in SERVICES}


def test_every_process_has_a_user_of_its_own() -> None:
    users = [directives(name)["User"] for name in SERVICES]
    assert sorted(users) == sorted([name.removesuffix(".service")] for name in SERVICES)


def test_every_user_and_group_is_declared() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in UNITS.glob("*.sysusers"))
    declared = set(re.findall(r"^[ug] (\S+)", text, re.M))
    keys = ("User", "Group", "SupplementaryGroups")
    wanted = {user for name in SERVICES for key in keys for user in words(name, key)}
    assert wanted <= declared


@pytest.mark.parametrize("name", SERVICES)
def test_no_process_can_gain_rights_or_write_the_system(name: str) -> None:
    unit = directives(name)
    assert unit["NoNewPrivileges"] == ["yes"] and unit["ProtectSystem"] == ["strict"]
    assert unit["ProtectHome"] == ["yes"] and unit["Restart"] == ["always"]
    assert unit["StateDirectory"] == unit["User"] and unit["StateDirectoryMode"] == ["0700"]


@pytest.mark.parametrize("name", EXCEPT_THE_CONTROLLER)
def test_only_the_controller_reaches_devices(name: str) -> None:
    assert not {"dialout", "gpio", "plugdev"} & set(words(name, "SupplementaryGroups"))
    assert "DeviceAllow" not in directives(name)


def test_the_controller_and_the_screen_have_no_network() -> None:
    for name in ("forecourt.service", "forecourt-ui.service"):
        assert not {"AF_INET", "AF_INET6"} & set(words(name, "RestrictAddressFamilies"))
        assert words(name, "IPAddressDeny") == ["any"]


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_reaches_the_sockets_by_the_group_of_their_folder(name: str) -> None:
    controller = directives("forecourt.service")
    assert words(name, "SupplementaryGroups") == controller["Group"] == ["forecourt-clients"]
    assert controller["RuntimeDirectory"] == ["forecourt"]
    assert controller["RuntimeDirectoryMode"] == ["0750"]
    assert "--run-dir %t/forecourt" in directives(name)["ExecStart"][0]


def test_sync_keeps_nothing_in_the_controllers_folder() -> None:
    assert "--state-dir %S/forecourt-sync" in directives("forecourt-sync.service")["ExecStart"][0]


def test_the_controller_is_watched_and_started_again_for_ever() -> None:
    unit = directives("forecourt.service")
    assert unit["Type"] == ["notify"] and unit["NotifyAccess"] == ["main"]
    assert unit["Restart"] == ["always"] and unit["StartLimitIntervalSec"] == ["0"]
    assert unit["RestartPreventExitStatus"] == ["2"]
    assert "AF_UNIX" in words("forecourt.service", "RestrictAddressFamilies"), "of NOTIFY_SOCKET"


def test_the_times_of_the_unit_fit_those_of_the_controller() -> None:
    unit = {key: float(values[0].removesuffix("ms")) for key, values in
            directives("forecourt.service").items() if key.endswith("Sec")}
    assert unit["WatchdogSec"] > LATE_S + STUCK_S, "what may be late or slow is not killed for it"
    assert unit["TimeoutStopSec"] > STOP_OPEN_S + LAST_S, "an orderly stop is never cut short"
    assert unit["RestartSec"] / 1000 + 3.0 < 5.0, "a grant lives 5 s: who dies is back before"


def test_readers_names_have_no_underscore() -> None:
    rules = (ROOT / "deploy/udev/60-forecourt.rules").read_text(encoding="utf-8")
    links = re.findall(r'SYMLINK\+="([^"]*)"', rules)
    assert links and all(re.fullmatch(r"[A-Za-z0-9-]+", link) for link in links)


def test_the_kiosk_has_no_key_that_starts_a_program() -> None:
    text = (ROOT / "deploy/kiosk/foot.ini").read_text(encoding="utf-8")
    bindings = text.partition("[key-bindings]")[2].strip().splitlines()
    assigned = [line for line in bindings if "=" in line]
    assert assigned and all(line.endswith("=none") for line in assigned)


@pytest.mark.wire
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    for name in SERVICES:  # the programs that they start are not installed here
        text = (UNITS / name).read_text(encoding="utf-8")
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.M)
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *(tmp_path / n for n in SERVICES)],
                          capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if str(tmp_path) in line]
    assert complaints == [] and done.returncode == 0


@pytest.mark.wire
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemds_complaints_are_seen(tmp_path: Path) -> None:
    unit = tmp_path / "wrong.service"
    unit.write_text("[Service]\nExecStart=/bin/true\nProtectSytem=strict\n", encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True,
                          text=True, check=False)
    assert [line for line in done.stderr.splitlines() if str(tmp_path) in line]


@pytest.mark.wire
@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="needs systemd-sysusers")
@pytest.mark.parametrize("file", sorted(file.name for file in UNITS.glob("*.sysusers")))
def test_systemd_understands_the_users(tmp_path: Path, file: str) -> None:
    lines = (UNITS / file).read_text(encoding="utf-8")
    (tmp_path / "etc").mkdir()
    done = subprocess.run(["systemd-sysusers", "--dry-run", f"--root={tmp_path}", "-"],
                          input=lines, capture_output=True, text=True, check=False)
    made = re.findall(r"user '(\S+)'", done.stderr)
    assert done.returncode == 0 and set(re.findall(r"^u (\S+)", lines, re.M)) <= set(made)
