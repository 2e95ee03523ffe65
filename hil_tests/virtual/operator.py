"""The operator of the virtual site: makes the list of its people at a desk, signs and delivers it.

Nothing but the commands that a real operator would use; keys of the demo are known to everybody.
"""

import base64
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from hil_tests.virtual.site_cards import (
    AUTHORITY_ID,
    AUTHORITY_POINT,
    META_KEY,
    SITE_CARDS,
    SITE_KEY,
    SiteCard,
)

_PUBLIC = re.compile(r"ed25519:[0-9a-f]{64}")

Command = Callable[..., Awaitable[str]]
"""Runs `forecourt` with these words; its stdout."""


async def deliver(forecourt: Command, site_file: Path, state_dir: Path, site_id: str) -> None:
    """Puts everybody who is `listed` onto the site's list. Raises what `forecourt` raises."""
    desk = site_file.parent / "operator"
    desk.mkdir(mode=0o700, exist_ok=True)
    _keep_site_keys(state_dir)
    cards, signed = desk / "cards.json", desk / "cards.fcl"
    cards.write_text(json.dumps(entries()), encoding="utf-8")
    seals = json.loads(await forecourt("card", "list", "keys", "--site", str(site_file), "--json"))
    made = await forecourt("card", "list", "make", str(cards), "--site-id", site_id, "--version", "1",
                           "--key", str(desk / "operator.pem"), "--new-key", "--to", seals["public"],
                           "--out", str(signed))
    key = _PUBLIC.search(made)
    if key is None:
        raise RuntimeError(f"forecourt card list make: got {made!r}, expected the operator's key")
    with site_file.open("a", encoding="utf-8") as file:
        file.write(f'\n[cards]\noperator_keys = ["{key[0]}"]\n\n[proofs]\n'
                   f'authorities = {{ {AUTHORITY_ID} = "{AUTHORITY_POINT}" }}\n')
    await forecourt("card", "list", "apply", str(signed), "--site", str(site_file))


def _keep_site_keys(state_dir: Path) -> None:
    """What all cards of the site share, as its operator puts it there."""
    for name, key in (("uid-key", SITE_KEY), ("sun-meta-key", META_KEY)):
        file = state_dir / name
        file.touch(mode=0o600)
        file.write_bytes(bytes.fromhex(key))


def entries() -> list[dict[str, Any]]:
    """The list as `forecourt card list make` reads it."""
    return [{"uid": card.uid, "card": _said_of(card)} for card in SITE_CARDS if card.listed]


def _said_of(card: SiteCard) -> dict[str, Any]:
    said = {"status": card.status, "contract": card.contract, "group": card.group, "role": card.role,
            "level": card.level, "secret": _secret_of(card)}
    return {name: value for name, value in said.items() if value is not None}


def _secret_of(card: SiteCard) -> dict[str, Any] | None:
    if card.key is None:
        return None
    key = base64.b64encode(bytes.fromhex(card.key)).decode()
    if card.protocol == "sun":
        return {"sun_key": key}
    application = base64.b64encode(bytes.fromhex(card.application)).decode()
    return {"protocol": card.protocol, "application": application, "key_no": card.key_no, "keys": [key]}
