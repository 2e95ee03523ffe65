"""A technician's commands at a reader that no controller has: each runs the reader process itself."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from card_bench import fill, site_keys

from edge.rfid.tokens.store import TokenStore
from edge.rfid.tokens.vault import Vault
from hil_tests.virtual.field import CardField
from hil_tests.virtual.site import command
from hil_tests.virtual.site_cards import AUTHORITY_ID, AUTHORITY_POINT, SITE_CARDS
from hil_tests.virtual.wallet import Wallet

pytestmark = pytest.mark.wire

UIDS = {card.name: card.uid for card in SITE_CARDS}
WALLET = Wallet({card.name: card.spec for card in SITE_CARDS})


class Bench:
    """A site's file, its list, and a reader that nobody has opened."""

    def __init__(self, folder: Path, field: CardField) -> None:
        self.folder, self.field = folder, field
        self.file = folder / "site.toml"
        self.file.write_text(f'''[site]
virtual = true
[paths]
state = "."
run = "run"
[[reader]]
id = "front"
path = "udp:127.0.0.1:{field.port}"
[proofs]
uid_applications = ["D2760000850101", "F04543"]
authorities = {{ {AUTHORITY_ID} = "{AUTHORITY_POINT}" }}
''')

    def store(self) -> TokenStore:
        return TokenStore.open(self.folder, Vault.load(self.folder))

    async def run(self, name: str, *words: str) -> tuple[int, str, str]:
        """The command, with that card held to the reader until it has ended."""
        self.field.present(WALLET.card(name))
        process = await asyncio.create_subprocess_exec(
            *command("card", *words, "--site", str(self.file)),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode or 0, out.decode(), err.decode()


@contextlib.asynccontextmanager
async def made(folder: Path) -> AsyncIterator[Bench]:
    field = CardField()
    await field.start()
    site_keys(folder)
    bench = Bench(folder, field)
    store = bench.store()
    fill(store)
    store.close()
    yield bench
    await field.stop()


async def test_a_card_is_read_with_all_that_a_support_call_asks_for(tmp_path):
    async with made(tmp_path) as bench:
        status, out, err = await bench.run("emil", "read")
        assert (status, "No controller runs" in err) == (0, True), err
        for part in (UIDS["emil"], "level 4", "Accepted (own), enrolled at level 4",
                     bytes.fromhex(UIDS["emil"])[::-1].hex().upper(),
                     str(int(UIDS["emil"], 16)), "nobody can say"):
            assert part in out
        status, out, _ = await bench.run("carla-forged", "read", "--json")
        card = json.loads(out)
        assert (status, card["level"], card["unproven"], card["known"]) == (0, 0, "wrong", True)
        assert card["forms"]["colons"] == ":".join(
            UIDS["carla"][n:n + 2] for n in range(0, 14, 2))


async def test_a_card_is_enrolled_by_holding_it_to_the_reader(tmp_path):
    async with made(tmp_path) as bench:
        status, out, err = await bench.run(
            "stranger", "enrol", "--contract", "C-1", "--user", "Ms Smith", "--role", "fleet",
            "--windows", "Mo-Fr 07:00-18:00", "--quotas", "month 100 kWh", "--language", "sv")
        assert (status, out) == (0, f"card ....{UIDS['stranger'][-4:]} is on the list\n"), err
        store = bench.store()
        record = store.lookup(bytes.fromhex(UIDS["stranger"])).record
        store.close()
        assert record is not None and record.token.contract_id == "C-1"
        assert record.windows[0].days == (1, 2, 3, 4, 5) and record.quotas[0].energy_wh == 100_000
        assert record.user_ref is not None and "Smith" not in record.user_ref
        status, out, err = await bench.run("phone", "enrol")
        assert (status, out) == (1, "") and "identifies nobody" in err


async def test_a_card_is_enrolled_with_its_key_and_then_has_to_prove_itself(tmp_path):
    async with made(tmp_path) as bench:
        store = bench.store()
        store.remove(bytes.fromhex(UIDS["carla"]))
        store.close()
        carla = next(card for card in SITE_CARDS if card.name == "carla")
        key = tmp_path / "key.json"
        key.write_text(json.dumps({"protocol": "ev2", "application": carla.application,
                                   "key_no": carla.key_no, "keys": [carla.key]}))
        status, _, err = await bench.run("carla", "enrol", "--level", "3", "--key", str(key))
        assert status == 0, err
        _, out, _ = await bench.run("carla", "read", "--json")
        assert json.loads(out)["level"] == 3
        key.write_text("{\"keys\": [\"" + "ab" * 3 + "\"]}")
        status, _, err = await bench.run("carla", "enrol", "--level", "3", "--key", str(key))
        assert status == 2 and "keys of 16 bytes" in err and "ababab" not in err


async def test_taps_are_watched(tmp_path):
    async with made(tmp_path) as bench:
        status, out, err = await bench.run("dora", "watch", "--taps", "1")
        assert status == 0, err
        assert out == f"front  ....{UIDS['dora'][-4:]}  desfire, level 3, known  waits\n"


async def test_what_cannot_be_done_is_said(tmp_path):
    async with made(tmp_path) as bench:
        bench.field.remove()
        for words, wanted, said in (
                (("read", "--reader", "back"), 2, "expected --path, or --reader with one of front"),
                (("read", "--path", "usb:nonsense:1"), 2, "expected tty:NAME:DRIVER"),
                (("enrol", "--refused", "3"), 2, "refused cards are not remembered"),
                (("enrol", "--level", "3"), 2, "expected --key")):
            process = await asyncio.create_subprocess_exec(
                *command("card", *words, "--site", str(bench.file)),
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
            _, err = await asyncio.wait_for(process.communicate(), 60)
            assert process.returncode == wanted and said in err.decode(), err.decode()
