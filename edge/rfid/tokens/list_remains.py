"""What an update of the list that was cut off has left. The next one and a start clear it."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from edge.rfid.tokens.database import wall
from edge.rfid.tokens.list_store import ListBusy, ListStore
from edge.rfid.tokens.schema import CARDS_FILE
from edge.rfid.tokens.vault import Vault

DRAFT = "list.draft"


def clear_remains(state_dir: Path, vault: Vault) -> None:
    """Nothing while somebody applies a list. On a thread of its own: after one of a million cards it
    takes seconds, in slices that hold nobody up. Raises StoreError.
    """
    with suppress(ListBusy), ListStore.open(state_dir / CARDS_FILE, vault.pepper) as store:
        for _ in cleared(state_dir, store, store.head().generation + 1):
            pass


def cleared(state_dir: Path, store: ListStore, generation: int) -> Iterator[int]:
    """Clears drafts and a generation that does not hold; yields its rows by slices."""
    clear_drafts(state_dir / DRAFT)
    yield from store.clear(generation)


def clear_drafts(folder: Path) -> None:
    """Removes a folder of drafts. Raises StoreError."""
    with wall("remove a draft of the list", folder), suppress(FileNotFoundError):
        shutil.rmtree(folder)
