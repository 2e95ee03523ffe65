"""From a tap to what is known of it: in order, never for ever, and never more than was proven."""

import asyncio
import hashlib
from collections.abc import Sequence

import msgspec
import pytest
from virtual_time import virtual

from edge.controller.idtoken import IdToken, Level, Source, TokenRecord, Unproven
from edge.controller.trouble import LineDown
from edge.rfid.tap_flow import PROOF_S, Found, Shown, TapFlow
from edge.rfid.tokens.secret import CardSecret, Protocol
from edge.rfid.tokens.store import Stored
from edge.rfid.wanted import SiteProofs
from edge.rfid.wire import CardProof, Certificate, Mutual, RealUid, TagSeen, Way

UID, OTHER, MADE_UP = b"\x04ABCDEF", b"\x04GHIJKL", b"\x08xyz"
SECRET = CardSecret(protocol=Protocol.EV2, application=b"app", key_no=2, keys=(b"k" * 16,))
REAL = RealUid(protocol="ev2", application=b"app", key_no=1, keys=(b"s" * 16,))
CA = {"A": b"\x04" + bytes(64)}


def stored(uid: bytes, level: int = 3, secret: CardSecret | None = SECRET) -> Stored:
    token = IdToken(ref=uid.hex().ljust(32, "0"), last4="CDEF")
    return Stored(token=token, record=TokenRecord(token=token, min_level=Level(level)), secret=secret)


def tag(uid: bytes = UID, tap: int = 1) -> TagSeen:
    return TagSeen(reader_id="front", uid=uid, sak=0x20, atqa=b"\x44\x00", mono_ns=0, tap=tap,
                   random=uid[:1] == b"\x08" and len(uid) == 4)


class Bench:
    """A reader that answers as it is told, and a store that is a table."""

    def __init__(self, *known: Stored, site: SiteProofs = SiteProofs()) -> None:  # noqa: B008 frozen
        self.known = {bytes.fromhex(one.token.ref.rstrip("0")): one for one in known}
        self.asked: list[tuple[int, tuple[Way, ...]]] = []
        self.answers: list[CardProof | None] = []
        self.looked: list[bytes] = []
        self.sun: Unproven | None = None
        self.broken = False
        self.flow = TapFlow(self, self, lambda: site)

    def prove(self, tap: int, ways: tuple[Way, ...]) -> None:
        self.asked.append((tap, ways))
        if ways and self.answers and (answer := self.answers.pop(0)) is not None:
            asyncio.get_running_loop().call_later(0.05, self.flow.proof, answer)

    async def lookup(self, uid: bytes) -> Found:
        self.looked.append(uid)
        await asyncio.sleep(0.01)
        if self.broken:
            raise LineDown("look up", where="store", got="nothing", expected="an answer")
        return self.known.get(uid, Stored(token=IdToken(ref="f" * 32)))

    async def judge_sun(self, message: bytes, uid: bytes, found: Found) -> Unproven | None:
        assert (message, uid) == (b"sun", UID)
        return self.sun


def proof(level: int = 0, uid: bytes = UID, tap: int = 1, **more: object) -> CardProof:
    return msgspec.structs.replace(CardProof(reader_id="front", tap=tap, level=level, uid=uid), **more)


async def shown(bench: Bench, of: TagSeen, *answers: CardProof | None) -> Shown:
    bench.answers = list(answers)
    return await bench.flow.take(of)


def outcome(of: Shown) -> tuple[Level, Unproven | None]:
    assert of.token.level is of.level
    return of.level, of.unproven


@virtual
async def test_a_card_whose_number_is_enough_is_let_go_at_once() -> None:
    bench = Bench(stored(UID, level=0))
    one = await shown(bench, tag())
    assert outcome(one) == (Level.UID, None)
    assert bench.asked == [(1, ())]
    assert one.record is not None


@virtual
async def test_a_proof_counts_as_far_as_it_was_asked_for() -> None:
    for answer, wanted in (
            (proof(3), (Level.MUTUAL, None)),
            (proof(4), (Level.UID, Unproven.WRONG)), (proof(9), (Level.UID, Unproven.WRONG)),
            (proof(0), (Level.UID, Unproven.WRONG)), (proof(3, OTHER), (Level.UID, Unproven.WRONG)),
            (proof(3, b"nonsense"), (Level.UID, Unproven.WRONG)),
            (proof(unproven="wrong"), (Level.UID, Unproven.WRONG)),
            (proof(3, unproven="torn"), (Level.UID, Unproven.TORN)),
            (proof(3, unproven="a new word"), (Level.UID, Unproven.WRONG)),
            (None, (Level.UID, Unproven.TORN))):
        assert outcome(await shown(Bench(stored(UID)), tag(), answer)) == wanted, answer


@virtual
async def test_a_reader_that_does_not_answer_is_waited_for_two_seconds() -> None:
    bench, loop = Bench(stored(UID)), asyncio.get_running_loop()
    began = loop.time()
    assert (await shown(bench, tag(), None)).unproven is Unproven.TORN
    assert loop.time() - began == pytest.approx(PROOF_S + 0.01)
    bench.flow.proof(proof(3))  # too late: nobody waits


@virtual
async def test_a_reader_that_dies_tears_what_it_was_asked() -> None:
    bench, loop = Bench(stored(UID)), asyncio.get_running_loop()
    loop.call_later(0.1, bench.flow.lost)
    assert (await shown(bench, tag(), None)).unproven is Unproven.TORN
    assert loop.time() - 1000 < 0.2
    assert outcome(await shown(bench, tag(tap=2), proof(3, tap=2))) == (Level.MUTUAL, None)


@virtual
async def test_taps_keep_their_order_and_answers_their_tap() -> None:
    bench = Bench(stored(UID), stored(OTHER, level=0))
    bench.answers = [proof(3, tap=2)]  # of another tap than the one that is asked
    first, second = (asyncio.create_task(bench.flow.take(one)) for one in (tag(), tag(OTHER, 2)))
    done: list[bytes] = []
    for task in (first, second):
        task.add_done_callback(lambda done_one: done.append(done_one.result().uid))
    await asyncio.gather(first, second)
    assert done == [UID, OTHER]
    assert first.result().unproven is Unproven.TORN
    assert [tap for tap, _ in bench.asked] == [1, 2]


@virtual
async def test_a_sun_message_is_judged_by_who_holds_the_keys() -> None:
    bench = Bench(stored(UID, 2, CardSecret(sun_key=b"k" * 16)))
    assert outcome(await shown(bench, tag(), proof(2, message=b"sun"))) == (Level.SUN, None)
    bench.sun = Unproven.REPLAYED
    assert outcome(await shown(bench, tag(), proof(2, message=b"sun"))) == (
        Level.UID, Unproven.REPLAYED)


@virtual
async def test_a_made_up_number_is_exchanged_for_the_true_one_which_has_to_prove_itself() -> None:
    site = SiteProofs(real_uid=(REAL,))
    for known, answers, wanted in (
            (stored(UID), [proof(0), proof(3)], (Level.MUTUAL, None)),
            (stored(UID), [proof(0), proof(unproven="wrong")], (Level.UID, Unproven.WRONG)),
            (stored(UID), [proof(0), proof(3, OTHER)], (Level.UID, Unproven.WRONG)),
            (stored(UID, level=0), [proof(0)], (Level.UID, None))):
        bench = Bench(known, site=site)
        one = await shown(bench, tag(MADE_UP), *answers)
        assert (outcome(one), one.uid, one.random) == (wanted, UID, False)
        assert one.record is not None
        assert [tuple(map(type, ways)) for _, ways in bench.asked] == [
            (RealUid,), (Mutual,) if len(answers) == 2 else ()]


@virtual
async def test_who_makes_a_number_up_and_tells_no_other_is_nobody() -> None:
    for answer, unproven in ((proof(unproven="unable"), None), (proof(unproven="wrong"), None),
                             (proof(unproven="torn"), Unproven.TORN)):
        bench = Bench(stored(MADE_UP), site=SiteProofs(real_uid=(REAL,)))
        one = await shown(bench, tag(MADE_UP), answer)
        assert (one.random, one.record, one.level) == (True, None, Level.UID)
        assert one.unproven is unproven


@virtual
async def test_a_certificate_makes_an_unknown_card_known_and_its_absence_is_no_reproach() -> None:
    site = SiteProofs(authorities=CA)
    one = await shown(Bench(site=site), tag(), proof(4))
    assert (outcome(one), one.record) == ((Level.CERTIFICATE, None), None)
    for word, unproven in (("unable", None), ("foreign", Unproven.FOREIGN), ("torn", Unproven.TORN)):
        assert (await shown(Bench(site=site), tag(), proof(unproven=word))).unproven is unproven


@virtual
async def test_a_certificate_has_to_be_of_the_key_that_the_card_was_enrolled_with() -> None:
    bound = CardSecret(certificate=hashlib.sha256(b"point").digest())
    for point, wanted in ((b"point", (Level.CERTIFICATE, None)),
                          (b"another", (Level.UID, Unproven.WRONG))):
        bench = Bench(stored(UID, 4, bound), site=SiteProofs(authorities=CA))
        assert outcome(await shown(bench, tag(), proof(4, message=point))) == wanted
        assert isinstance(bench.asked[0][1][0], Certificate)


@virtual
async def test_a_store_that_fails_lets_the_card_go_and_never_the_next_one_wait() -> None:
    bench = Bench(stored(UID))
    bench.broken = True
    with pytest.raises(LineDown):
        await bench.flow.take(tag())
    assert bench.asked == [(1, ())]
    bench.broken = False
    assert outcome(await shown(bench, tag(tap=2), proof(3, tap=2))) == (Level.MUTUAL, None)


@virtual
async def test_who_could_not_be_looked_for_is_no_stranger_that_others_may_be_asked_about() -> None:
    bench = Bench(Stored(token=IdToken(ref=UID.hex().ljust(32, "0")), error="the disk is full"))
    assert outcome(await shown(bench, tag())) == (Level.UID, Unproven.TORN)


def test_nothing_of_a_tap_shows_its_number() -> None:
    one = Shown(tag=tag(), uid=UID, token=IdToken(ref="a" * 32), record=None, source=Source.LIST,
                level=Level.UID, unproven=None, random=False)
    words: Sequence[str] = (repr(one), repr(proof()), repr(tag()))
    assert all("ABCDEF" not in text and UID.hex() not in text for text in words)
