"""Tells a story to the core twice: as it is, and judging everything at each step; compares the two."""

from collections.abc import Iterable

import msgspec

from edge.controller.core import step
from edge.controller.effects import ClearFault, Effect, RaiseFault
from edge.controller.events import (
    CardPresented,
    GrantPassed,
    JournalStalled,
    RequestReceived,
    Stamped,
)
from edge.controller.state import Site

GRAVE = CardPresented | RequestReceived | GrantPassed | JournalStalled
_encoder = msgspec.msgpack.Encoder()


def difference(site: Site, story: Iterable[Stamped]) -> tuple[str | None, int]:
    """The first step at which the two differ in state or effects, to the byte; and how many of the
    steps judged a few EVSEs only. None of these moves anybody, begins a fault or ends
    one, or takes in what a person asks for.
    """
    few, whole, narrow = site, msgspec.structs.replace(site, rest=None), 0
    for n, stamped in enumerate(story, 1):
        before = few
        few, effects = step(few, stamped)
        whole, expected = step(whole, stamped)
        whole = msgspec.structs.replace(whole, rest=None)
        judged_few = few.rest is not None and few.rest.whole_ns < few.rest.at_ns
        assert not (judged_few and _is_grave(before, stamped, few, effects)), (n, stamped)
        narrow += judged_few
        if effects != expected or _bytes(few) != _bytes(whole):
            return _told(n, stamped, (few, effects), (whole, expected)), narrow
    return None, narrow


def _is_grave(before: Site, stamped: Stamped, after: Site, effects: tuple[Effect, ...]) -> bool:
    return (isinstance(stamped.event, GRAVE)
            or any(isinstance(effect, RaiseFault | ClearFault) for effect in effects)
            or any(outlet.phase is not after.outlets[evse_id].phase
                   for evse_id, outlet in before.outlets.items()))


def _bytes(site: Site) -> bytes:
    return _encoder.encode(msgspec.structs.replace(site, rest=None))


def _told(n: int, stamped: Stamped, got: tuple[Site, object], expected: tuple[Site, object]) -> str:
    lines = [f"step {n}, {stamped}"]
    if got[1] != expected[1]:
        lines.append(f"effects: {got[1]}, expected {expected[1]}")
    for name in Site.__struct_fields__:
        one, other = getattr(got[0], name), getattr(expected[0], name)
        if name != "rest" and one != other:
            lines.append(f"{name}: {one}, expected {other}")
    return "\n  ".join(lines)
