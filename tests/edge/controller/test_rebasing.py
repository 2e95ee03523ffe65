"""A register that began anew under an open session: what was metered stays, and nothing is made up."""

import msgspec
import pytest
from core_desk import NS, Desk, plan
from restarts import restart

from edge.controller.events import ReadingTaken
from edge.controller.reading import PerPhase, Quality, Reading, ReadingContext
from edge.controller.session import Segment


def exchange(desk, evse_id="1", to_wh=40, why="reset", **changes):
    """The reading with which the acceptor believes the register that began anew."""
    device = desk.devices[evse_id]
    from_wh, device.wh = device.wh, to_wh
    amps = device.current_a if device.closed else 0.0
    reading = Reading(meter_id=f"bay-{evse_id}", mono_ns=desk.now_ns, energy_import_wh=to_wh,
                      rebased_from_wh=from_wh, rebased_why=why, power_w=amps * 690,
                      current_a=PerPhase(L1=amps, L2=amps, L3=amps))
    reading = msgspec.structs.replace(reading, **changes)
    desk.feed(ReadingTaken(reading=reading))
    return reading


def metered(desk, wh):
    desk.devices["1"].wh += wh
    desk.run(1)


def end(desk):
    desk.rest()
    desk.run(2)
    desk.unplug()
    desk.run(40)
    return next(e.session for e in reversed(desk.log) if type(e).__name__ == "PriceSession")


@pytest.mark.parametrize(("to_wh", "why"), [(40, "reset"), (9_000_000, "exchanged")])
def test_a_session_keeps_what_it_had_and_goes_on(desk, to_wh, why):
    desk.charge()
    metered(desk, 500)
    exchange(desk, to_wh=to_wh, why=why)
    assert desk.outlet().session.energy_wh == 500, "nothing between the two is billed"
    metered(desk, 70)
    assert desk.outlet().session.energy_wh == 570
    session = end(desk)
    assert session.energy_wh == 570 and session.carried_wh == 500
    assert session.spans == (Segment(from_wh=1_000, to_wh=1_500),
                             Segment(from_wh=to_wh, to_wh=to_wh + 70))
    assert (session.start_wh, session.end_reading.energy_import_wh) == (1_000, to_wh + 70)
    starts = [period.energy_wh for period in session.periods]
    assert starts == sorted(starts) and starts[-1] == 1_570 and 1_000 in starts


def test_a_session_outlives_two_of_them_and_a_kill_at_once_after(desk):
    desk.charge()
    metered(desk, 500)
    exchange(desk, to_wh=9_000_000, why="exchanged")
    metered(desk, 70)
    exchange(desk)
    restart(desk)
    desk.run(1)
    metered(desk, 6)
    session = end(desk)
    assert [(span.from_wh, span.to_wh) for span in session.spans] == [
        (1_000, 1_500), (9_000_000, 9_000_070), (40, 46)]
    assert session.energy_wh == 576 and session.down_wh == 0


def test_a_doubtful_reading_of_it_begins_nothing(desk):
    desk.charge()
    metered(desk, 500)
    exchange(desk, quality=Quality.SUSPECT)
    assert not desk.rows("ev.meter.v1") and not desk.outlet().session.segments


def test_readings_that_carry_its_first_register_on_are_taken(desk):
    desk.charge()
    metered(desk, 500)
    first = exchange(desk, energy_mono_ns=desk.now_ns - NS // 2)
    desk.now_ns += NS // 10
    desk.feed(ReadingTaken(reading=msgspec.structs.replace(
        first, mono_ns=desk.now_ns, rebased_from_wh=None, power_w=77.0)))
    assert desk.site.readings["bay-1"].power_w == 77.0


def test_its_event_has_a_number_of_its_own(desk):
    desk.charge()
    exchange(desk)
    desk.devices["1"].meter_answers = False
    desk.run(12)
    exchange(desk)
    numbers = [e["eventId"] for name in ("ev.meter.v1", "ev.fault.v1") for row in desk.rows(name)
               for e in row["eventData"]]
    assert len(numbers) == 4 and len(set(numbers)) == 4


def test_its_event_is_told_once_however_often_the_reading_comes(desk):
    desk.charge()
    metered(desk, 500)
    reading = exchange(desk)
    desk.feed(ReadingTaken(reading=reading))
    desk.now_ns += NS
    desk.feed(ReadingTaken(reading=msgspec.structs.replace(
        reading, mono_ns=desk.now_ns, energy_mono_ns=reading.mono_ns)))
    rows = desk.rows("ev.meter.v1")
    assert len(rows) == 1 and desk.outlet().session.energy_wh == 500
    event = rows[0]["eventData"][0]
    assert event["transactionId"] == desk.outlet().session.transaction_id
    assert event["customData"] == {"vendorId": "org.forecourt", "fromWh": 1_500, "toWh": 40,
                                   "because": "reset"}
    assert "1500 Wh before, 40 Wh now" in event["techInfo"]


def test_a_register_of_before_that_comes_late_is_none(desk):
    desk.charge()
    metered(desk, 500)
    before_ns = desk.now_ns - NS // 10
    exchange(desk)
    desk.feed(ReadingTaken(reading=Reading(
        meter_id="bay-1", mono_ns=desk.now_ns, energy_import_wh=1_500, energy_mono_ns=before_ns)))
    assert desk.outlet().session.last_wh == 40
    assert end(desk).energy_wh == 500


def test_it_counts_although_the_power_beside_it_cannot_be(desk):
    desk.charge()
    metered(desk, 500)
    exchange(desk, power_w=float("nan"))
    assert desk.outlet().session.energy_wh == 500 and desk.outlet().session.last_wh == 40
    desk.devices["1"].meter_answers = False
    session = end(desk)
    assert session.energy_wh == 500, "the register of the old meter is nobody's end"
    assert session.end_reading.quality is Quality.ESTIMATED


def test_a_session_that_waits_to_be_resumed_keeps_it_too(desk):
    desk.charge()
    metered(desk, 500)
    desk.run(60)  # a row, so that the register is kept
    desk.devices["1"].board_answers = False
    restart(desk)
    exchange(desk, to_wh=9_000_000)
    desk.devices["1"].board_answers = True
    desk.run(1)
    metered(desk, 30)
    session = desk.outlet().session
    assert session.energy_wh == 530 and session.down_wh == 0
    assert desk.sessions[session.transaction_id].carried_wh == 500


def test_where_nobody_charges_only_the_event_is_told(desk):
    exchange(desk)
    assert len(desk.rows("ev.meter.v1")) == 1
    assert "transactionId" not in desk.rows("ev.meter.v1")[0]["eventData"][0]
    desk.charge()
    metered(desk, 10)
    assert desk.outlet().session.energy_wh == 10 and not desk.outlet().session.segments


def test_a_session_that_an_older_controller_kept_goes_on(desk):
    """It knew of no segments, and of a reading neither when its energy was read nor why it changed."""
    desk.charge()
    metered(desk, 500)
    desk.run(60)
    (transaction_id, session), = desk.sessions.items()
    old = msgspec.json.decode(msgspec.json.encode(session))
    for name in ("segments", "anew_wh"):
        del old[name]
    for name in ("energy_mono_ns", "energy_export_wh", "frequency_hz", "rebased_from_wh",
                 "rebased_why"):
        del old["start_reading"][name]
    desk.sessions[transaction_id] = msgspec.convert(old, type(session))
    restart(desk)
    desk.run(1)
    metered(desk, 70)
    exchange(desk)
    metered(desk, 3)
    assert end(desk).energy_wh == 573


def silent_from_now(desk):
    desk.devices["1"].meter_answers = False


def test_a_start_register_that_does_not_come_is_the_last_one_from_behind_an_open_contactor(desk):
    desk.plug()
    desk.tap()
    desk.until(lambda: desk.devices["1"].pwm_on)
    desk.run(2)
    silent_from_now(desk)
    desk.ask()
    took = desk.until(lambda: desk.outlet().phase == "charging", 5)
    assert 2.0 <= took <= 3.0
    start = desk.outlet().session.start_reading
    assert (start.quality, start.energy_import_wh) == (Quality.ESTIMATED, 1_000)
    marks = [m["customData"].get("estimated") for r in desk.rows("tx.event.v1")
             for m in r.get("meterValue", ())]
    assert marks == [True]


@pytest.mark.parametrize("why", ["carried from before the opening", "in doubt", "never read"])
def test_a_register_that_may_have_moved_since_starts_nothing(desk, why):
    if why == "never read":
        desk = Desk(plan())
        silent_from_now(desk)
        desk.site = msgspec.structs.replace(desk.site, readings={})
    desk.plug()
    desk.tap()
    desk.until(lambda: desk.devices["1"].pwm_on)
    desk.run(2)
    silent_from_now(desk)
    if why == "in doubt":
        desk.feed(ReadingTaken(reading=Reading(
            meter_id="bay-1", mono_ns=desk.now_ns, energy_import_wh=7, quality=Quality.SUSPECT)))
    if why == "carried from before the opening":
        desk.feed(ReadingTaken(reading=Reading(
            meter_id="bay-1", mono_ns=desk.now_ns, energy_import_wh=1_000, power_w=0.0,
            energy_mono_ns=desk.outlet().open_ns)))
    desk.ask()
    desk.run(9)
    assert desk.outlet().phase in ("preparing", "paused")
    assert desk.outlet().session.start_reading is None


def test_a_start_register_from_before_the_car_asked_is_none(desk):
    desk.plug()
    desk.tap()
    desk.until(lambda: desk.devices["1"].pwm_on)
    desk.devices["1"].meter_answers = False
    desk.ask()
    desk.until(lambda: desk.outlet().phase == "preparing", 5)
    asked_ns = desk.outlet().since_ns
    for energy_ns, taken in ((asked_ns - 1, False), (asked_ns, True)):
        desk.run(0.1)
        desk.feed(ReadingTaken(reading=Reading(
            meter_id="bay-1", mono_ns=desk.now_ns, energy_import_wh=1_000, energy_mono_ns=energy_ns,
            context=ReadingContext.TRANSACTION_BEGIN)))
        assert (desk.outlet().session.start_reading is not None) is taken


def test_an_end_register_is_waited_for_for_half_a_minute_and_then_estimated(desk):
    desk.charge()
    metered(desk, 300)
    silent_from_now(desk)
    desk.unplug()
    desk.until(lambda: desk.outlet().phase == "ending", 10)
    took = desk.until(lambda: desk.outlet().phase != "ending", 40)
    assert 29.5 <= took <= 31
    session = next(e.session for e in desk.log if type(e).__name__ == "PriceSession")
    assert (session.end_reading.quality, session.energy_wh) == (Quality.ESTIMATED, 300)
    ended = next(r for r in desk.rows("tx.event.v1") if r["eventType"] == "Ended")
    assert ended["meterValue"][0]["customData"]["estimated"] is True


def test_a_register_lower_than_what_was_metered_ends_no_session(desk):
    desk.charge()
    metered(desk, 300)
    silent_from_now(desk)
    desk.unplug()
    desk.until(lambda: desk.outlet().phase == "ending", 10)
    desk.run(29)
    desk.feed(ReadingTaken(reading=Reading(
        meter_id="bay-1", mono_ns=desk.now_ns, energy_import_wh=1_299, power_w=0.0)))
    desk.run(3)
    session = next(e.session for e in desk.log if type(e).__name__ == "PriceSession")
    assert (session.end_reading.energy_import_wh, session.energy_wh) == (1_300, 300)
    assert session.end_reading.quality is Quality.ESTIMATED


def test_a_meter_behind_the_contactor_starts_no_session_by_what_it_said_before():
    desk = Desk(plan(1, meter_on_supply_side=False))
    silent_from_now(desk)
    desk.charge()
    granted_ns = desk.outlet().granted_ns
    for energy_ns, taken in ((granted_ns - 1, False), (granted_ns, True)):
        desk.run(0.1)
        desk.feed(ReadingTaken(reading=Reading(
            meter_id="bay-1", mono_ns=desk.now_ns, energy_import_wh=1_000, power_w=0.0,
            energy_mono_ns=energy_ns)))
        assert (desk.outlet().session.start_reading is not None) is taken


def test_a_voltage_that_was_read_once_and_carried_proves_no_duration(desk):
    desk.charge()
    silent_from_now(desk)
    read_ns = desk.now_ns
    low = PerPhase(L1=190.0, L2=190.0, L3=190.0)
    for n in range(14):
        desk.run(0.5)
        again = read_ns if n < 13 else desk.now_ns  # then it is read again
        desk.feed(ReadingTaken(reading=Reading(
            meter_id="bay-1", mono_ns=desk.now_ns, energy_import_wh=1_000, power_w=0.0, voltage_v=low,
            energy_mono_ns=again)))
        assert ("F410" in desk.codes()) is (n == 13), (n, desk.codes())


def test_a_circuits_meter_is_well_whatever_became_of_its_energy():
    desk = Desk(msgspec.structs.replace(plan(1), site_meters=("grid",)))
    old_ns = desk.now_ns
    for _ in range(15):
        desk.run(1)
        desk.feed(ReadingTaken(reading=Reading(
            meter_id="grid", mono_ns=desk.now_ns, energy_import_wh=5, power_w=-900.0,
            energy_mono_ns=old_ns)))
    assert not desk.codes(), "it bills nobody, and sun may flow back"


def test_an_energy_that_is_carried_from_before_the_opening_ends_no_session(desk):
    desk.charge()
    metered(desk, 300)
    carried_ns = desk.now_ns
    silent_from_now(desk)
    desk.unplug()
    desk.until(lambda: desk.outlet().phase == "ending", 10)
    for _ in range(5):
        desk.run(1)
        desk.feed(ReadingTaken(reading=Reading(
            meter_id="bay-1", mono_ns=desk.now_ns, energy_import_wh=1_300, power_w=0.0,
            energy_mono_ns=carried_ns)))
    assert desk.outlet().phase == "ending" and desk.outlet().session.end_reading is None
    desk.feed(ReadingTaken(reading=Reading(
        meter_id="bay-1", mono_ns=desk.now_ns, energy_import_wh=1_305, power_w=0.0,
        context=ReadingContext.TRANSACTION_END)))
    assert desk.outlet().phase != "ending"


def test_currents_without_a_fresh_register_pause_an_outlet(desk):
    desk.charge()
    desk.devices["1"].meter_answers = False
    carried_ns = desk.now_ns
    for _ in range(12):
        desk.run(1)
        desk.feed(ReadingTaken(reading=Reading(
            meter_id="bay-1", mono_ns=desk.now_ns, energy_import_wh=1_000, power_w=16 * 690.0,
            current_a=PerPhase(L1=16.0, L2=16.0, L3=16.0), energy_mono_ns=carried_ns)))
    assert desk.codes() == {"F102"}


def test_currents_without_any_register_pause_an_outlet_and_say_so(desk):
    desk.charge()
    desk.devices["1"].meter_answers = False
    for _ in range(12):
        desk.run(1)
        desk.feed(ReadingTaken(reading=Reading(
            meter_id="bay-1", mono_ns=desk.now_ns, power_w=16 * 690.0,
            current_a=PerPhase(L1=16.0, L2=16.0, L3=16.0))))
    assert desk.codes() == {"F103"} and desk.outlet().phase == "pausing"
    assert next(iter(desk.site.faults.values())).detail == "it tells no register"


def test_a_refused_register_is_named_although_older_ones_are_carried_on(desk):
    desk.charge()
    desk.devices["1"].meter_answers = False
    carried_ns = desk.now_ns
    for n in range(12):
        desk.run(1)
        refused = n % 4 == 0
        desk.feed(ReadingTaken(reading=Reading(
            meter_id="bay-1", mono_ns=desk.now_ns, energy_import_wh=7 if refused else 1_000,
            power_w=16 * 690.0, current_a=PerPhase(L1=16.0, L2=16.0, L3=16.0),
            quality=Quality.SUSPECT if refused else Quality.GOOD,
            energy_mono_ns=None if refused else carried_ns)))
    assert desk.codes() == {"F103"}
