"""Cards held to the reader of the virtual site: from the tap to the core's decision, by how they prove
themselves. Host time: the radio is UDP, and the card computes on the same machine.
"""

import asyncio
import base64
from collections.abc import Callable

from edge.link.client import LinkClient
from hil_tests.bench.report import Row, distribution
from hil_tests.bench.trail import from_trace
from hil_tests.virtual.rig import VirtualRig
from hil_tests.virtual.site import VirtualSite
from hil_tests.virtual.site_cards import SITE_CARDS

COMMAND = "python -m hil_tests.bench --only taps"
LEVELS = {"L0": "its number only", "L3": "AES, both sides"}
_CARDS = {"L0": "anna", "L3": "carla"}
_WAIT_S, _ASK_S, _APART_S = 20.0, 0.02, 1.2


async def rows(site: VirtualSite, count: int, progress: Callable[[str], None]) -> list[Row]:
    """`count` taps of each level, by turns. Raises RuntimeError for one that is not decided."""
    log = site.children.log_path("controller")
    async with site.rig() as rig, LinkClient(site.run_dir / "service.sock") as link:
        await _enrol(link, _CARDS["L3"])
        for n in range(count):
            progress(f"taps {n + 1} of {count}")
            for level, name in _CARDS.items():
                await _tap(rig, name, lambda n=n, level=level: len(  # type: ignore[misc]
                    _decided(log.read_text(errors="replace"), level)) > n)
            await asyncio.sleep(_APART_S)  # a card counts again when it has been away for a second
    text = log.read_text(errors="replace")
    return [distribution(f"UID known -> decision, {level} ({words})", _decided(text, level), "ms",
                         COMMAND) for level, words in LEVELS.items()]


async def _enrol(link: LinkClient, name: str) -> None:
    card = next(card for card in SITE_CARDS if card.name == name)
    secret = {"protocol": card.protocol, "key_no": card.key_no,
              "application": _base64(card.application), "keys": [_base64(card.key or "")]}
    await link.request("card.enrol", {"uid": card.uid, "card": {"level": card.level, "secret": secret}})


def _base64(text: str) -> str:
    return base64.b64encode(bytes.fromhex(text)).decode()


async def _tap(rig: VirtualRig, name: str, decided: Callable[[], bool]) -> None:
    held = asyncio.create_task(rig.ask("tap", card=name, for_s=0.4))
    for _ in range(int(_WAIT_S / _ASK_S)):
        if decided():
            break
        await asyncio.sleep(_ASK_S)
    await held
    if not decided():
        raise RuntimeError(f"a tap of {name} was not decided within {_WAIT_S:g} s")


def _decided(log: str, level: str) -> list[float]:
    """Milliseconds of each decision, in the order of time."""
    return [(moment.ns - moment.at_ns) / 1e6 for moment in from_trace(log.splitlines())
            if moment.what == "decided" and moment.of[0].endswith(f"/{level}")]
