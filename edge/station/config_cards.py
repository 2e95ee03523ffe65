"""`[cards]`: what a site lets cards do, and who may sign its list of them."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from msgspec import Meta

from edge.controller.authorisation.card_policy import CardPolicy, Choosing, Stale, Untrusted
from edge.controller.idtoken import Level
from edge.controller.struct import Value
from edge.station.config_read import Findings, one_of, toml_text

_USUAL = CardPolicy()
_UNKNOWN_KWH = _USUAL.unknown_limit_wh / 1000
_STALE_DAYS = 30

OperatorKey = Annotated[str, Meta(pattern=r"^ed25519:[0-9A-Fa-f]{64}\Z", description=(
    "an operator's public key as `forecourt card list make` shows it: ed25519: and 64 hex digits"))]
OperatorKeys = Annotated[tuple[OperatorKey, ...], Meta(description=(
    'public keys of operators in brackets, each "ed25519: and 64 hex digits", as '
    "`forecourt card list make` shows them"))]
Groups = Annotated[
    tuple[Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}\Z")], ...],
    Meta(description='names of groups that cards may be good for in a list, as ["staff"]')]


def _seconds(least: float, most: float) -> Meta:
    return Meta(ge=least, le=most, description=f"seconds from {least:g} to {most:g}")


class CardsSection(Value):
    """Without any of it: only cards that are known, and only as their records say."""

    free_vend: Annotated[bool, Meta(description="true where a plug is enough")] = False
    min_level: Annotated[int, Meta(ge=0, le=4, description=(
        "how well every card must prove itself, from 0 (its number) to 4 (its certificate)"))] = 0
    unknown_offline: Annotated[bool, Meta(description=(
        "true where unknown cards may charge while nobody can be asked"))] = False
    unknown_limit_kwh: Annotated[float, Meta(ge=0.1, le=1000, description=(
        "kWh from 0.1 to 1000 that an unknown card may take"))] = _UNKNOWN_KWH
    unknown_per_day: Annotated[int, Meta(ge=1, le=1000, description=(
        "sessions of unknown cards in 24 hours, from 1 to 1000"))] = _USUAL.unknown_per_day
    online_s: Annotated[float, _seconds(0.5, 15)] = _USUAL.online_s
    untrusted_clock: Annotated[Untrusted, Meta(
        description=one_of(word.value for word in Untrusted))] = _USUAL.untrusted_clock
    stale_days: Annotated[Annotated[int, Meta(ge=1, le=3650)] | Literal["never"], Meta(description=(
        'days from 1 to 3650 without contact that the list stays good for, or "never"'))] = _STALE_DAYS
    stale_keeps: Annotated[Stale, Meta(
        description=one_of(word.value for word in Stale))] = _USUAL.stale_keeps
    choosing: Annotated[Choosing, Meta(
        description=one_of(word.value for word in Choosing))] = _USUAL.choosing
    choose_s: Annotated[float, _seconds(3, 60)] = _USUAL.choose_s
    bad_taps: Annotated[int, Meta(ge=1, le=100, description=(
        "unknown or failed taps from 1 to 100 before a reader makes them wait"))] = _USUAL.bad_taps
    bad_tap_s: Annotated[float, _seconds(1, 600)] = _USUAL.bad_tap_s
    operator_keys: OperatorKeys = ()


def to_policy(section: CardsSection) -> CardPolicy:
    """What the core decides by."""
    days = section.stale_days
    return CardPolicy(
        free_vend=section.free_vend, min_level=Level(section.min_level),
        unknown_offline=section.unknown_offline,
        unknown_limit_wh=round(section.unknown_limit_kwh * 1000),
        unknown_per_day=section.unknown_per_day, online_s=section.online_s,
        untrusted_clock=section.untrusted_clock, stale_days=None if days == "never" else days,
        stale_keeps=section.stale_keeps, choosing=section.choosing, choose_s=section.choose_s,
        bad_taps=section.bad_taps, bad_tap_s=section.bad_tap_s)


def check_cards(section: CardsSection | None, groups: Sequence[Sequence[str] | None],
                findings: Findings) -> None:
    """What contradicts itself. `groups`: of each EVSE."""
    for i, names in enumerate(groups):
        for j, name in enumerate(names or ()):
            if name in (names or ())[:j]:
                findings.add(("evse", i, "groups", j), f"{toml_text(name)} twice", "each group once")
    if section is None:
        return
    if section.unknown_offline and section.min_level:
        findings.add(("cards", "unknown_offline"), f"true, and min_level = {section.min_level}",
                     "min_level = 0 (an unknown card has nothing to prove itself with), or false")
    keys = [key.lower() for key in section.operator_keys or () if key is not None]
    findings.add_reused(((("cards", "operator_keys", i), key, "an earlier key")
                         for i, key in enumerate(keys)), "each key once")


def told(section: CardsSection, *, readers: bool, cloud: bool) -> Iterator[str]:
    """For people: what the site chose otherwise than usual, and what it may not have meant."""
    usual = CardsSection()
    for name in CardsSection.__struct_fields__:
        value, was = getattr(section, name), getattr(usual, name)
        if name == "operator_keys":
            if value:
                yield f"cards: lists are taken from {len(value)} operator key{'s' * (len(value) > 1)}"
        elif value != was:
            yield f"cards: {name} = {toml_text(value)}, usually {toml_text(was)}"
    if section.free_vend and readers:
        yield "note: free_vend = true: a plug is enough, and cards are only needed to be billed"
    if section.free_vend and (section.min_level or section.unknown_offline):
        yield "note: free_vend = true: who has no card charges without, whatever cards must prove"
    if section.stale_days == "never" and section.operator_keys:
        yield 'note: stale_days = "never": a card that the operator has blocked may charge offline'
    if section.operator_keys and not cloud and section.stale_days != "never" and (
            section.stale_keeps is not Stale.ALL):
        proven = section.stale_keeps is Stale.PROVEN
        left = "only cards of level 3 and 4 are" if proven else "no card is"
        yield (f"note: there is no [cloud]: {section.stale_days} days after the last list {left} good"
               " any more")
    if not section.free_vend and not readers:
        yield "note: there is neither a [[reader]] nor free_vend: nobody can begin a session by himself"
