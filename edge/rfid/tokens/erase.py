"""Erasing a person's token: its key first, then all that is known of it.

Rows of the journal stay, whole and verifiable: what they hold of the number is a seal whose key is gone
for good. Nothing is left here that would remember the token, not even that it was erased: a list that
the operator signs afterwards may name it again, and then it gets a new key, which opens none of the
old seals.
"""

from edge.controller.struct import Value
from edge.rfid.tokens.database import scrub, transaction
from edge.rfid.tokens.store import TokenStore


class Erased(Value):
    """What there was. `key`: seals could be opened until now."""

    key: bool
    known: bool  # entered here, or named by the operator's list, the one that holds or another
    taps: bool  # the cloud's word, or a SUN counter

    def __bool__(self) -> bool:
        return self.key or self.known or self.taps


def erase(store: TokenStore, ref: str) -> Erased:
    """Raises StoreError; who is interrupted does it again, which is never wrong.

    Files are left without a byte of the key: rows are overwritten, logs of writes emptied.
    """
    key, taps = store.taps.erase(ref)
    with store.wall("erase a card"):
        with transaction(store.db):
            known = [store.db.execute(f"DELETE FROM {table} WHERE ref = ?",
                                      (bytes.fromhex(ref),)).rowcount > 0
                     for table in ("own", "list_0", "list_1")]
        scrub(store.db, store.path)
    return Erased(key=key, known=any(known), taps=taps)
