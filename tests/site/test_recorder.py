"""The flight recorder of a real virtual site: kills, faults and cards, replayed to the byte."""

import base64
import json
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from site_desk import SiteDesk, site_desk

from edge.recorder.pins import FOLDER as PINNED
from edge.recorder.pins import notes_in
from edge.recorder.segment import SUFFIX, Segment
from hil_tests.virtual.site_file import CARDS

pytestmark = pytest.mark.site


def replayed(folder: Path, *options: str) -> tuple[int, list[dict]]:
    done = subprocess.run([sys.executable, "-m", "edge.recorder.command", str(folder), "--json",
                           *options], capture_output=True, text=True, timeout=100, check=False)
    assert done.stderr == ""
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def contents(folder: Path) -> bytes:
    """Everything that all segments hold, unpacked, heads included."""
    found = b""
    for path in folder.rglob(f"*{SUFFIX}"):
        data, at, stream = path.read_bytes(), 10, zlib.decompressobj()
        found += msgpack_of(Segment(path))
        while at + 9 <= len(data):
            kind, length = data[at], int.from_bytes(data[at + 1:at + 5], "big")
            content = data[at + 9:at + 9 + length]
            packed = kind in (2, 3) and len(content) == length
            found += stream.decompress(content) if packed else content
            at += 9 + length
    return found


def msgpack_of(segment: Segment) -> bytes:
    return repr(segment.head).encode()


def forms(uid_hex: str) -> dict[str, bytes]:
    """How somebody might have written a UID."""
    uid = bytes.fromhex(uid_hex)
    return {"bytes": uid, "reversed": uid[::-1], "base64": base64.b64encode(uid)[:-1].rstrip(b"="),
            "hex": uid_hex.upper().encode(), "lower": uid_hex.lower().encode(),
            "colons": uid.hex(":").encode(), "Colons": uid.hex(":").upper().encode(),
            "spaces": uid.hex(" ").encode(), "Spaces": uid.hex(" ").upper().encode(),
            "turned": uid[::-1].hex().encode(), "Turned": uid[::-1].hex().upper().encode(),
            "number": str(int.from_bytes(uid, "big")).encode(),
            "turned number": str(int.from_bytes(uid, "little")).encode()}


async def each_card(desk: SiteDesk) -> None:
    """Every card of the site, one that nobody knows, and one that a technician names."""
    for uid in CARDS.values():
        await desk.rig.tap(uid)
    await desk.rig.tap(STRANGER)
    await desk.ask("card.withdraw", {"ref": "0" * 32})


STRANGER = "04DEADBEEF1234"


async def test_a_recorded_site_is_replayed_to_the_byte_and_names_nobody(tmp_path: Path) -> None:
    async with site_desk(tmp_path) as desk:
        await desk.start()
        await desk.energy(2)
        desk.site.kill9("controller")
        await desk.site.start("controller")
        await desk.until_screen("charging")
        await desk.ask("recorder.pin", {"words": "it hummed"})
        await desk.finish()
        await each_card(desk)
        await desk.rig.rcd_trip("1")
        await desk.until_fault("F401")
        flight = desk.site.folder / "state" / "flight"
        await desk.until(lambda: pinned(flight, "F401"), "F401 pinned")
    status, lines = replayed(flight)
    assert status == 0, lines
    told = lines[:-1]
    assert {one["boot"] for one in told} == {1, 2}
    assert [one["end_state"] is None for one in told] == [True, False], "one was killed, one ended"
    assert all(one["differs"] is None for one in told)
    kinds = {note.kind: note for note in notes_in(flight / PINNED).values()}
    assert kinds["request"].words == "it hummed"
    for name in notes_in(flight / PINNED):
        assert replayed(flight / PINNED / name)[0] == 0
    held = contents(flight)
    assert all(uid[-4:].encode() in held for uid in CARDS.values()), "it was looked into"
    assert b"it hummed" not in held, "what a technician says is in the pin's note"
    for uid in (*CARDS.values(), STRANGER):
        assert [form for form, written in forms(uid).items() if written in held] == [], uid
    status, story = replayed(flight, "--watch")
    words = " | ".join(line["words"] for line in story if "words" in line)
    for part in ("session", "closing -> charging", "start register", "took", "FAULT F401", "unknown"):
        assert part in words, part


async def pinned(flight: Path, kind: str) -> bool:
    return any(note.kind == kind for note in notes_in(flight / PINNED).values())
