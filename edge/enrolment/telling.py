"""A card that was shown, in the words of `card.next` and in a technician's."""

from collections.abc import Iterator

import msgspec

from edge.controller.idtoken import Level
from edge.link.card_protocol import CardShown, Tap
from edge.rfid.tap_flow import Shown
from edge.rfid.uid import canonical, forms, parse_uid

LEVELS = {
    Level.UID: "its number only, which any phone can copy",
    Level.ORIGINALITY: "its maker's signature: genuine, which is not yet uncopied",
    Level.SUN: "a fresh message under its key",
    Level.MUTUAL: "its key, both ways",
    Level.CERTIFICATE: "its certificate, and the key that belongs to it",
}
_WIDTH = 25


def told(shown: Shown, allowed: dict[str, str]) -> CardShown:
    """A card as `card.next` answers. `allowed`: per EVSE why not, "" where it may charge."""
    record = shown.record
    answer = CardShown(
        reader_id=shown.tag.reader_id, uid=canonical(shown.uid), kind=shown.tag.card_kind,
        random=shown.random, level=int(shown.level), ref=shown.token.ref, known=record is not None,
        unproven=None if shown.unproven is None else shown.unproven.value, allowed=allowed)
    return answer if record is None else msgspec.structs.replace(
        answer, status=record.status.value, source=shown.source.value, group=record.group_ref,
        min_level=int(record.min_level), contract_id=record.token.contract_id, role=record.role.value)


def page(card: CardShown) -> str:
    """Everything that a support call asks for, the number in all its common forms included."""
    return "\n".join(f"{name:<{_WIDTH}}{text}" for name, text in _lines(card))


def _lines(card: CardShown) -> Iterator[tuple[str, str]]:
    yield "reader", f"{card.reader_id}, a card of kind {card.kind or 'unknown'}"
    for name, text in forms(parse_uid(card.uid)).items():
        yield f"number, {name.replace('_', ' ')}" if name != "canonical" else "number", text
    if card.random:
        yield "", "It makes this number up at each tap: it identifies nobody and cannot be enrolled."
    yield "proven", f"level {card.level}: {LEVELS[Level(card.level)]}"
    if card.unproven is not None:
        yield "", f"More was asked of it, and the answer did not hold: {card.unproven}."
    yield "reference", card.ref
    if not card.known:
        yield "on the list", "no"
    else:
        yield "on the list", f"{card.status} ({card.source}), enrolled at level {card.min_level}"
        yield "", (f"contract {card.contract_id or '-'}, group {card.group or '-'}, "
                   f"role {card.role or '-'}")
    for evse_id, why_not in card.allowed.items():
        yield f"EVSE {evse_id}", "may charge now" if not why_not else f"may not: {why_not}"
    if not card.allowed:
        yield "may charge", "nobody can say: no controller runs"


def line(tap: Tap) -> str:
    """A tap in a row of its own; no number."""
    proven = f"level {tap.level}" + (f" ({tap.unproven})" if tap.unproven else "")
    why = f": {tap.why} ({tap.log})" if tap.decision == "refused" else ""
    word = "waits" if tap.decision == "open" else tap.decision
    return (f"{tap.reader_id}  ....{tap.last4}  {tap.kind or 'unknown'}, {proven}, "
            f"{'known' if tap.known else 'not on the list'}  {word}{why}")
