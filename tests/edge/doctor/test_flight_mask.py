"""A masked recording names nobody and still gives the same effects, to the byte."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from recorded_desk import RecordedDesk, charged, exact_plan, recorder

from edge.controller.idtoken import IdToken
from edge.doctor.flight_mask import learn_segment, masked_segment
from edge.doctor.masking import Mask
from edge.recorder.replay import replay
from edge.recorder.segment import Packer, Segment

CLARA = IdToken(ref="0123456789abcdef0123456789abcdef", last4="5E80", sealed="c2VhbGVkIGNhcmQ=",
                contract_id="SE-FCT-C00000001-0")
SECRETS = (CLARA.ref, CLARA.last4, CLARA.sealed, CLARA.contract_id or "", "Annas plats")


class Clara(RecordedDesk):
    """Whoever taps here has this card."""

    def tap(self, token: IdToken = CLARA, **other: object) -> None:
        super().tap(CLARA, **other)  # type: ignore[arg-type]

    def charge(self, evse_id: str = "1", token: IdToken = CLARA) -> None:
        super().charge(evse_id, CLARA)


@pytest.fixture(scope="module")
def segments(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A session at a bay that is called after a person, and an id that is like its label."""
    folder = tmp_path_factory.mktemp("recorded")

    async def record() -> None:
        found = recorder(folder)
        found.start()
        plan = exact_plan()
        first, second = plan.evses
        charged(Clara(found, msgspec.structs.replace(plan, evses=(
            msgspec.structs.replace(first, label="Annas plats"),
            msgspec.structs.replace(second, label=second.id)))), 40)
        await found.close()
    asyncio.run(record())
    return sorted((folder / "flight").glob("*.flight"))


def content(path: Path) -> str:
    """Everything that a segment holds, unpacked."""
    segment = Segment(path)
    _, state = segment.keyframe()
    steps = [f"{step.stamped!r} {step.outcome.decode()}" for step in segment.steps()]
    return state.decode("utf-8", "replace") + repr(segment.head) + "\n".join(steps)


def test_it_names_nobody_and_replays(segments: list[Path], tmp_path: Path) -> None:
    mask, before, after = Mask(), "", ""
    for path in segments:
        learn_segment(mask, path)
    for path, following in zip(segments, [*segments[1:], None], strict=True):
        before += content(path)
        copy = tmp_path / path.name
        copy.write_bytes(masked_segment(mask, path, following))
        after += content(copy)
        told = replay(copy)
        assert told.differs is None and told.torn is None and told.steps > 50
        assert (told.end_state is not None) == (following is not None)
    assert len(segments) > 1
    assert [secret for secret in SECRETS if secret not in before] == []
    assert [secret for secret in SECRETS if secret in after] == []
    assert "card-001" in after and "contract-001" in after


def test_an_end_that_nothing_bears_out_is_left_out(segments: list[Path], tmp_path: Path) -> None:
    """What came next is another stretch than the recorder's end says."""
    (tmp_path / "x.flight").write_bytes(masked_segment(Mask(), segments[0], segments[0]))
    told = replay(tmp_path / "x.flight")
    assert told.differs is None and told.end_state is None


def test_a_recording_that_does_not_replay_is_not_mended_by_the_mask(
        segments: list[Path], tmp_path: Path) -> None:
    """What the recorder wrote stays evidence: only names are changed in it."""
    forged = tmp_path / segments[0].name
    odd = forge(segments[0], forged)
    mask = Mask()
    learn_segment(mask, forged)
    masked = tmp_path / "masked.flight"
    masked.write_bytes(masked_segment(mask, forged, segments[1]))
    told = replay(masked)
    assert told.differs is not None and told.differs.step == odd


def forge(path: Path, to: Path) -> int:
    """The first step that did something did nothing, it says; which one that is."""
    segment = Segment(path)
    site, _ = segment.keyframe()
    steps = list(segment.steps())
    odd = next(n for n, step in enumerate(steps) if step.outcome)
    packer = Packer()
    to.write_bytes(packer.begin(segment.head, site) + packer.steps(
        [(step.stamped, () if n == odd or not step.outcome else msgspec.Raw(step.outcome))
         for n, step in enumerate(steps)]))
    return odd + 1
