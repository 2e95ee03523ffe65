import asyncio
import threading

import pytest

from edge.rfid.tokens.lookup import TokenLookup
from edge.rfid.tokens.pepper import PepperError, load_or_create_pepper
from edge.rfid.tokens.store import FILE_NAME, TokenStore

UID = bytes.fromhex("04A3C6CAE26180")


async def test_looks_up_and_unseals_in_its_own_thread(tmp_path):
    store = TokenStore.open(tmp_path / FILE_NAME, load_or_create_pepper(tmp_path))
    store.add(UID, contract_id="c")
    store.close()
    lookup = await TokenLookup.open(tmp_path)
    found = await asyncio.gather(*(lookup.lookup(UID) for _ in range(20)))
    token, record = found[0]
    assert record is not None
    assert all(each == found[0] for each in found)
    assert await lookup.unseal(token.sealed, token.ref) == UID
    assert [t.name for t in threading.enumerate() if t.name.startswith("cards")] == ["cards_0"]
    await lookup.close()


async def test_creates_pepper_and_store_on_the_first_day(tmp_path):
    lookup = await TokenLookup.open(tmp_path)
    token, record = await lookup.lookup(UID)
    assert record is None
    assert len(token.ref) == 32
    assert token.sealed == ""
    await lookup.close()
    assert (tmp_path / "pepper").exists()


async def test_a_pepper_open_to_others_stops_the_start(tmp_path):
    load_or_create_pepper(tmp_path)
    (tmp_path / "pepper").chmod(0o644)
    with pytest.raises(PepperError):
        await TokenLookup.open(tmp_path)
