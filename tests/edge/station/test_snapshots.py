"""What screens get of the core's state: the driver's next step, and why there is less or nothing."""

from core_desk import BERT, Desk, plan
from looped import looped

from edge.controller.catalogue import CATALOGUE
from edge.controller.events import Header
from edge.controller.faults import Fault, FaultCode, FaultTally, Severity, Stops
from edge.controller.phase import Phase
from edge.controller.pilot import BoardFault, PilotState
from edge.controller.session import Session
from edge.controller.snapshot import EvseView, PriceLine, Screen, SiteView, Snapshot, WearView
from edge.controller.turn import fault_key
from edge.station.snapshots import _SCREENS, Snapshots

VIEW = SiteView(id="SE*FCT*E0001", name="Garage", time_zone="Europe/Stockholm", languages=("sv",),
                currency="SEK", phone="+46 10 000 00 00")


class NoPrices:
    def cost_so_far(self, session: Session, at: Header) -> str | None:
        del session, at
        return None

    def lines(self, at: Header) -> tuple[PriceLine, ...]:
        del at
        return ()


def taken(desk: Desk) -> Snapshot:
    at = Header(mono_ns=desk.now_ns, boot=1, fresh_id="x", utc=None, clock_ok=False)
    return Snapshots(VIEW, NoPrices()).take(desk.site, at)


def view(desk: Desk, evse_id: str = "1") -> EvseView:
    return next(e for e in taken(desk).evses if e.id == evse_id)


def put_fault(desk: Desk, code: FaultCode, **fields: object) -> Fault:
    """As if a rule had found it: the screens do not care which."""
    fault = Fault(**{"code": code, "where": "1", "since_utc": None, "since_mono_ns": desk.now_ns,
                     "evse_id": "1", **fields})  # type: ignore[arg-type]
    desk.site.faults[fault_key(code, fault.where)] = fault
    return fault


def test_every_phase_has_a_screen():
    assert set(_SCREENS) == set(Phase)


@looped("kind", CATALOGUE.values())
def test_only_what_stops_takes_the_screen_from_a_session(kind):
    desk = Desk(plan(1))
    desk.charge()
    put_fault(desk, kind.code)
    goes_on = kind.stops in (Stops.NOTHING, Stops.DERATE)
    only_a_pause = kind.stops is Stops.PAUSE and kind.severity is Severity.NOTICE
    expected = Screen.CHARGING if goes_on or only_a_pause else Screen.FAULT
    assert view(desk).screen is expected
    assert [f.code for f in view(desk).faults] == [kind.code]


def test_a_fault_of_several_bays_is_in_the_view_of_each_and_of_the_site():
    desk = Desk(plan(3))
    put_fault(desk, FaultCode.EMERGENCY_STOP, where="stop", evse_id=None, evse_ids=("1", "3"))
    snapshot = taken(desk)
    assert [e.screen is Screen.FAULT for e in snapshot.evses] == [True, False, True]
    assert [[f.where for f in e.faults] for e in snapshot.evses] == [["stop"], [], ["stop"]]
    assert [f.where for f in snapshot.faults] == ["stop"]


def test_a_fault_tells_how_often_it_came():
    desk = Desk(plan(1))
    fault = put_fault(desk, FaultCode.METER_SILENT, where="bay-1")
    desk.site.tallies[fault_key(fault.code, "bay-1")] = FaultTally(
        code=fault.code, where="bay-1", count=3, first_utc="2026-05-01T06:00:00Z",
        last_utc="2026-05-04T12:24:10Z", standing=fault)
    desk.site.tallies[fault_key(fault.code, "bay-2")] = FaultTally(
        code=fault.code, where="bay-2", count=7)
    told = view(desk).faults[0]
    assert (told.count, told.first_utc, told.last_utc) == (
        3, "2026-05-01T06:00:00Z", "2026-05-04T12:24:10Z")
    put_fault(desk, FaultCode.DIODE)
    assert view(desk).faults[1].count == 0, "not known"


def test_a_plug_that_bounces_is_asked_back_in():
    desk = Desk(plan(1))
    desk.charge()
    desk.unplug()
    desk.run(0.3)
    assert view(desk).screen is Screen.REPLUG
    desk.run(10)
    assert view(desk).screen is not Screen.REPLUG


def test_a_session_that_somebody_paused_says_so():
    desk = Desk(plan(1))
    desk.charge()
    assert desk.request("session.pause", evse_id="1") is None
    desk.rest()
    desk.run(1)
    assert (view(desk).screen, view(desk).because, view(desk).offered_a) == (
        Screen.PAUSED, "request", 0.0)


def test_a_limit_below_six_amperes_is_named_while_it_pauses():
    desk = Desk(plan(1))
    desk.charge()
    assert desk.request("limit.set", where="1", current_a=0.0, because="grid") is None
    desk.rest()
    desk.run(1)
    assert (view(desk).screen, view(desk).because) == (Screen.PAUSED, "limit:grid")


def test_who_waits_for_others_is_told_that_it_is_the_fuse():
    desk = Desk(plan(2, fuse_a=10))
    desk.charge("1")
    desk.plug("2")
    desk.tap(BERT, evse_ids=("2",))
    desk.run(2)
    second = view(desk, "2")
    assert (second.offered_a, second.because) == (0.0, "circuit:row-a")


def test_the_minimum_off_time_is_called_a_rest():
    desk = Desk(plan(1))
    desk.charge()
    desk.rest()
    desk.run(0.5)
    assert (view(desk).screen, view(desk).because) == (Screen.PAUSED, "rest")


def test_an_outlet_taken_out_of_service_keeps_its_session_and_then_says_so():
    desk = Desk(plan(1))
    desk.charge()
    assert desk.request("availability.set", evse_id="1", operational=False) is None
    desk.run(1)
    assert (view(desk).screen, view(desk).state) == (Screen.CHARGING, "Occupied")
    desk.unplug()
    desk.run(400)
    assert view(desk).state == "Unavailable"


def test_a_hot_board_gives_less_and_says_it():
    desk = Desk(plan(1))
    desk.charge()
    desk.devices["1"].temperature_c = 62.0
    desk.run(2)
    assert view(desk).because.startswith("temperature:")
    assert 6 <= view(desk).offered_a < 32
    assert view(desk).screen is Screen.CHARGING


def test_a_diode_fault_is_the_fault_screen():
    desk = Desk(plan(1))
    desk.charge()
    desk.devices["1"].faults = (BoardFault.DIODE,)
    desk.devices["1"].pilot = PilotState.B
    desk.until(lambda: view(desk).screen is Screen.FAULT)


def test_what_a_contactor_has_done_is_told():
    desk = Desk(plan(1, rated_cycles=1000, rated_load_breaks=100))
    assert view(desk).wear is None
    desk.charge()
    desk.run(10)
    desk.unplug()
    desk.run(1)
    wear = view(desk).wear
    assert wear is not None
    assert (wear.cycles, wear.load_breaks, wear.share) == (1, 1, 0.01), "the worse of the two shares"
    assert wear.closed_s >= 10
    assert desk.request("contactor.replaced", evse_id="1") is None
    assert view(desk).wear == WearView(cycles=0, load_breaks=0, closed_s=0, share=0.0)
