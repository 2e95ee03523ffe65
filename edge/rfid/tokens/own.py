"""Many cards into the site's own ones, by one transaction."""

from collections.abc import Sequence

from msgspec.structs import replace

from edge.controller.idtoken import Level, TokenStatus
from edge.controller.struct import Value
from edge.controller.trouble import DeviceError
from edge.rfid.tokens.csv_import import Read
from edge.rfid.tokens.database import transaction
from edge.rfid.tokens.list_entry import kept
from edge.rfid.tokens.rows import Entry
from edge.rfid.tokens.secret import NO_SECRET
from edge.rfid.tokens.store import TokenStore
from edge.rfid.uid import last4


class Entered(Value):
    """How many there were; `changed`: those that were known already."""

    new: int
    changed: int


class CardRefused(DeviceError):
    """A card that cannot be entered here."""


def enter(store: TokenStore, cards: Sequence[Read], *, apply: bool) -> Entered:
    """All of them or none; without `apply` nothing but the counting.

    A card keeps the keys and the level that it has to prove, and stays blocked: a sheet is older than
    the loss of a card, and whoever means that one card names it (`card add`). Raises CardRefused for
    a level that needs keys which nobody here has, StoreError.
    """
    changed, rows = 0, []
    for card in cards:
        ref = store.token(card.uid).ref
        known = store.find(ref)
        changed += known is not None
        entry = _merged(card, kept(card.card, card.uid, ref, store.vault.pepper),
                        None if known is None else known.entry)
        rows.append(store.rows.pack(entry))
    if apply:
        with store.wall("enter cards"), transaction(store.db):
            store.db.executemany("INSERT OR REPLACE INTO own VALUES (?, ?, ?)", rows)
    return Entered(new=len(cards) - changed, changed=changed)


def _merged(card: Read, new: Entry, known: Entry | None) -> Entry:
    if known is not None:
        was = known.record
        blocked = TokenStatus.BLOCKED in (was.status, new.record.status)
        record = replace(new.record, min_level=max(new.record.min_level, was.min_level),
                         status=TokenStatus.BLOCKED if blocked else new.record.status)
        new = replace(new, record=record, secret=known.secret, name=new.name or known.name)
    secret, level = new.secret or NO_SECRET, new.record.min_level
    if (level == Level.MUTUAL and not secret.keys) or (level == Level.SUN and not secret.sun_key):
        raise CardRefused("enter a card", where=f"line {card.line} (....{last4(card.uid)})",
                          got=f"level {int(level)} without keys",
                          expected="a card whose keys came with the operator's list (card list make)")
    return new
