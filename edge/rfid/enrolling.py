"""Puts a card onto the site's own list, as an entry of an operator's list would say it."""

from edge.controller.idtoken import TokenRecord
from edge.controller.struct import Value
from edge.rfid.tokens.list_entry import Card, Entry, check, kept
from edge.rfid.tokens.store import TokenStore


class Enrolled(Value):
    """`replaced`: it was known before, here or by the operator's list."""

    record: TokenRecord
    replaced: bool


def enrol(store: TokenStore, uid: bytes, card: Card) -> Enrolled:
    """Raises UidError or ListRefused for what no list could say either, StoreError."""
    check(Entry(uid=uid, card=card), full=False, sealed=True, where="card", number=1)
    ref = store.token(uid).ref
    entry = kept(card, uid, ref, store.vault.pepper)
    replaced = store.find(ref) is not None
    return Enrolled(record=store.add(uid, entry.record, secret=entry.secret, name=entry.name),
                    replaced=replaced)
