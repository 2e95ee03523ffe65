"""Signed lists as an operator makes them, and a site that takes them. Deterministic cards."""

from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.rfid.tokens import list_seal, list_sign
from edge.rfid.tokens.list_apply import Applied, Updater
from edge.rfid.tokens.list_entry import Card, Entry
from edge.rfid.tokens.list_file import ListFile, write_list
from edge.rfid.tokens.list_make import Order, build
from edge.rfid.tokens.store import TokenStore
from edge.rfid.tokens.vault import Vault

SITE = "SE*FCT*E0001"
ISSUED = "2026-11-01T00:00:00.000Z"
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def uid_of(number: int) -> bytes:
    """The card with this number."""
    return b"\x04" + number.to_bytes(6, "big")


def cards(numbers: Sequence[int] | range, word: str = "C") -> list[Entry]:
    """Entries of these cards; `word` begins their contracts."""
    return [Entry(uid=uid_of(n), card=Card(contract=f"SE-FCT-{word}{n:07d}", group=f"g{n % 100}"))
            for n in numbers]


class ListSite:
    """A state folder with its secrets and its store, and lists made for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.vault = Vault.load(folder)
        self.keys = list_sign.verify_keys(
            [list_sign.public_text(list_sign.SIGNS, list_sign.public_of(SIGNER))])
        TokenStore.open(folder, self.vault).close()

    def make(self, name: str, entries: Sequence[Entry], version: int, base: int | None = None, *,
             site: str = SITE, sealed: bool = True, signer: Ed25519PrivateKey = SIGNER) -> Path:
        """A signed file."""
        to = list_seal.public_of(self.vault.list_key()) if sealed else None
        order = Order(site=site, version=version, base=base, issued_utc=ISSUED, to=to)
        message, chunks = build(entries, order, signer)
        path = self.folder / name
        write_list(path, message, chunks.__getitem__, len(chunks))
        return path

    def apply(self, path: Path,
              told: Callable[[str, int], None] = lambda _step, _rows: None) -> Applied:
        """Raises as `Updater.apply`."""
        with ListFile.open(path, self.keys) as file:
            return Updater(self.vault, self.folder, SITE, told).apply(file)

    def contracts(self) -> list[str]:
        """Of all cards that may charge, sorted."""
        store = TokenStore.open(self.folder, self.vault)
        try:
            return sorted(record.token.contract_id or "" for record in store.list())
        finally:
            store.close()
