"""A site whose people hold cards of every kind to its reader: who charges, who is erased, and that no
number of any card is to be found in what the site leaves behind.
"""

import asyncio
import base64
import json
import zlib
from pathlib import Path

import pytest
from card_bench import fill
from site_desk import SiteDesk, site_desk

from edge.recorder.segment import SUFFIX
from edge.rfid.tokens.store import TokenStore
from edge.rfid.tokens.vault import Vault
from hil_tests.virtual.site import command
from hil_tests.virtual.site_cards import SITE_CARDS

pytestmark = [pytest.mark.site, pytest.mark.timeout(300)]

UIDS = {card.name: card.uid for card in SITE_CARDS}


async def ours(*words: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command(*words), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def tapped_while(desk: SiteDesk, name: str, *words: str) -> tuple[int, str, str]:
    """A command that waits for a card, and the card; held again as long as it has not come."""
    done = asyncio.create_task(ours(*words))
    while not done.done():
        await asyncio.sleep(2.0)
        if not done.done():
            await desk.rig.tap(name)
    return await done


async def refused(desk: SiteDesk, name: str, why: str) -> None:
    async def told() -> bool:
        await desk.rig.tap(name)
        await asyncio.sleep(1.2)
        taps = json.loads(await desk._request("card.refusals", {}))["taps"]
        return any(tap["why"] == why and tap["last4"] == UIDS[name][-4:] for tap in taps)
    await desk.until(told, f"{name} refused as {why}")


async def test_who_holds_a_card_charges_and_nothing_names_it(tmp_path: Path) -> None:
    async with site_desk(tmp_path, evses=1) as desk:
        state, here = desk.site.state_dir, ("--site", str(desk.site.site_file))
        store = TokenStore.open(state, Vault.load(state))
        fill(store)
        ref = store.token(bytes.fromhex(UIDS["carla"])).ref
        store.close()
        await desk.rig.plug("1")
        await desk.until_screen("tap_card")
        await refused(desk, "carla-copy", "card_copy")
        await refused(desk, "stranger", "card_refused")
        assert (await desk.evse())["screen"] == "tap_card"
        status, out, err = await tapped_while(desk, "carla", "card", "read", *here, "--json")
        assert status == 0, err
        card = json.loads(out)
        assert (card["uid"], card["level"], card["allowed"]) == (UIDS["carla"], 3, {"1": ""})
        assert (await desk.evse())["screen"] == "tap_card", "it was shown to the technician alone"
        await asyncio.sleep(1.2)
        await desk.rig.tap("carla")
        await desk.until_screen("charging")
        await desk.energy(2)
        status, out, _ = await ours("card", "enrol", *here, "--refused")
        index = next(line.split()[0] for line in out.splitlines() if UIDS["stranger"][-4:] in line)
        status, out, err = await ours("card", "enrol", *here, "--refused", index, "--contract", "C-1")
        assert status == 0 and UIDS["stranger"][-4:] in out, err
        status, out, err = await ours("privacy", "erase", "--token", ref, "--state-dir", str(state))
        assert status == 0 and "sealing key is destroyed" in out, err
        status, _, _ = await ours("privacy", "erase", "--token", ref, "--state-dir", str(state))
        await asyncio.sleep(1.2)
        await desk.rig.tap("carla")  # whose session it is she may still end
        await desk.until_screen("finished")
        await desk.rig.unplug("1")
        (cdr,) = await desk.cdrs(1)
        journal = str(state / "journal.db")
    assert (await ours("journal", "verify", journal))[0] == 0
    store = TokenStore.open(state, Vault.load(state))
    assert store.lookup(bytes.fromhex(UIDS["stranger"])).record is not None
    store.close()
    assert ref in json.dumps(cdr) or UIDS["carla"][-4:] in json.dumps(cdr)
    left = left_behind(tmp_path)
    assert ref.encode() in left, "it was looked into"
    for name, uid in UIDS.items():
        assert [form for form, written in forms(uid).items() if written in left] == [], name


def left_behind(folder: Path) -> bytes:
    """All files of the site but those that say what the cabinet's people carry, recordings unpacked."""
    found = b""
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name.startswith("cabinet") or path.name == "moves.jsonl":
            continue
        data = path.read_bytes()
        found += unpacked(data) if path.suffix == SUFFIX else data
    return found


def unpacked(data: bytes) -> bytes:
    found, at, stream = b"", 10, zlib.decompressobj()
    while at + 9 <= len(data):
        kind, length = data[at], int.from_bytes(data[at + 1:at + 5], "big")
        content = data[at + 9:at + 9 + length]
        found += stream.decompress(content) if kind in (2, 3) and len(content) == length else content
        at += 9 + length
    return found


def forms(uid_hex: str) -> dict[str, bytes]:
    uid = bytes.fromhex(uid_hex)
    return {"bytes": uid, "reversed": uid[::-1], "base64": base64.b64encode(uid)[:-1].rstrip(b"="),
            "hex": uid_hex.upper().encode(), "lower": uid_hex.lower().encode(),
            "colons": uid.hex(":").encode(), "Colons": uid.hex(":").upper().encode(),
            "turned": uid[::-1].hex().encode(), "Turned": uid[::-1].hex().upper().encode(),
            "number": str(int.from_bytes(uid, "big")).encode(),
            "turned number": str(int.from_bytes(uid, "little")).encode()}
