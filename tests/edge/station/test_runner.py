"""Taking power waits for nothing; granting waits for the journal, and looks again after every wait."""

import asyncio

import msgspec
import pytest
from fake_journal import FakeJournal
from fake_outlet import FakeBoard, FakeContactor, Tasks, until
from virtual_time import now_ns, virtual

from edge.controller.effects import (
    CloseContactor,
    Effect,
    Keep,
    LowerCurrent,
    OfferCurrent,
    OpenContactor,
    PriceSession,
    Record,
    RenewGrant,
    SaveSession,
    Stream,
    WakeCar,
    WithdrawOffer,
)
from edge.controller.events import (
    Event,
    GrantFailed,
    GrantPassed,
    Header,
    SessionPriced,
    SessionSetAside,
)
from edge.controller.idtoken import IdToken
from edge.controller.session import Instant, Session
from edge.outlet.settings import BoardSettings
from edge.station.outlet_driver import OutletDriver
from edge.station.runner import Runner
from edge.station.scribe import RETRY_S, Scribe

CLOSE = CloseContactor(evse_id="1", grant_s=5, current_a=16)
OPEN = OpenContactor(evse_id="1", urgent=True, reason="test")
RENEW = RenewGrant(evse_id="1", grant_s=5, current_a=16)
X1 = WithdrawOffer(evse_id="1")
SESSION = Session(transaction_id="t1", evse_id="1", token=IdToken(ref="a" * 32), plug_seq=1,
                  began=Instant(mono_ns=0, boot=1))


def row(name: str = "row") -> Record:
    return Record(stream=Stream.TX, type=name, data=msgspec.Raw(b"{}"))


def offer(current_a: float, from_a: float = 0.0, evse_id: str = "1") -> OfferCurrent:
    return OfferCurrent(evse_id=evse_id, current_a=current_a, because="evse", from_a=from_a)


def lower(current_a: float, evse_id: str = "1") -> LowerCurrent:
    return LowerCurrent(evse_id=evse_id, current_a=current_a, because="circuit:row")


class Bench:
    """A runner over a journal, and two outlets whose devices are fakes. `log`: what the devices saw."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.journal, self.tasks = FakeJournal(), Tasks()
        self.boards = {e: FakeBoard(self.log if e == "1" else None) for e in ("1", "2")}
        self.relays = {e: FakeContactor(self.log if e == "1" else None) for e in ("1", "2")}
        self.events: list[Event] = []
        outlets = {e: OutletDriver(e, self.boards[e], self.relays[e], settings=BoardSettings(),
                                   clock_ns=now_ns, utc_s=lambda: None, spawn=self.tasks.spawn,
                                   hand_in=self.events.append)
                   for e in ("1", "2")}
        self.runner = Runner(
            scribe=Scribe(self.journal), outlets=outlets, meters={}, hand_in=self.events.append,
            price=self._price, answer=lambda _id, _refusal: None, spawn=self.tasks.spawn)

    def _price(self, evse_id: str, session: Session) -> SessionPriced:
        if session.tariff == "bad":
            raise LookupError("no such tariff")
        self.log.append("priced")
        return SessionPriced(evse_id=evse_id, transaction_id=session.transaction_id, currency="SEK",
                             cdr=msgspec.Raw(b"{}"), total_incl_vat="1", total_excl_vat="1")

    def run(self, *effects: Effect) -> None:
        self.runner.run(Header(mono_ns=now_ns(), boot=1, fresh_id="x"), effects)

    async def rest(self, seconds: float = 0.5) -> None:
        await asyncio.sleep(seconds)
        assert not self.tasks.failures


@virtual
async def test_power_goes_before_the_records_of_its_step_and_waits_for_no_disk():
    bench = Bench()
    bench.run(row(), SaveSession(transaction_id="t1", session=SESSION), OPEN, X1)
    assert bench.log == ["relay off"], "in the call itself"
    assert len(bench.journal.pending) == 1
    await bench.rest()
    assert bench.log == ["relay off", "revoke", "withdraw"] and bench.journal.pending


@virtual
async def test_an_opening_comes_first_even_if_its_step_names_it_last():
    bench = Bench()
    append = bench.journal.append
    bench.journal.append = lambda batch: bench.log.append("journal") or append(batch)
    bench.run(row(), row(), OPEN)
    assert bench.log == ["relay off", "journal"]


@pytest.mark.parametrize(("grant", "done"), [
    (CLOSE, ["grant 16", "relay on"]), (offer(16), ["offer 16"]),
    (PriceSession(evse_id="1", session=SESSION), ["priced"])])
@virtual
async def test_a_grant_waits_for_the_rows_of_its_step_and_of_all_before(grant, done):
    bench = Bench()
    bench.run(row("before"))
    bench.run(row("own"), grant)
    await bench.rest()
    bench.journal.commit(1)
    await bench.rest()
    assert not bench.log
    bench.journal.commit()
    await bench.rest()
    assert bench.log == done


@virtual
async def test_a_grant_without_a_row_of_its_own_waits_for_those_before():
    bench = Bench()
    bench.run(row("before"))
    bench.run(CLOSE)
    await bench.rest()
    assert not bench.log
    bench.journal.commit()
    await until(lambda: bench.relays["1"].on)
    assert isinstance(bench.events[-1], GrantPassed)


@pytest.mark.parametrize("grant", [CLOSE, offer(16)])
@pytest.mark.parametrize("taking", [OPEN, X1])
@virtual
async def test_a_grant_is_dropped_if_power_was_taken_while_the_disk_was_waited_for(grant, taking):
    bench = Bench()
    bench.run(row(), grant)
    await bench.rest()
    bench.run(taking)
    bench.journal.commit()
    await bench.rest()
    assert not {"grant 16", "relay on", "offer 16"} & set(bench.log) and not bench.events


@virtual
async def test_what_is_taken_from_one_outlet_drops_no_grant_of_another():
    bench = Bench()
    bench.run(row(), CLOSE, offer(10, evse_id="2"))
    bench.run(OpenContactor(evse_id="2", urgent=True, reason="test"))
    bench.journal.commit()
    await bench.rest()
    assert bench.relays["1"].on and not bench.boards["2"].offered_a


@virtual
async def test_a_close_that_nobody_wants_after_the_grant_frame_never_energises():
    bench = Bench()
    bench.boards["1"].gates["grant"] = gate = asyncio.Event()
    bench.run(CLOSE)
    await bench.rest()
    bench.run(OPEN)
    await bench.rest()
    gate.set()  # the revocation has overtaken the grant
    await bench.rest()
    assert bench.log[-2:] == ["relay off", "revoke"] and "relay on" not in bench.log
    assert not bench.boards["1"].permit and not bench.events


@virtual
async def test_a_grant_that_fails_is_told_to_the_core_unless_nobody_wants_it():
    bench = Bench()
    bench.boards["1"].fails = 1
    bench.run(CLOSE)
    await bench.rest()
    assert isinstance(bench.events[-1], GrantFailed) and not bench.relays["1"].on
    bench.events.clear()
    bench.boards["1"].gates["grant"] = gate = asyncio.Event()
    bench.run(CLOSE)
    await bench.rest(0.1)
    bench.run(OPEN)
    await bench.rest(0.1)
    bench.boards["1"].fails = 1
    gate.set()
    await bench.rest()
    assert not bench.events and not bench.relays["1"].on and not bench.boards["1"].permit


@virtual
async def test_a_disk_that_fails_keeps_rows_in_order_and_grants_behind_them():
    bench = Bench()
    bench.run(row("a"))
    bench.run(row("b"), CLOSE)
    bench.journal.fail()
    await asyncio.sleep(0)
    bench.run(row("c"))
    await bench.rest(RETRY_S + 0.1)
    assert not bench.log
    bench.journal.fail()
    await bench.rest(RETRY_S + 0.1)
    bench.journal.commit()
    await bench.rest()
    assert bench.journal.rows == ["a", "b", "c"] and bench.log == ["grant 16", "relay on"]


@virtual
async def test_a_stalled_disk_stops_no_renewal_no_lowering_and_no_opening():
    bench = Bench()
    bench.run(offer(32))
    await bench.rest()
    bench.log.clear()
    bench.run(row("stalled"), CLOSE)
    for _ in range(5):
        bench.run(row("sample"), RENEW)
        await bench.rest(1)
    bench.run(row("lowered"), lower(10))
    await bench.rest()
    bench.run(row("opened"), OPEN)
    await bench.rest()
    assert bench.log == ["renew 16"] * 5 + ["offer 10", "relay off", "revoke"]


@virtual
async def test_less_than_an_offer_that_never_passed_is_still_a_grant():
    bench = Bench()
    bench.run(row("started"), offer(32))
    bench.run(row("another car"), lower(16))
    await bench.rest()
    assert not bench.log, "the board was told nothing yet, so 16 A is more"
    bench.journal.commit()
    await bench.rest()
    assert bench.log == ["offer 16"]


@virtual
async def test_less_than_the_board_was_told_is_lowered_at_once_whatever_waits():
    bench = Bench()
    bench.run(row(), offer(32, from_a=20))
    bench.run(lower(16))
    await bench.rest()
    assert bench.log == ["offer 16"]
    bench.journal.commit()
    await bench.rest()
    assert bench.log == ["offer 16"], "the raise is no longer wanted"


@pytest.mark.parametrize(("word", "last"), [(lower(10), "offer 10"), (X1, "withdraw")])
@virtual
async def test_what_overtakes_an_offer_on_the_line_is_said_again_after_it(word, last):
    bench = Bench()
    bench.boards["1"].gates["offer"] = gate = asyncio.Event()
    bench.run(offer(32, from_a=16))
    await bench.rest()
    del bench.boards["1"].gates["offer"]
    bench.run(word)
    await bench.rest()
    gate.set()
    await bench.rest()
    assert bench.log == [last, "offer 32", last]


@virtual
async def test_a_close_grants_no_more_than_was_lowered_to_meanwhile():
    bench = Bench()
    bench.run(offer(16))
    await bench.rest()
    bench.run(row(), CLOSE)
    bench.run(lower(10))
    await bench.rest()
    bench.journal.commit()
    await bench.rest()
    assert bench.log == ["offer 16", "offer 10", "grant 10", "relay on"]


@virtual
async def test_an_offer_that_the_board_does_not_take_is_no_failure_of_the_station():
    bench = Bench()
    bench.boards["1"].fails = 1
    bench.run(offer(16))
    await bench.rest()
    assert not bench.log and not bench.events


@virtual
async def test_a_price_comes_back_as_an_event_after_the_end_is_on_the_disk():
    bench = Bench()
    bench.run(row("ended"), SaveSession(transaction_id="t1", session=SESSION),
              PriceSession(evse_id="1", session=SESSION))
    await bench.rest()
    assert not bench.events
    bench.journal.commit()
    await bench.rest()
    assert isinstance(bench.events[0], SessionPriced) and len(bench.events) == 1
    bench.run(row("cdr"), SaveSession(transaction_id="t1", session=None))
    bench.journal.commit()
    assert not bench.journal.sessions


@virtual
async def test_what_is_kept_is_in_the_batch_of_its_step():
    bench = Bench()
    bench.run(row(), Keep(key="wear:1", data=msgspec.Raw(b"{}")), Keep(key="tally:x", data=None))
    batch, _ = bench.journal.pending[0]
    assert len(batch.rows) == 1 and batch.kept == {"wear:1": b"{}", "tally:x": None}
    bench.run(Keep(key="wear:1", data=None))
    assert len(bench.journal.pending) == 2, "without a row too"


@virtual
async def test_a_session_that_cannot_be_priced_stops_neither_the_station_nor_the_next_one():
    bench = Bench()
    bad = msgspec.structs.replace(SESSION, tariff="bad")
    bench.run(PriceSession(evse_id="1", session=bad), PriceSession(evse_id="1", session=SESSION))
    await bench.rest()
    aside, priced = bench.events
    assert isinstance(aside, SessionSetAside) and "no such tariff" in aside.error
    assert isinstance(priced, SessionPriced)


@virtual
async def test_a_sleeping_car_is_woken_at_once():
    bench = Bench()
    bench.run(row(), WakeCar(evse_id="1", pulse_s=4.0))
    await bench.rest()
    assert bench.log == ["wake 4000"]


@virtual
async def test_at_the_end_nothing_is_given_any_more_and_everything_is_taken():
    bench = Bench()
    bench.run(row(), CLOSE, offer(16))  # under way: they wait for the disk
    bench.runner.end()
    bench.journal.commit()
    bench.run(CLOSE, offer(16), lower(10), RENEW, WakeCar(evse_id="1", pulse_s=2.0))
    await bench.rest()
    assert not bench.log
    bench.run(row(), SaveSession(transaction_id="t1", session=SESSION), X1, OPEN)
    assert bench.log == ["relay off"] and len(bench.journal.pending) == 1
    await bench.rest()
    assert bench.log == ["relay off", "withdraw", "revoke"]
    bench.journal.commit()
    bench.run(PriceSession(evse_id="1", session=SESSION))
    await bench.rest()
    assert bench.log[-1] == "priced", "what is over may be billed"
