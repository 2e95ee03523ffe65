"""The cloud's part in cards over a real `sync.sock`: questions pushed, answers called, nobody there."""

import asyncio

import pytest
from fake_outlet import Tasks

from edge.controller.effects import AskCloud
from edge.controller.events import CardAnswered, CloudSeen, RequestReceived
from edge.controller.idtoken import IdToken
from edge.controller.request import Origin
from edge.link.card_protocol import ANSWER, QUESTIONS, SET
from edge.link.client import LinkClient
from edge.link.errors import LinkRefused
from edge.link.server import LinkServer
from edge.station.cards import Cards
from edge.station.cloud_cards import CloudCards
from edge.station.desk import Desk

pytestmark = pytest.mark.wire

ASK = AskCloud(question_id="q1", reader_id="front", evse_ids=("1",), within_s=20.0,
               token=IdToken(ref="a" * 32, sealed="seal"))


class Store:
    async def unseal(self, sealed, ref):
        return bytes.fromhex("04A3C6CAE26180")

    async def ref(self, token_type, value):
        return "b" * 32


@pytest.fixture
async def bench(tmp_path):
    class Bench:
        events, tasks = [], Tasks()

        def heard(self, event):
            self.events.append(event)
            if isinstance(event, RequestReceived):
                self.desk.answered(event.request.id, None)

        async def until(self, condition):
            async with asyncio.timeout(20):
                while not condition():  # noqa: ASYNC110 what is handed in has no event to wait on
                    await asyncio.sleep(0.01)

    made = Bench()
    made.events = []
    cloud = CloudCards(store=Store(), evses={1: "1"}, hand_in=made.heard, spawn=made.tasks.spawn,
                       answers=lambda: made.desk.asked in made.server.peers,
                       push=lambda topic, data: made.server.push(topic, data))
    made.cards = Cards(store=None, book=None, cloud=cloud, desk=None, hand_in=made.heard,
                       spawn=made.tasks.spawn)
    made.desk = Desk(journal=None, description=None, hand_in=made.heard, snapshot=None, outlets={},
                     meters={}, services={}, lines=None, health=None, cards=made.cards)
    made.server = LinkServer(tmp_path, Origin.SYNC, made.desk.handle)
    await made.server.start()
    made.path = made.server.path
    yield made
    await made.server.close()
    assert not made.tasks.failures


async def status(link, *, answers_cards):
    await link.request("sync.status", {"connected": True, "last_ack_age_s": None, "pending": {},
                                       "answers_cards": answers_cards})


async def test_a_card_is_asked_about_and_the_number_goes_when_it_is_answered(bench):
    async with LinkClient(bench.path) as link:
        await status(link, answers_cards=True)
        assert bench.events[-1] == CloudSeen(connected=True, last_ack_age_s=None, pending={},
                                             answers_cards=True)
        bench.cards.run(ASK)
        pushes = link.pushes()
        push = await asyncio.wait_for(anext(pushes), 20)
        assert push.topic == QUESTIONS and b'"id_token":"04A3C6CAE26180"' in bytes(push.data)
        await link.request(ANSWER, {"question_id": "q1", "id_token_info": {"status": "Accepted"}})
        (answered,) = [e for e in bench.events if isinstance(e, CardAnswered)]
        assert answered.record.token == ASK.token
        with pytest.raises(LinkRefused, match="nobody waits"):
            await link.request(ANSWER, {"question_id": "q1", "id_token_info": {"status": "Accepted"}})
    async with LinkClient(bench.path) as later:
        push = await asyncio.wait_for(anext(later.pushes()), 20)
        assert bytes(push.data) == b'{"questions":[]}', "who comes later hears no number"


async def test_nobody_is_asked_who_did_not_say_that_he_can_be_or_who_has_gone(bench):
    async with LinkClient(bench.path) as link:
        await status(link, answers_cards=False)
        bench.cards.run(ASK)
        await bench.until(lambda: any(isinstance(e, CardAnswered) for e in bench.events))
        await status(link, answers_cards=True)
    await bench.until(lambda: not bench.server.peers)
    bench.events.clear()
    bench.cards.run(ASK)
    await bench.until(lambda: bench.events)
    (answered,) = bench.events
    assert answered.record is None and "nobody is connected" in answered.error


async def test_a_reservation_is_handed_on_with_references_only(bench):
    async with LinkClient(bench.path) as link:
        await link.request(SET, {"id": "r1", "evse_id": "1", "until_utc": "2026-12-01T00:00:00Z",
                                 "id_token": {"idToken": "04A3C6CAE26180", "type": "ISO14443"}})
    (event,) = bench.events
    assert event.request.action == SET
    assert bytes(event.request.args["token_ref"]) == b'"' + b"b" * 32 + b'"'
    assert "04A3C6" not in repr(event)
