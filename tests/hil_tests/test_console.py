import asyncio
from pathlib import Path

import pytest

from hil_tests.rig import RigError
from hil_tests.virtual.console import UNKNOWN_CARD, Console


class Hands:
    """A rig that notes what was done to it."""

    def __init__(self) -> None:
        self.done: list[tuple[object, ...]] = []

    def __getattr__(self, name: str) -> object:
        async def do(*args: object) -> None:
            self.done.append((name, *args))
            if name == "unplug":
                raise RigError("stuck")
        return do


async def press(console: Console, keys: bytes) -> list[bool]:
    taken = []
    for key in keys:
        taken.append(console.key(bytes([key])))
        await asyncio.gather(*console._tasks)
    return taken


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def console(hands: Hands, tmp_path: Path) -> Console:
    return Console(tmp_path, hands, cards={"1": "anna", "2": "bo"}, reader="front",  # type: ignore[arg-type]
                   others=("anna", "carla", "carla-forged"))


@pytest.mark.parametrize(("keys", "done"), [
    (b"t", [("tap", "anna", "front")]),
    (b"2t", [("tap", "bo", "front")]),
    (b"x", [("tap", UNKNOWN_CARD, "front")]),
    (b"kt2t1kkkt", [("tap", "carla", "front"), ("tap", "bo", "front"), ("tap", "carla", "front")]),
    (b"p2p", [("plug", "1"), ("plug", "2")]),
    (b"nn", [("cut", "network"), ("restore", "network")]),
    (b"w2w1w", [("weld", "1"), ("weld", "2"), ("restore", "contactor", "1")]),
])
async def test_keys_act_on_the_chosen_bay(
        keys: bytes, done: list[tuple[object, ...]], console: Console, hands: Hands) -> None:
    assert all(await press(console, keys))
    assert hands.done == done


async def test_other_keys_are_left_to_the_screen(console: Console, hands: Hands) -> None:
    for key in (b"a", b"3", b"\x1b[<0;1;1M", b"\t", "å".encode()):
        assert not console.key(key)
    assert hands.done == []


async def test_the_row_fits_80_columns_and_says_what_happened(console: Console) -> None:
    assert len(console.row()) <= 80
    await press(console, b"k")
    assert "carla" in console.row()
    await press(console, b"knw")
    assert "welded" in console.row()
    console._clear_note()
    assert "net on" in console.row()
    assert "repair" in console.row()
    assert len(console.row()) <= 80


async def test_what_the_rig_cannot_do_is_said(console: Console) -> None:
    await press(console, b"u")
    assert console.row() == " bay 1 | not done: stuck"
