"""What follows a tap, through the real reader process: asked in time, too late, torn, held, killed."""

import asyncio
import os
import signal

import pytest

from edge.controller.idtoken import Level
from edge.rfid.supervisor import ReaderSupervisor
from edge.rfid.wire import CardProof, Mutual, RealUid, TagSeen
from hil_tests.virtual.cabinet_config import CardSpec
from hil_tests.virtual.wallet import build

pytestmark = pytest.mark.wire

UID, OTHER = "04958CAA5C5E80", "DEADBEEF"
KEY, SITE_KEY = bytes(range(16)), bytes(range(16, 32))
NTAG_424 = bytes.fromhex("D2760000850101")
SPEC = CardSpec(uid=UID, kind="ntag424", keys={"0": KEY.hex(), "2": SITE_KEY.hex()})
MUTUAL = Mutual(protocol="ev2", application=NTAG_424, key_no=0, keys=(KEY,))
REAL_UID = RealUid(protocol="ev2", application=NTAG_424, key_no=2, keys=(SITE_KEY,))


class Desk:
    """The controller's side: each tap is answered with the next of `answers` (ways, or None: not at
    all, until a test does); a found number with `then`.
    """

    def __init__(self, field):
        self.events, self.answers, self.then = [], [], ()
        self._news = asyncio.Event()
        self.supervisor = ReaderSupervisor(
            "front", f"udp:127.0.0.1:{field.port}", virtual=True, on_tag=self._tag,
            on_proof=self._proof, on_lost=lambda error: self._note(("lost", error)),
            on_back=lambda: self._note("back"))

    def _note(self, event):
        self.events.append(event)
        self._news.set()

    def _tag(self, tag):
        self._note(tag)
        ways = self.answers.pop(0) if self.answers else ()
        if ways is not None:
            self.supervisor.prove(tag.tap, ways)

    def _proof(self, proof):
        if proof.unproven is None and proof.level == 0:
            self.supervisor.prove(proof.tap, self.then)
        self._note(proof)

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def tags(self):
        return self.of(TagSeen)

    @property
    def proofs(self):
        return self.of(CardProof)

    async def until(self, condition):
        async with asyncio.timeout(30):
            while not condition():
                self._news.clear()
                await self._news.wait()


@pytest.fixture
async def desk(field):
    desk = Desk(field)
    await desk.supervisor.start()
    await desk.until(lambda: desk.events == ["back"])
    yield desk
    await desk.supervisor.stop()


async def polls(field, count):
    """Waits until the reader has looked for a card so many times more."""
    goal = field.polls + count
    async with asyncio.timeout(30):
        while field.polls < goal:  # noqa: ASYNC110 the field is a device: it has no event to wait on
            await asyncio.sleep(0.01)


async def proven(desk, field, card, *ways):
    desk.answers = [ways]
    field.present(card)
    await desk.until(lambda: desk.proofs)
    return desk.proofs


async def test_a_card_is_proven_and_its_tap_is_one_event_however_long_it_is_held(desk, field):
    [proof] = await proven(desk, field, build(SPEC, "waiting"), MUTUAL)
    assert (proof.tap, proof.level, proof.uid) == (1, Level.MUTUAL, bytes.fromhex(UID))
    assert desk.tags[0].card_kind == "ntag424"
    await polls(field, 10)
    assert len(desk.tags) == len(desk.proofs) == 1


@pytest.mark.parametrize("how", ["short_ats", "chained", "waiting"])
async def test_chaining_and_waiting_and_short_answers_to_select(desk, field, how):
    [proof] = await proven(desk, field, build(SPEC, how), MUTUAL)
    assert (proof.unproven, proof.level) == (None, Level.MUTUAL)


async def test_a_card_with_made_up_numbers_is_asked_twice_in_one_activation(desk, field):
    desk.then = (MUTUAL,)
    card = build(CardSpec(uid=UID, kind="ntag424", random=True, keys=SPEC.keys))
    await proven(desk, field, card, REAL_UID)
    await desk.until(lambda: len(desk.proofs) == 2)
    assert desk.tags[0].random
    assert [(proof.level, proof.uid.hex().upper()) for proof in desk.proofs] == [(0, UID), (3, UID)]


async def test_a_card_that_is_let_go_makes_room_for_the_next_one(desk, field):
    field.present(build(SPEC))
    await desk.until(lambda: desk.tags)
    field.present(OTHER)
    await desk.until(lambda: len(desk.tags) == 2)
    assert not desk.proofs


async def test_a_question_that_comes_too_late_or_for_another_tap_is_torn(desk, field):
    desk.answers = [None]
    field.present(build(SPEC))
    await desk.until(lambda: desk.tags)
    desk.supervisor.prove(9, (MUTUAL,))
    await desk.until(lambda: desk.proofs)
    await polls(field, 2)  # it looks for cards again: it has let this one go
    desk.supervisor.prove(1, (MUTUAL,))
    await desk.until(lambda: len(desk.proofs) == 2)
    assert [(proof.tap, proof.unproven) for proof in desk.proofs] == [(9, "torn"), (1, "torn")]


async def test_what_the_radio_loses_once_is_asked_for_again(desk, field):
    desk.answers = [None]
    field.present(build(SPEC))
    await desk.until(lambda: desk.tags)
    field.lose(1)
    desk.supervisor.prove(1, (MUTUAL,))
    await desk.until(lambda: desk.proofs)
    assert desk.proofs[0].level == Level.MUTUAL


async def test_a_proof_that_was_torn_is_tried_once_more_with_the_same_card(desk, field):
    desk.answers = [None, None]
    field.present(build(SPEC))
    await desk.until(lambda: desk.tags)
    polled = field.polls
    field.well(2)  # select, authenticate
    field.garble(1)  # which no protocol repairs
    desk.supervisor.prove(1, (MUTUAL,))
    await desk.until(lambda: desk.proofs)
    assert desk.proofs[0].level == Level.MUTUAL
    assert field.polls > polled, "it was looked for again"
    assert len(desk.tags) == 1


async def test_a_card_that_leaves_within_its_proof_is_torn(desk, field):
    desk.answers = [None]
    field.present(build(SPEC))
    await desk.until(lambda: desk.tags)
    field.torn(2)
    desk.supervisor.prove(1, (MUTUAL,))
    await desk.until(lambda: desk.proofs)
    assert desk.proofs[0].unproven == "torn"
    await polls(field, 2)
    assert "lost" not in str(desk.events)


async def test_a_proof_that_takes_longer_than_a_stall_is_no_stall(desk, field):
    """Each answer is late, and there are so many that the whole takes more than two seconds."""
    desk.answers = [None]
    field.present(build(SPEC, "waiting"))
    await desk.until(lambda: desk.tags)
    field.late(60, 0.25)
    before_s = asyncio.get_running_loop().time()
    desk.supervisor.prove(1, (MUTUAL,))
    await desk.until(lambda: desk.proofs)
    assert asyncio.get_running_loop().time() - before_s > 2.0, "else it is no test"
    field.clear()
    await polls(field, 2)
    assert len(desk.events) == 3, "back, tag, proof: and never lost"


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_reader_that_dies_within_a_proof_is_lost_and_the_next_tap_has_another_number(
        desk, field, sign):
    desk.answers = [None, (MUTUAL,)]
    field.present(build(SPEC))
    await desk.until(lambda: desk.tags)
    os.kill(desk.supervisor.pid, sign)
    desk.supervisor.prove(1, (MUTUAL,))
    await desk.until(lambda: desk.events[-1] == "back" and len(desk.events) > 2)
    assert not desk.proofs
    desk.supervisor.prove(1, (MUTUAL,))  # the answer that an old tap still gets
    await desk.until(lambda: desk.proofs)
    assert desk.proofs[0].unproven == "torn"
    field.present(build(CardSpec(uid="04112233445566", kind="ntag424", keys=SPEC.keys)))
    await desk.until(lambda: len(desk.proofs) == 2)
    assert (desk.proofs[1].tap, desk.proofs[1].level) == (2, Level.MUTUAL)


async def test_no_number_of_a_proof_is_logged(desk, field, caplog):
    await proven(desk, field, build(SPEC), MUTUAL)
    assert UID.lower() not in caplog.text.lower()
    assert KEY.hex() not in repr(desk.events)


async def test_the_reader_tells_its_chip(desk):
    assert desk.supervisor.chip.endswith("UDP")
