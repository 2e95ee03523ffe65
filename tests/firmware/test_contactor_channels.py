# Which of the coil's two channels is stuck, and who is not accused. Runs in MicroPython too.
from contactor import Contactor
from contactor_rig import NOBODY, SLACK_MS, TURN_MS, Rig
from registers import FAULT_INTERLOCK_STUCK, FAULT_RELAY_STUCK
from settings import Settings

# --- stuck channels

def test_a_shorted_interlock_is_named_once_the_relay_opens_what_it_held():
    rig = Rig()
    rig.charge()
    rig.interlock_shorted = True
    rig.permit = False
    rig.run(1000)
    assert rig.contactor.closed and rig.blames() == NOBODY  # it might be a weld
    rig.request = False
    rig.run(100)
    assert rig.blames() == (False, True, False, False)
    assert rig.contactor.drop_out_ms <= 30 + SLACK_MS + TURN_MS  # of the contactor, not of the stop
    assert not rig.contactor.pi_first  # the same channel once more, after its repair
    assert rig.contactor.clear(FAULT_INTERLOCK_STUCK) and rig.blames() == NOBODY


def test_a_coil_that_is_held_past_the_relay_is_named_once_the_board_opens_it():
    rig = Rig()
    rig.charge()
    rig.relay_bridged = True
    rig.request = False
    rig.run(1000)
    assert rig.contactor.closed and rig.blames() == NOBODY
    rig.permit = False
    rig.run(100)
    assert rig.blames() == (False, False, True, False)
    assert rig.contactor.pi_first
    assert rig.contactor.clear(FAULT_RELAY_STUCK) and rig.blames() == NOBODY


def test_a_stuck_channel_does_not_clear_while_the_mirror_is_closed():
    rig = Rig()
    rig.charge()
    rig.interlock_shorted = True
    rig.permit = False
    rig.run(500)
    rig.request = False
    rig.run(200)
    rig.welded = True
    rig.run(40)
    assert not rig.contactor.clear(FAULT_INTERLOCK_STUCK)
    assert rig.contactor.interlock_stuck


def test_a_contactor_that_the_relay_alone_closes_is_an_interlock_that_is_stuck():
    rig = Rig()
    rig.interlock_shorted = True
    rig.request = True
    rig.run(2000)
    rig.request = False
    rig.run(100)
    assert rig.blames() == (False, True, False, False)


def test_a_stuck_channel_is_named_at_the_second_stop_at_the_latest():
    for broken in ("interlock", "relay"):
        for stops_before in (0, 1):
            rig = Rig()
            for _ in range(stops_before):
                rig.charge()
                stop_as_asked(rig)
            if broken == "interlock":
                rig.interlock_shorted = True
            else:
                rig.relay_bridged = True
            stops = 0
            while rig.blames() == NOBODY:
                rig.charge()
                stop_as_asked(rig)
                stops += 1
                assert stops <= 2, broken
            assert rig.blames() == (False, broken == "interlock", broken == "relay", False), broken


def stop_as_asked(rig):
    # A normal stop: the first channel opens, the second once the mirror is open or 400 ms have gone.
    rig.asks = False
    if rig.contactor.pi_first:
        rig.request = False
    else:
        rig.permit = False
    end_ms = rig.now_ms + 400
    while rig.contactor.closed and rig.now_ms < end_ms:
        rig.step()
    rig.request = rig.permit = False
    rig.run(1500)


def test_the_channels_open_first_in_turns():
    rig = Rig()
    firsts = []
    for _ in range(6):
        firsts.append(rig.contactor.pi_first)
        rig.charge()
        stop_as_asked(rig)
    assert firsts == [False, True] * 3
    assert rig.blames() == NOBODY and rig.events == [6, 0, 0, 0]


def test_a_channel_is_proved_though_the_other_follows_within_the_bounce():
    for pi_first in (False, True):
        rig = Rig()
        rig.contactor.pi_first = pi_first
        rig.charge()
        rig.request = not pi_first
        rig.permit = pi_first
        rig.run(36)
        assert not rig.closed and rig.contactor.closed  # open, and not yet believed
        rig.request = rig.permit = False
        rig.run(100)
        assert rig.contactor.pi_first != pi_first
        assert rig.blames() == NOBODY


def test_a_stop_that_proves_nothing_leaves_the_turn_where_it_was():
    for pi_first in (False, True):
        for how in ("both", "stop button", "brown-out", "blink"):
            rig = Rig()
            rig.contactor.pi_first = pi_first
            rig.charge()
            if how in ("stop button", "brown-out"):
                rig.fed = False
                rig.run(8)
                rig.permit = pi_first  # the other than what would be proved next
                rig.request = not pi_first
            elif how == "blink":
                rig.request = rig.permit = False
                rig.run(8)
                rig.request = not pi_first
                rig.permit = pi_first
            else:
                rig.request = rig.permit = False
            rig.run(100)
            assert not rig.contactor.closed, how
            rig.request = rig.permit = False
            rig.run(3000)
            assert rig.contactor.pi_first == pi_first, how
            assert rig.blames() == NOBODY, how


# --- nobody is accused

def test_healthy_stories_accuse_nobody():
    # (name, steps): (ms to run, what changes then)
    off_request = ("request", False)
    off_permit = ("permit", False)
    stories = (
        ("controller killed, its relay stays on", ((8000, off_permit), (600000, None))),
        ("controller killed, started again later", ((0, off_permit), (20000, off_request))),
        ("the Pi lost its power", ((0, off_request), (5000, off_permit))),
        ("the car opened S2, the relay 1 s later", ((60, off_permit), (1000, off_request))),
        ("the car opened S2, the relay never", ((60, off_permit), (600000, None))),
        ("stop button behind the relay", ((0, ("fed", False)), (8, off_permit), (1000, off_request))),
        ("stop button before the relay", ((0, ("fed", False)), (0, off_request), (8, off_permit))),
        ("stop button, its contact late by 50 ms", ((0, ("fed", False)), (50, off_permit))),
        ("slow but in time", ((0, ("drop_ms", 200)), (0, off_permit), (1000, off_request))),
        ("relay right after PERMIT", ((0, off_permit), (8, off_request))),
        ("PERMIT right after the relay", ((0, off_request), (8, off_permit))),
        ("the relay flickers", ((0, off_request), (8, ("request", True)), (500, off_permit))),
        ("the relay blinks", ((0, off_request), (100, ("request", True)), (3000, off_permit))),
    )
    for bounce_ms in (0, 16):
        for name, steps in stories:
            rig = Rig()
            rig.bounce_ms = bounce_ms
            rig.charge()
            for ms, change in steps:
                rig.run(min(ms, 20000))
                if change is not None:
                    setattr(rig, change[0], change[1])
            rig.run(5000)
            assert rig.blames() == NOBODY, name
            assert not rig.contactor.closed and not rig.contactor.weld_suspected, name
            assert rig.events[2:] == [0, 0], name
            assert rig.events[0] <= 2, name


def test_contacts_that_open_late_by_themselves_blame_no_channel():
    for held in ("request", "permit"):
        rig = Rig()
        rig.drop_ms = 400
        rig.charge()
        setattr(rig, "permit" if held == "request" else "request", False)
        rig.run(2000)
        rig.request = rig.permit = False
        rig.run(2000)
        assert rig.blames() == NOBODY, held
        assert 400 <= rig.contactor.drop_out_ms <= 400 + SLACK_MS, held


def test_a_stalled_loop_accuses_nobody():
    contactor = Contactor(Settings())
    for _ in range(20):
        contactor.step(TURN_MS, True, True, True, True)
    contactor.step(5000, False, False, True, True)  # a long turn in which both went off
    assert not contactor.weld_suspected and not contactor.weld
    contactor.step(TURN_MS, False, False, False, True)
    contactor.step(5000, True, True, False, True)
    assert not contactor.not_closed
