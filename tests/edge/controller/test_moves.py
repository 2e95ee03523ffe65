"""What is billed when the meter does not say what it should."""

from core_desk import Desk, plan
from restarts import restart

from edge.controller.effects import PriceSession
from edge.controller.events import ReadingTaken
from edge.controller.reading import Reading
from edge.controller.session import Session


def priced(desk: Desk) -> Session:
    desk.until(lambda: bool(desk.effects(PriceSession)))
    return desk.effects(PriceSession)[-1].session


def test_a_meter_that_died_over_a_restart_is_billed_at_the_last_register_that_was_kept(desk):
    desk.charge()
    desk.devices["1"].wh = 5_000
    desk.run(61)
    desk.devices["1"].meter_answers = False
    desk.devices["1"].boot_count += 1
    restart(desk)
    session = priced(desk)
    assert session.energy_wh == 4_000
    assert session.end_reading.energy_raw == "", "only the value was kept, not the raw register"


def test_a_register_that_was_read_alone_counts_when_the_meter_dies_after_it(desk):
    desk.charge()
    desk.devices["1"].wh = 5_000
    desk.run(2)
    desk.feed(ReadingTaken(reading=Reading(
        meter_id="bay-1", mono_ns=desk.now_ns, energy_import_wh=5_001)))
    desk.devices["1"].meter_answers = False
    desk.unplug()
    assert priced(desk).energy_wh == 4_001


def test_a_register_below_the_start_is_no_part_of_the_session(desk):
    desk.charge()
    desk.devices["1"].wh = 500
    desk.run(3)
    desk.unplug()
    session = priced(desk)
    assert session.energy_wh == 0 and session.end_reading.energy_import_wh == 1_000


def test_a_session_whose_meter_never_answered_ends_without_a_register():
    desk = Desk(plan(1))
    desk.devices["1"].meter_answers = False
    desk.plug()
    desk.tap()
    desk.run(1)
    desk.unplug()
    assert priced(desk).end_reading is None
