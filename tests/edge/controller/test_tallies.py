"""How often a fault has come is known after a restart; what latched stands on; causes are a set."""

from itertools import permutations

import msgspec
import pytest
from core_desk import ANNA, NS, Desk, plan
from restarts import restart

from edge.controller.catalogue import CATALOGUE
from edge.controller.effects import CloseContactor, Keep, OfferCurrent
from edge.controller.events import (
    OutletSeen,
    ReaderBack,
    ReaderLost,
    RequestReceived,
    TallyRestored,
)
from edge.controller.faults import Fault, FaultCode, FaultTally, Stops
from edge.controller.pilot import BoardFault
from edge.controller.request import Origin, Request
from edge.controller.turn import fault_key

pytestmark = pytest.mark.stories

STOPPING = (Stops.AT_ONCE, Stops.CUT, Stops.ORDERLY, Stops.PAUSE)
STOPPING_CODES = tuple(code for code, kind in CATALOGUE.items() if kind.stops in STOPPING)


def tally(desk: Desk, code: FaultCode, where: str) -> FaultTally:
    return desk.site.tallies[fault_key(code, where)]


def kept(desk: Desk, code: FaultCode, where: str) -> FaultTally:
    return msgspec.json.decode(desk.kept[f"tally:{code}@{where}"], type=FaultTally)


def standing(desk: Desk) -> set[str]:
    return set(desk.site.faults)


def ask_to_clear(desk: Desk, code: FaultCode, where: str) -> None:
    desk.feed(RequestReceived(request=Request(
        id="r", origin=Origin.SERVICE, action="fault.clear", args={
            "code": msgspec.Raw(msgspec.json.encode(code)),
            "where": msgspec.Raw(msgspec.json.encode(where))})))


def fault_rows(desk: Desk, code: FaultCode) -> list[bool]:
    """Of each row: whether the fault ended."""
    events = [e for r in desk.rows("ev.fault.v1") for e in r["eventData"]]
    return [e["cleared"] for e in events if e["techCode"] == code]


def lose_reader(desk: Desk, times: int = 1) -> None:
    for _ in range(times):
        desk.feed(ReaderLost(reader_id="front", error="gone"))
        desk.run(1)
        desk.feed(ReaderBack(reader_id="front"))
        desk.run(1)


def test_a_fault_is_counted_with_its_first_and_last_time(desk):
    lose_reader(desk, 3)
    found = tally(desk, FaultCode.READER_LOST, "front")
    assert (found.count, found.standing) == (3, None)
    assert found.first_utc < found.last_utc
    assert kept(desk, FaultCode.READER_LOST, "front") == found


def test_counts_and_times_go_on_after_a_restart(desk):
    lose_reader(desk, 2)
    first = tally(desk, FaultCode.READER_LOST, "front").first_utc
    restart(desk)
    lose_reader(desk)
    found = tally(desk, FaultCode.READER_LOST, "front")
    assert (found.count, found.first_utc) == (3, first)


def test_a_tally_is_written_with_its_rows_and_never_else(desk):
    desk.feed(ReaderLost(reader_id="front", error="gone"))
    for n in range(50):
        desk.feed(ReaderLost(reader_id="front", error=f"gone {n}"))
        desk.run(0.2)
    assert len([e for e in desk.effects(Keep) if e.key.startswith("tally:")]) == 1
    desk.feed(ReaderBack(reader_id="front"))
    assert len([e for e in desk.effects(Keep) if e.key.startswith("tally:")]) == 2
    assert fault_rows(desk, FaultCode.READER_LOST) == [False, True]


def test_a_fault_that_waits_for_a_technician_waits_after_a_restart_too_until_one_looks(desk):
    desk.devices["1"].faults = (BoardFault.RCD,)
    desk.run(1)
    desk.devices["1"].faults = ()
    desk.run(1)
    assert "F401@1" in standing(desk)
    restart(desk)
    desk.run(30)
    assert "F401@1" in standing(desk) and not fault_rows(desk, FaultCode.RESIDUAL_CURRENT)
    ask_to_clear(desk, FaultCode.RESIDUAL_CURRENT, "1")
    assert "F401@1" not in standing(desk)
    assert fault_rows(desk, FaultCode.RESIDUAL_CURRENT) == [True]
    restart(desk)
    desk.run(1)
    assert "F401@1" not in standing(desk)
    assert tally(desk, FaultCode.RESIDUAL_CURRENT, "1").count == 1, "acknowledging is not resetting"


@pytest.mark.parametrize(("then", "stands"), [
    ("stays", True), ("unplugged", False), ("another", False), ("board restarted", True)])
def test_a_fault_until_unplugged_stands_after_a_restart_while_the_same_car_is_there(desk, then, stands):
    desk.plug()
    desk.devices["1"].faults = (BoardFault.DIODE,)
    desk.run(1)
    desk.devices["1"].faults = ()
    if then == "unplugged":
        desk.unplug()
    elif then == "another":
        desk.devices["1"].plug_seq += 1
    elif then == "board restarted":
        desk.devices["1"].boot_count, desk.devices["1"].plug_seq = 9, 0
    restart(desk)
    assert "F301@1" in standing(desk), "nobody has looked yet"
    desk.run(1)
    assert ("F301@1" in standing(desk)) is stands


def test_a_fault_that_ended_while_nobody_looked_ends_in_the_rows_too_but_only_after_a_look(desk):
    desk.feed(ReaderLost(reader_id="front", error="gone"))
    restart(desk)
    desk.run(5)
    assert "F501@front" in standing(desk)
    desk.run(6)
    assert fault_rows(desk, FaultCode.READER_LOST) == [True]
    assert tally(desk, FaultCode.READER_LOST, "front").count == 1


def test_a_fault_that_still_has_its_cause_after_a_restart_does_not_begin_twice(desk):
    desk.feed(ReaderLost(reader_id="front", error="gone"))
    restart(desk)
    desk.feed(ReaderLost(reader_id="front", error="gone"))
    desk.run(20)
    assert fault_rows(desk, FaultCode.READER_LOST) == []
    assert tally(desk, FaultCode.READER_LOST, "front").count == 1


def test_a_latched_fault_of_an_outlet_that_left_the_site_stops_nobody():
    desk = Desk(plan(1))
    fault = Fault(code=FaultCode.DIODE, where="9", since_utc=None, since_mono_ns=0, evse_id="9")
    desk.feed(TallyRestored(tally=FaultTally(code=FaultCode.DIODE, where="9", count=4, standing=fault)))
    desk.run(1)
    assert not standing(desk) and tally(desk, FaultCode.DIODE, "9").count == 4


def test_where_no_clock_is_trusted_a_tally_has_no_time(desk):
    desk.clock_ok = False
    lose_reader(desk)
    assert tally(desk, FaultCode.READER_LOST, "front").last_utc is None


@pytest.fixture(scope="module")
def about_to_close():
    """A car that asks, everything granted but the closing itself; and the poll that would do it."""
    desk = Desk(plan(1))
    desk.plug()
    desk.tap(ANNA)
    desk.until(lambda: desk.devices["1"].pwm_on)
    desk.run(1)
    desk.ask()
    return desk


def closes(desk: Desk, faults: dict[str, Fault], cleared: FaultCode | None) -> bool:
    """Whether power is granted within four polls, with these faults and one of them cleared."""
    site, now_ns, log = desk.site, desk.now_ns, list(desk.log)
    device = msgspec.json.encode({k: v for k, v in vars(desk.devices["1"]).items() if k != "pilot"})
    desk.site = msgspec.structs.replace(site, faults=dict(faults), started_ns=now_ns)
    desk.log.clear()
    try:
        if cleared is not None:
            ask_to_clear(desk, cleared, "1")
            assert fault_key(cleared, "1") not in desk.site.faults, "it was to be cleared"
        for _ in range(4):
            desk.now_ns += NS // 10
            desk.poll("1")
            desk.read("1")
        return bool(desk.effects(CloseContactor) or desk.effects(OfferCurrent))
    finally:
        desk.site, desk.now_ns, desk.log = site, now_ns, log
        vars(desk.devices["1"]).update(msgspec.json.decode(device))
        desk.devices["1"].faults = ()


def fault(code: FaultCode) -> Fault:
    """As kept by an earlier boot: its cause may still be found, so that it does not clear by itself."""
    return Fault(code=code, where="1", since_utc=None, since_mono_ns=0, evse_id="1", boot=99)


def test_without_a_fault_that_car_would_charge(about_to_close):
    assert closes(about_to_close, {}, None)


@pytest.mark.parametrize("cleared", STOPPING_CODES)
def test_one_alone_stops(about_to_close, cleared):
    assert not closes(about_to_close, {fault_key(cleared, "1"): fault(cleared)}, None)


def test_clearing_one_of_two_never_unmasks_charging():
    """Over all ordered pairs of faults that stop, with one that stops nobody beside them."""
    desk = Desk(plan(1))
    desk.plug()
    desk.tap(ANNA)
    desk.until(lambda: desk.devices["1"].pwm_on)
    desk.run(1)
    desk.ask()
    pairs = 0
    for cleared, stays in permutations(STOPPING_CODES, 2):
        faults = {fault_key(code, "1"): fault(code)
                  for code in (cleared, stays, FaultCode.CONTACTOR_WORN)}
        assert not closes(desk, faults, cleared), (cleared, stays)
        pairs += 1
    assert pairs == len(STOPPING_CODES) * (len(STOPPING_CODES) - 1) > 500


def test_an_event_of_another_outlet_clears_nothing(desk):
    desk.plug()
    desk.devices["1"].faults = (BoardFault.DIODE,)
    desk.run(1)
    before = desk.site.faults
    board = desk.site.outlets["2"].board
    assert board is not None
    desk.feed(OutletSeen(evse_id="2", board=board, pi_mirror_closed=False, relay_on=False))
    assert desk.site.faults == before
