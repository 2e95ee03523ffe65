"""Bytes of a step give the same step again; a state that was read goes on as what was written."""

import random

import msgspec
import pytest
from happenings import HAPPENINGS
from world import PLAN, World

from edge.controller.core import step
from edge.controller.effects import Effect, WithdrawOffer
from edge.controller.events import Event, Header, RequestReceived, SessionPriced, Stamped, Tick
from edge.controller.request import Origin, Request
from edge.controller.site import SitePlan
from edge.controller.state import Site
from edge.recorder import codec

KEYFRAME = 60
EXACT = msgspec.msgpack.decode(msgspec.msgpack.encode(PLAN), type=SitePlan)


def again(stamped: Stamped) -> Stamped:
    (found,) = codec.unpack(codec.pack([(stamped, ())]))
    return found.stamped


class Shadowed(World):
    """Beside it the same events go to a core that knows nothing but bytes."""

    shadow: Site | None = None

    def __init__(self) -> None:
        super().__init__(EXACT)

    def start(self) -> None:
        self.shadow = None
        super().start()

    def judge(self, before: Site, stamped: Stamped, effects: tuple[Effect, ...]) -> None:
        if self.shadow is None or self.count % KEYFRAME == 0:
            data = codec.site_bytes(before)
            self.shadow = codec.site_of(data)
            assert codec.site_bytes(self.shadow) == data
        self.shadow, got = step(self.shadow, again(stamped))
        assert codec.outcome_bytes(got) == codec.outcome_bytes(effects), stamped
        if self.count % KEYFRAME == KEYFRAME - 1:
            assert codec.site_bytes(self.shadow) == codec.site_bytes(self.site)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_read_goes_on_as_what_was_written(seed: int) -> None:
    draw, world = random.Random(seed), Shadowed()
    world.start()
    for _ in range(40):
        name = draw.choice(sorted(HAPPENINGS) + ["charge"] * 8)
        HAPPENINGS[name](world, draw.choice("123"), draw.randrange(10))
        world.wait(0.5)
    assert world.count > 300


def at(**changes: object) -> Header:
    return msgspec.structs.replace(
        Header(mono_ns=5, boot=7, fresh_id="0123456789abcdef", utc="2026-11-21T09:40:00.000Z",
               clock_ok=True, random=0.25), **changes)


@pytest.mark.parametrize("head", [
    at(), at(fresh_id="id-7"), at(fresh_id=""), at(fresh_id="0123456789ABCDEF"), at(fresh_id="0" * 16),
    at(fresh_id="0123456789abcde"), at(utc=None), at(utc="whatever"), at(random=1 / 3), at(random=1.0),
    at(random=0.0), at(mono_ns=-1), at(mono_ns=2**63),
])
def test_every_header_comes_back(head: Header) -> None:
    stamped = Stamped(at=head, event=Tick())
    found = again(stamped)
    assert found == stamped
    assert isinstance(found.at.random, float)


def test_many_headers_come_back_in_order() -> None:
    steps = [Stamped(at=at(mono_ns=n * n, fresh_id=f"{n:016x}" if n % 3 else "odd"), event=Tick())
             for n in range(20)]
    assert [s.stamped for s in codec.unpack(codec.pack([(s, ()) for s in steps]))] == steps


@pytest.mark.parametrize("event", [
    SessionPriced(evse_id="1", transaction_id="t", cdr=msgspec.Raw(b'{"a": 1.50, "b":[null]}'),
                  total_incl_vat="1", total_excl_vat="1", currency="SEK", receipt=(("a", "b"),)),
    RequestReceived(request=Request(id="r", origin=Origin.SERVICE, action="x", args={
        "a": msgspec.Raw(b"1.0"), "b": msgspec.Raw(b' "\\u00e5" ')})),
])
def test_raw_json_comes_back_to_the_byte(event: Event) -> None:
    found = again(Stamped(at=at(), event=event)).event
    raw = [found.cdr] if isinstance(found, SessionPriced) else [*found.request.args.values()]
    was = [event.cdr] if isinstance(event, SessionPriced) else [*event.request.args.values()]
    assert [bytes(r) for r in raw] == [bytes(r) for r in was]


def test_an_outcome_is_its_effects_or_what_was_raised() -> None:
    steps = [(Stamped(at=at(), event=Tick()), outcome) for outcome in
             ((), (WithdrawOffer(evse_id="1"),), RuntimeError("no"))]
    assert [s.outcome for s in codec.unpack(codec.pack(steps))] == [
        b"", b'[{"kind":"WithdrawOffer","evse_id":"1"}]', b"!RuntimeError: no"]


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x91\x01", codec.pack([(Stamped(
    at=at(), event=Tick()), ())])[:-3]])
def test_what_is_no_block_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        list(codec.unpack(data))
