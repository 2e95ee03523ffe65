"""A flight recording without personal data that still replays, to the byte.

Every value that names somebody is replaced by its pseudonym alike in the state, in the events and in
what came of them; the core compares such values and looks into none. Nothing is replayed for it: what
was recorded stays evidence. The state at a segment's end is that with which the next one begins; where
there is none, the masked segment has no end.
"""

import enum
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec

from edge.controller.events import Stamped
from edge.controller.state import Site
from edge.doctor.masking import Mask
from edge.recorder import codec
from edge.recorder.segment import Packer, Segment

BLOCK_STEPS = 500

Step = tuple[Stamped, codec.Outcome]


def learn_segment(mask: Mask, path: Path) -> None:
    """Raises `Unreadable`."""
    segment = Segment(path)
    site, _ = segment.keyframe()
    mask.learn(site)
    for step in segment.steps():
        mask.learn(step.stamped)
        mask.learn_row(step.outcome)


def masked_segment(mask: Mask, path: Path, after: Path | None) -> bytes:
    """After everything was learned. `after`: the segment that came next. Raises `Unreadable`."""
    segment, packer = Segment(path), Packer()
    site, _ = segment.keyframe()
    steps = [(_masked(mask, step.stamped), _outcome(mask, step.outcome)) for step in segment.steps()]
    parts = [packer.begin(segment.head, _masked(mask, site))]
    parts += (packer.steps(block) for block in _blocks(steps))
    ended = _end(segment, after)
    if ended is not None:
        parts.append(packer.end(len(steps), _masked(mask, ended)))
    return b"".join(parts)


def _end(segment: Segment, after: Path | None) -> Site | None:
    """The state at its end, which is the one that the next segment begins with."""
    if segment.end is None or after is None:
        return None
    following = Segment(after)
    site, data = following.keyframe()
    return site if codec.digest(data) == segment.end.state else None


def _blocks(steps: Sequence[Step]) -> Iterator[Sequence[Step]]:
    for at in range(0, len(steps), BLOCK_STEPS):
        yield steps[at:at + BLOCK_STEPS]


def _outcome(mask: Mask, outcome: bytes) -> codec.Outcome:
    """Masked as text: nothing else of it changes. Raw JSON is encoded as it is, so it stands for
    the effects that it tells of.
    """
    text = outcome.decode()
    if not text:
        return ()
    masked = mask.free(text) if text.startswith("!") else mask.literals(text)
    return cast(codec.Outcome, msgspec.Raw(masked.encode()))


def _masked(mask: Mask, value: Any, name: str = "", of: str = "") -> Any:
    """A value of ours with every string masked that names somebody; of the same type."""
    if name and (masked := mask.field(name, value, of)) is not None:
        return masked
    match value:
        case enum.Enum():
            return value  # one of ours, also where it is a text
        case str():
            return mask.inside(value)
        case msgspec.Raw():
            return msgspec.Raw(mask.literals(bytes(value).decode()).encode())
        case msgspec.Struct():
            fields = ((field, getattr(value, field)) for field in value.__struct_fields__)
            changed = {field: new for field, old in fields
                       if (new := _masked(mask, old, field, name)) is not old}
            return msgspec.structs.replace(value, **changed) if changed else value
        case tuple():
            entries = tuple(_masked(mask, entry, "", name) for entry in value)
            return value if all(a is b for a, b in zip(entries, value, strict=True)) else entries
        case dict():
            return {mask.inside(key) if isinstance(key, str) else key: _masked(mask, entry, "", name)
                    for key, entry in value.items()}
    return value
