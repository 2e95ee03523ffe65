"""The doctor and the bundle on a whole virtual site: well, stopped, killed, broken in many ways."""

import asyncio
import base64
import json
import os
import signal
import tarfile
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from site_desk import SiteDesk, site_desk

from edge.recorder.replay import replay, segment_files
from edge.rfid.tokens.store import TokenStore
from edge.rfid.tokens.vault import Vault
from hil_tests.virtual.site import command
from hil_tests.virtual.site_file import CARDS, Choices

pytestmark = [pytest.mark.site, pytest.mark.timeout(300)]

MODULE = pytest.mark.asyncio(loop_scope="module")
STATUS_WELL, STATUS_ATTENTION, STATUS_WRONG, STATUS_SILENT = range(4)
PAGE_S = 30.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SiteDesk]:
    """A site with one session behind it and one that goes on."""
    choices = Choices(state_limit_mb=100, rules={"disk_low_mb": 60, "disk_full_mb": 20})
    async with site_desk(tmp_path_factory.mktemp("site"), evses=2, choices=choices) as desk:
        await desk.start("1")
        await desk.energy(5, "1")
        await desk.finish("1")
        await desk.cdrs(1)
        await desk.start("2")
        yield desk


async def run(*words: str) -> tuple[int, str, str]:
    """A command to its end: exit status, what it said, and what it complained of."""
    process = await asyncio.create_subprocess_exec(
        *command(*words), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "NO_COLOR": "1"})
    out, err = await asyncio.wait_for(process.communicate(), PAGE_S)
    return process.returncode or 0, out.decode(), err.decode()


async def doctor(desk: SiteDesk) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit status, and what is not well, by its part."""
    status, out, _ = await run("doctor", "--site", str(desk.site.site_file), "--json")
    findings = json.loads(out)["findings"]
    return status, {f["part"]: f for f in findings if f["grade"] != "ok"}


@MODULE
async def test_a_well_site_is_one_page_and_status_0(desk: SiteDesk) -> None:
    status, page, _ = await run("doctor", "--site", str(desk.site.site_file))
    assert (status, "All well." in page) == (STATUS_WELL, True), page
    assert page.count("\n") <= 45 and max(map(len, page.splitlines())) <= 80
    for part in ("controller", "bus cabinet", "boards", "meters", "readers", "rows", "clock", "sync",
                 "recorder", "watchdog", "processes", "disk", "memory"):
        assert f"ok        {part}" in page


@MODULE
async def test_a_controller_that_was_stopped_is_said_to_be(desk: SiteDesk) -> None:
    pid = desk.site.children.pid("controller")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        status, found = await doctor(desk)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert status == STATUS_SILENT
    assert f"pid {pid} is stopped by a signal" in found["controller"]["what"]
    assert f"kill -CONT {pid}" in found["controller"]["remedy"]


@MODULE
async def test_without_a_controller_its_files_are_looked_at(desk: SiteDesk) -> None:
    await desk.kill_controller()
    try:
        status, out, _ = await run("doctor", "--site", str(desk.site.site_file), "--json")
        bundle = desk.site.folder / "without.tar.gz"
        packed, told, _ = await run("diagnostics", "--site", str(desk.site.site_file),
                                    "--out", str(bundle))
    finally:
        await desk.start_controller()
    found = {f["part"]: f for f in json.loads(out)["findings"]}
    assert status == STATUS_SILENT
    assert "does not run" in found["controller"]["what"]
    assert "service.sock" in found["sockets"]["what"] and found["sockets"]["remedy"]
    assert found["site file"]["grade"] == found["journal"]["grade"] == "ok"
    assert "whole" in found["journal"]["what"]
    assert packed == 0, told
    assert personal_in(unpacked(bundle), secrets_of(desk)) == []


@MODULE
async def test_the_bundle_holds_what_a_developer_needs_and_names_nobody(
        desk: SiteDesk, tmp_path: Path) -> None:
    bundle = desk.site.folder / "bundle.tar.gz"
    logs = [word for name in ("controller", "sync")
            for word in ("--log", str(desk.site.folder / f"{name}.log"))]
    status, told, errors = await run(
        "diagnostics", "--site", str(desk.site.site_file), "--out", str(bundle), *logs)
    assert (status, errors) == (0, "")
    files = unpacked(bundle)
    for name in ("doctor.txt", "doctor.json", "versions.json", "site.toml", "rows/tx.jsonl",
                 "rows/ev.jsonl", "logs/controller.log", "flight/pins.json"):
        assert files[name] and name in told, name
    types = {json.loads(line)["type"] for line in files["rows/tx.jsonl"].splitlines()}
    assert {"tx.event.v1", "tx.cdr.v1"} <= types
    assert json.loads(files["MANIFEST.json"])["masked"]["card"] >= 2
    secrets = secrets_of(desk)
    assert len(secrets) >= 34
    assert personal_in(files, secrets) == []
    assert_replays(files, tmp_path)


def assert_replays(files: dict[str, bytes], folder: Path) -> None:
    """The recording of a bundle gives the same effects as on the site, to the byte."""
    for name, data in files.items():
        if name.endswith(".flight"):
            (folder / Path(name).name).write_bytes(data)
    told = [replay(path) for path in segment_files(folder)]
    assert [one.differs for one in told if one.differs is not None] == []
    assert sum(one.steps for one in told) > 100


@MODULE
async def test_a_place_that_takes_nothing_is_said_to_be_none(desk: SiteDesk) -> None:
    status, _, errors = await run("diagnostics", "--site", str(desk.site.site_file), "--out",
                                  str(desk.site.folder / "none" / "b.tar.gz"))
    assert status == 1 and "--out" in errors


@MODULE
async def test_several_broken_things_are_each_named_with_a_remedy(desk: SiteDesk) -> None:
    """The last one here: nothing is mended."""
    await desk.rig.ask("line_fault", line="cabinet", kind="silent", unit=2)
    await desk.rig.ask("sensor", sensor="cabinet", celsius=25.0, trouble="gone")
    await desk.rig.cut("network")
    await desk.rig.cut("reader")
    await desk.rig.ask("estop", evse="2")
    await asyncio.to_thread(desk.site.fill_state, 50)
    sync = desk.site.children.pid("sync")
    assert sync is not None
    os.kill(sync, signal.SIGSTOP)
    try:
        for code in ("F102", "F104", "F402", "F501", "F603", "F701"):
            await desk.until_fault(code)
        status, found = await doctor(desk)
        _, page, _ = await run("doctor", "--site", str(desk.site.site_file))
    finally:
        os.kill(sync, signal.SIGCONT)
    assert status == STATUS_WRONG
    grades = {part: f["grade"] for part, f in found.items()}
    assert {part: grades.get(part) for part in (
        "F102 bay-1", "F104 cabinet", "F402 2", "F501 front", "bus cabinet", "sync process")} == {
        "F102 bay-1": "wrong", "F104 cabinet": "attention", "F402 2": "wrong", "F501 front": "wrong",
        "bus cabinet": "attention", "sync process": "attention"}
    assert {"F603", "F701"} <= {part.split()[0] for part in found}
    assert all(f["remedy"] and not f["remedy"].startswith("Run `forecourt faults")
               for f in found.values())
    assert "2 meter bay-1" in found["bus cabinet"]["what"]
    assert str(sync) in found["sync process"]["what"]
    assert page.index("WRONG     F102 bay-1") < page.index("ATTENTION F104 cabinet")


def unpacked(bundle: Path) -> dict[str, bytes]:
    """Its files by name, each with its mode as it should be."""
    assert bundle.stat().st_mode & 0o777 == 0o600
    files = {}
    with tarfile.open(bundle) as tar:
        for member in tar:
            assert member.mode == 0o600
            inside = tar.extractfile(member)
            assert inside is not None
            files[member.name.partition("/")[2]] = inside.read()
    return files


def secrets_of(desk: SiteDesk) -> dict[str, str]:
    """Everything that names a person or a place on this site, in every form that somebody may write."""
    found = {"phone": "+46 10 000 00 00", "mail": "help@example.org", "name": "Hamngatan garage",
             "address": "Hamngatan 1", "postal code": "111 47", "latitude": "59.33258",
             "label": '"Bay 1"'}
    for name, uid in CARDS.items():
        raw = bytes.fromhex(uid)
        for form, text in (("upper", uid), ("lower", uid.lower()), ("colons", raw.hex(":")),
                           ("blanks", raw.hex(" ").upper()), ("reversed", raw[::-1].hex()),
                           ("little", str(int.from_bytes(raw, "little"))),
                           ("big", str(int.from_bytes(raw, "big"))),
                           ("base64", base64.b64encode(raw).decode()), ("raw", raw.decode("latin-1")),
                           ("last4", f'"{uid[-4:]}"')):
            found[f"{name} {form}"] = text
    state_dir = desk.site.state_dir
    with closing(TokenStore.open(state_dir, Vault.load(state_dir))) as store:
        for uid in CARDS.values():
            token = store.lookup(bytes.fromhex(uid)).token
            ref, sealed, contract = bytes.fromhex(token.ref), token.sealed, token.contract_id
            assert sealed and contract, "a card of the site is not in its store"
            found |= {f"ref {ref.hex()}": ref.hex(), f"raw ref {ref.hex()}": ref.decode("latin-1"),
                      f"sealed {sealed}": sealed, f"contract {contract}": contract}
    return found


def personal_in(files: dict[str, bytes], secrets: dict[str, str]) -> list[str]:
    """Which of it is in which file, recordings unpacked."""
    found = []
    for name, data in files.items():
        text = (readable(name, data) if name.endswith(".flight") else data).decode("latin-1")
        found += [f"{name}: {what}" for what, secret in secrets.items()
                  if secret in text or secret in text.replace('\\"', '"')]
    return found


def readable(name: str, data: bytes) -> bytes:
    """A segment's content as the recorder got it."""
    import struct
    import zlib
    stream, at, content = zlib.decompressobj(), 10, data[:10]
    while at < len(data):
        kind, length, _ = struct.unpack_from(">BII", data, at)
        block = data[at + 9:at + 9 + length]
        content += stream.decompress(block) if kind in (2, 3) else block
        at += 9 + length
    assert len(content) > len(data), name
    return content
