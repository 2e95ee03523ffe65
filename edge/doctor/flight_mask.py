"""A flight recording without personal data that still replays, to the byte.

Every value that names somebody is replaced by its pseudonym alike in the state, in the events and in
what came of them; the core compares such values and looks into none. The digest of the state at the
end is computed anew, and only where the recording as it was replayed up to there.
"""

import enum
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec

from edge.controller.events import Stamped
from edge.controller.state import Site
from edge.controller.struct import Value
from edge.doctor.masking import Mask
from edge.recorder import codec
from edge.recorder.replay import replay, taken
from edge.recorder.segment import Packer, Segment, Unreadable

BLOCK_STEPS = 500


class MaskedSegment(Value):
    """`replays`: "identical", or where it came out otherwise. `before`: the same of the original."""

    name: str
    data: bytes
    steps: int
    before: str
    replays: str


def learn_segment(mask: Mask, path: Path) -> None:
    """Raises `Unreadable`."""
    segment = Segment(path)
    site, _ = segment.keyframe()
    mask.learn(site)
    for step in segment.steps():
        mask.learn(step.stamped)
        mask.learn_row(step.outcome)


def masked_segment(mask: Mask, path: Path) -> MaskedSegment:
    """After everything was learned. Raises `Unreadable`."""
    segment = Segment(path)
    site, _ = segment.keyframe()
    steps = [(_masked(mask, step.stamped), step.outcome) for step in segment.steps()]
    before = _told(path)
    data = _packed(mask, segment, _masked(mask, site), steps, whole=before == "identical")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(data)
        after = _told(copy)
    return MaskedSegment(name=path.name, data=data, steps=len(steps), before=before, replays=after)


def _packed(mask: Mask, segment: Segment, site: Site, steps: Sequence[tuple[Stamped, bytes]], *,
            whole: bool) -> bytes:
    packer = Packer()
    head = msgspec.structs.replace(segment.head, software=mask.inside(segment.head.software))
    parts = [packer.begin(head, site)]
    for block in _blocks(steps):
        parts.append(packer.steps([(stamped, _outcome(mask, outcome)) for stamped, outcome in block]))
    if segment.end is not None and whole:
        for stamped, _ in steps:
            site, _ = taken(site, stamped)
        parts.append(packer.end(len(steps), site))
    return b"".join(parts)


def _blocks(steps: Sequence[tuple[Stamped, bytes]]) -> Iterator[Sequence[tuple[Stamped, bytes]]]:
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


def _told(path: Path) -> str:
    try:
        told = replay(path)
    except Unreadable as error:
        return f"cannot be read: {error}"
    if told.differs is not None:
        where = "at its end" if told.differs.step is None else f"at step {told.differs.step}"
        return f"differs {where}, after {told.differs.event}"
    return "identical" + (f", torn: {told.torn}" if told.torn else "")
