# Closing, falling, and what is measured and counted of a contactor. Runs in MicroPython too.
from contactor import BOUNCE_MS, CLOSE_MS, LOST_MS, Contactor
from contactor_rig import NOBODY, SLACK_MS, TURN_MS, Rig, is_not_closed
from registers import FAULT_NOT_CLOSED
from settings import Settings


def is_open(contactor):
    return not contactor.closed


# --- closing

def test_a_contactor_that_does_not_close_is_named_after_a_second():
    rig = Rig()
    rig.dead = rig.permit = rig.request = True
    while not rig.contactor.not_closed:
        assert rig.now_ms <= CLOSE_MS + SLACK_MS
        rig.step()
    assert rig.now_ms >= CLOSE_MS
    rig.request = rig.permit = False
    rig.run(100)
    assert rig.contactor.not_closed  # until it is cleared
    assert rig.contactor.clear(FAULT_NOT_CLOSED) and rig.blames() == NOBODY


def test_one_that_falls_while_charging_is_named_after_100_ms():
    rig = Rig()
    rig.charge()
    rig.dead = True
    rig.until(is_open, 100)
    said_ms = BOUNCE_MS + rig.until(is_not_closed, 200)
    assert LOST_MS <= said_ms <= LOST_MS + SLACK_MS
    assert rig.contactor.drop_out_ms == 0  # no command opened it
    rig.request = rig.permit = False
    rig.run(100)
    assert rig.contactor.clear(FAULT_NOT_CLOSED)
    rig.request = rig.permit = True  # the next attempt has its whole time
    rig.run(CLOSE_MS - TURN_MS)
    assert rig.blames() == NOBODY
    dip = Rig()
    dip.charge()
    dip.fed = False
    dip.run(70)
    dip.fed = True  # it fell for less than the limit
    dip.run(2000)
    assert dip.blames() == NOBODY and dip.events[0] == 2


def test_a_quick_reopening_has_the_whole_time_to_close_again():
    contactor = Contactor(Settings())
    # request, turns; the mirror falls in the blink, and is slow to return
    for request, turns in ((True, 50), (False, 3)):
        for _ in range(turns):
            contactor.step(TURN_MS, request, True, request, True)
    for _ in range(100):
        contactor.step(TURN_MS, True, True, False, True)
    assert not contactor.not_closed


# --- what is measured and counted

def test_drop_out_and_pull_in_are_measured_to_a_turn():
    for drop_ms in (12, 30, 90, 200):
        for first in ("permit", "request", "both"):
            rig = Rig()
            rig.drop_ms = drop_ms
            rig.charge()
            assert 25 <= rig.contactor.pull_in_ms <= 25 + SLACK_MS
            if first != "request":
                rig.permit = False
            if first != "permit":
                rig.request = False
            rig.run(8)
            rig.permit = rig.request = False
            rig.run(1000)
            assert drop_ms <= rig.contactor.drop_out_ms <= drop_ms + SLACK_MS, (drop_ms, first)


def test_an_opening_that_no_command_made_is_no_drop_out():
    rig = Rig()
    rig.charge()
    rig.permit = rig.request = False
    rig.run(1000)
    measured_ms = rig.contactor.drop_out_ms
    assert 30 <= measured_ms <= 30 + SLACK_MS
    rig.welded = True  # pushed by hand
    rig.run(200)
    rig.welded = False
    rig.run(200)
    assert rig.contactor.drop_out_ms == measured_ms


def test_bounce_counts_once():
    for bounce_ms in (0, 8, 16):
        rig = Rig()
        rig.bounce_ms = bounce_ms
        for _ in range(3):
            rig.charge()
            rig.asks = False
            rig.permit = False
            rig.run(200)
            rig.request = False
            rig.run(200)
        assert rig.events == [3, 0, 0, 0], bounce_ms
        assert rig.blames() == NOBODY, bounce_ms


def test_an_opening_counts_as_load_break_only_while_the_car_asks():
    for asks in (False, True):
        for what in ("permit", "request", "dead"):
            rig = Rig()
            rig.charge()
            rig.asks = asks
            setattr(rig, what, what == "dead")
            rig.run(200)
            rig.asks = not asks  # too late to matter
            rig.run(200)
            assert rig.events[1] == int(asks), what


def test_stop_watches_stand_still_instead_of_overflowing():
    contactor = Contactor(Settings())
    for request, permit in ((True, True), (True, False), (False, True), (False, False)):
        for mirror in (False, True):
            for _ in range(100):
                contactor.step(0x3FFFFFFF // 100, request, permit, mirror, False)
    for name in ("_command_ms", "_coil_ms", "_wrong_ms", "_other_ms", "_missing_ms"):
        assert -1 <= getattr(contactor, name) <= 60000, name
