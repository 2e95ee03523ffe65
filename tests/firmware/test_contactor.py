# The coil's two channels, the mirror, and what their disagreement means. Runs in MicroPython too.
from contactor import (
    BOUNCE_MS,
    CASES,
    CLOSE_MS,
    EVENT_CYCLE,
    EVENT_LOAD_BREAK,
    EVENT_SHUNT,
    EVENT_WELD,
    HELD_MS,
    LOST_MS,
    SHUNT_MS,
    SUSPECT_MS,
    WELD_MS,
    Contactor,
)
from registers import FAULT_INTERLOCK_STUCK, FAULT_NOT_CLOSED, FAULT_RELAY_STUCK, FAULT_WELD
from settings import Settings

TURN_MS = 4
SLACK_MS = 2 * TURN_MS  # seen one turn late, judged one turn late


class Rig:
    # A contactor with its coil: 25 ms to pull in, 30 ms to drop out, a mirror that may bounce.

    def __init__(self, closed=False):
        self.contactor = Contactor(Settings())
        self.request = self.permit = self.asks = False
        self.fed = True  # the coil's supply
        self.welded = False
        self.dead = False  # its coil is broken
        self.interlock_shorted = self.relay_bridged = False
        self.bounce_ms = 0
        self.drop_ms = 30
        self.closed = closed
        self.events = [0, 0, 0, 0]  # how often cycle, load break, weld, shunt
        self.shunted_ms = 0
        self.now_ms = 0
        self._coil = False
        self._since_ms = 0
        self._changed_ms = -1000

    def step(self):
        fed = (self.request or self.relay_bridged) and (self.permit or self.interlock_shorted)
        coil = fed and self.fed and not self.dead
        self._since_ms = self._since_ms + TURN_MS if coil == self._coil else 0
        self._coil = coil
        want = True if self.welded else coil
        if want != self.closed and (self.welded or self._since_ms >= (25 if coil else self.drop_ms)):
            self.closed = want
            self._changed_ms = self.now_ms
        mirror = self.closed
        if self.now_ms - self._changed_ms < self.bounce_ms and (self.now_ms // TURN_MS) % 2:
            mirror = not mirror
        contactor = self.contactor
        contactor.step(TURN_MS, self.request, self.permit, mirror, self.asks, self.fed)
        for place, event in enumerate((EVENT_CYCLE, EVENT_LOAD_BREAK, EVENT_WELD, EVENT_SHUNT)):
            if contactor.events & event:
                self.events[place] += 1
        self.shunted_ms += TURN_MS if contactor.shunt else 0
        self.now_ms += TURN_MS

    def run(self, ms):
        end_ms = self.now_ms + ms
        while self.now_ms < end_ms:
            self.step()

    def until(self, said, limit_ms):
        # Time until a verdict is spoken.
        began_ms = self.now_ms
        while not said(self.contactor):
            assert self.now_ms - began_ms <= limit_ms, "not within the limit"
            self.step()
        return self.now_ms - began_ms

    def charge(self, ms=2000):
        self.permit = True
        self.run(60)
        self.request = self.asks = True
        self.run(ms)
        assert self.contactor.closed, "it charges"

    def blames(self):
        contactor = self.contactor
        return (contactor.weld, contactor.interlock_stuck, contactor.relay_stuck, contactor.not_closed)


NOBODY = (False, False, False, False)


def is_suspected(contactor):
    return contactor.weld_suspected


def is_weld(contactor):
    return contactor.weld


def is_interlock_stuck(contactor):
    return contactor.interlock_stuck


def is_not_closed(contactor):
    return contactor.not_closed


def is_open(contactor):
    return not contactor.closed


# --- the table

def test_the_table_has_each_case_in_its_place():
    assert len(CASES) == 8
    for place, row in enumerate(CASES):
        assert row[3] == place == 4 * row[0] + 2 * row[1] + row[2], row[4]
        assert row[4] and row[5] and row[7], place
    assert len({row[4] for row in CASES}) == 8


def test_the_case_is_what_is_read():
    contactor = Contactor(Settings())
    for request, permit, mirror, case, name, _, _, _ in CASES:
        contactor.step(TURN_MS, bool(request), bool(permit), bool(mirror), False)
        assert contactor.case == case, name


def test_each_case_that_may_last_blames_nobody_and_each_other_has_its_limit():
    # by hand, not from the code: what stands after the limit of each row, at the latest
    follows = {1: FAULT_WELD, 6: FAULT_NOT_CLOSED}
    for request, permit, mirror, case, name, _, limit_ms, _ in CASES:
        contactor = Contactor(Settings())
        contactor.step(TURN_MS, bool(request), bool(permit), bool(mirror), False)
        passed_ms = 0
        while passed_ms + TURN_MS < limit_ms:
            contactor.step(TURN_MS, bool(request), bool(permit), bool(mirror), False)
            passed_ms += TURN_MS
            assert not (contactor.weld or contactor.not_closed), name
        for _ in range(2 if limit_ms else 15000):
            contactor.step(TURN_MS, bool(request), bool(permit), bool(mirror), False)
        bits = (FAULT_WELD if contactor.weld else 0) | (FAULT_NOT_CLOSED if contactor.not_closed else 0)
        assert bits == follows.get(case, 0), name
        assert not contactor.interlock_stuck and not contactor.relay_stuck, name


def test_the_rows_with_one_command_name_the_channel_that_held():
    for request, permit, mirror, _, name, _, limit_ms, _ in CASES:
        if not mirror or request == permit:
            continue
        for more_ms, named in ((-SLACK_MS, False), (SLACK_MS, True)):
            contactor = Contactor(Settings())
            for _ in range(1 + (limit_ms + more_ms) // TURN_MS):
                contactor.step(TURN_MS, bool(request), bool(permit), True, False)
            for _ in range(50):
                contactor.step(TURN_MS, False, False, False, False)
            assert contactor.interlock_stuck == (named and bool(request)), name
            assert contactor.relay_stuck == (named and bool(permit)), name
            assert not contactor.weld, name


# --- welds

def test_the_limits_are_those_of_the_order():
    # suspected 250 ms, at least twice the drop-out time; latched at 1 s (OpenEVSE: stuck relay 1 s)
    assert (SUSPECT_MS, WELD_MS, Settings().weld_suspect_ms) == (250, 1000, 250)


def test_a_weld_is_suspected_then_latched_then_one_pulse_goes_to_the_shunt_trip():
    for first in ("both", "permit", "request"):
        rig = Rig()
        rig.charge()
        rig.welded = True
        if first == "permit":
            rig.permit = False
            rig.run(100)
        elif first == "request":
            rig.request = False
            rig.run(100)
        rig.request = rig.permit = False
        suspected_ms = rig.until(is_suspected, 1000)
        assert 250 <= suspected_ms <= 250 + SLACK_MS, first
        assert not rig.contactor.shunt and not rig.contactor.weld, first
        latched_ms = suspected_ms + rig.until(is_weld, 1000)
        assert 1000 <= latched_ms <= 1000 + SLACK_MS, first
        assert rig.contactor.shunt, first
        rig.run(60000)
        assert rig.shunted_ms == SHUNT_MS, first
        assert rig.events[2:] == [1, 1], first
        assert rig.blames() == (True, False, False, False), first


def test_a_weld_has_one_pulse_however_often_the_mirror_and_the_commands_change():
    rig = Rig(closed=True)
    rig.welded = True
    rig.run(5000)
    for _ in range(5):
        rig.welded = False
        rig.run(200)
        rig.welded = True
        rig.run(3000)
        rig.request = True
        rig.run(500)
        rig.request = False
        rig.run(3000)
    assert rig.events[2:] == [1, 1]


def test_a_weld_stays_until_it_is_cleared_with_the_mirror_open():
    rig = Rig(closed=True)
    rig.welded = True
    rig.run(2000)
    assert not rig.contactor.clear(FAULT_WELD)
    assert rig.contactor.weld
    rig.welded = False
    rig.run(100)
    assert rig.contactor.weld and not rig.contactor.weld_suspected
    assert rig.contactor.clear(FAULT_WELD)
    assert rig.blames() == NOBODY
    rig.welded = True
    rig.run(2000)
    assert rig.contactor.weld and rig.events[3] == 2  # the next one is a weld of its own


def test_a_mirror_that_is_closed_at_boot_counts_as_both_just_off():
    rig = Rig(closed=True)
    rig.welded = True
    assert 1000 <= rig.until(is_weld, 1100) <= 1000 + SLACK_MS
    late = Rig(closed=True)  # a watchdog's reset: it drops out while the board starts
    late.run(5000)
    assert late.blames() == NOBODY and late.events == [0, 0, 0, 0]


def test_a_closed_mirror_at_boot_under_the_pi_s_relay_is_no_weld_before_that_goes_off():
    rig = Rig(closed=True)
    rig.welded = rig.request = True
    rig.run(HELD_MS)
    assert rig.blames() == NOBODY and not rig.contactor.weld_suspected
    rig.request = False
    assert 1000 <= rig.until(is_weld, 1100) <= 1000 + SLACK_MS
    assert rig.blames() == (True, False, False, False)


def test_one_that_stays_closed_under_the_pi_s_relay_alone_is_named_and_has_its_breaker_tripped_once():
    for how in ("welded", "interlock_shorted"):
        rig = Rig(closed=True)
        setattr(rig, how, True)
        rig.request = True
        assert HELD_MS <= rig.until(is_interlock_stuck, 3100) <= HELD_MS + SLACK_MS
        rig.run(30000)
        assert rig.blames() == (False, True, False, False), how
        assert rig.events == [0, 0, 0, 1], how
        assert SHUNT_MS <= rig.shunted_ms <= SHUNT_MS + TURN_MS, how
        rig.request = False
        rig.run(2000)
        assert rig.blames() == (how == "welded", True, False, False)
        assert rig.events[3] == 1 + (how == "welded")


def test_one_that_is_closed_by_the_relay_alone_again_has_its_breaker_tripped_again():
    rig = Rig()
    rig.interlock_shorted = True
    for trips in (1, 2):
        rig.request = True
        rig.run(HELD_MS + 100)
        rig.request = False
        rig.run(1000)
        assert rig.blames() == (False, True, False, False) and rig.events[3] == trips


def test_a_weld_while_it_is_idle_is_found_too():
    rig = Rig()
    rig.run(100000)
    rig.welded = True  # pushed by hand, or fed from elsewhere
    assert 1000 <= rig.until(is_weld, 1100) <= 1000 + 2 * SLACK_MS


def test_a_bouncing_weld_is_a_weld_and_an_opening_at_the_last_moment_is_none():
    contactor = Contactor(Settings())
    for turn in range(300):
        contactor.step(TURN_MS, False, False, turn % 9 < 7, False)  # open for 8 ms in each 36
    assert contactor.weld
    contactor = Contactor(Settings())
    for _ in range(1 + (WELD_MS - TURN_MS) // TURN_MS):
        contactor.step(TURN_MS, False, False, True, False)
    for _ in range(500):
        contactor.step(TURN_MS, False, False, False, False)
    assert not contactor.weld and not contactor.shunt


def test_the_limits_hold_to_the_millisecond():
    # readings of one case every 10 ms: what stands at the limit, and not one reading before
    for case, limit_ms, said in ((1, 250, is_suspected), (1, 1000, is_weld), (6, 1000, is_not_closed)):
        contactor = Contactor(Settings())
        for now_ms in range(0, limit_ms + 10, 10):
            contactor.step(10, case >> 2 == 1, case >> 1 & 1 == 1, case & 1 == 1, False)
            assert bool(said(contactor)) == (now_ms == limit_ms), (case, now_ms)


def test_a_fresh_one_drives_and_blames_nothing():
    contactor = Contactor(Settings())
    assert not (contactor.shunt or contactor.weld_suspected or contactor.weld or contactor.not_closed)
    assert not (contactor.interlock_stuck or contactor.relay_stuck or contactor.pi_first)
    assert contactor.events == contactor.drop_out_ms == contactor.pull_in_ms == 0


def test_a_weld_that_held_it_past_both_channels_blames_neither_when_it_breaks_loose():
    for last in ("request", "permit"):
        rig = Rig()
        rig.charge()
        rig.welded = True
        setattr(rig, "permit" if last == "request" else "request", False)
        rig.run(1000)
        setattr(rig, last, False)
        rig.run(2000)
        rig.welded = False
        rig.run(1000)
        assert rig.blames() == (True, False, False, False), last


def test_nothing_clears_while_the_mirror_bounces():
    contactor = Contactor(Settings())
    for _ in range(300):
        contactor.step(TURN_MS, False, False, True, False)
    for mirror, turns in ((False, 1), (False, 20), (True, 1)):
        for _ in range(turns):
            contactor.step(TURN_MS, False, False, mirror, False)
        if turns == 1:
            assert not contactor.clear(FAULT_WELD) and contactor.weld
    contactor.step(TURN_MS, False, False, False, False)
    assert contactor.clear(FAULT_WELD)


def test_the_setting_moves_the_suspicion_and_not_the_latch():
    for suspect_ms in (30, 100, 900):
        rig = Rig(closed=True)
        rig.contactor._settings.weld_suspect_ms = suspect_ms
        rig.welded = True
        early_ms = rig.until(is_suspected, 1000)
        assert suspect_ms <= early_ms <= suspect_ms + SLACK_MS, suspect_ms
        assert 1000 <= early_ms + rig.until(is_weld, 1000) <= 1000 + SLACK_MS, suspect_ms


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


# --- every sequence, against a model that looks at the whole past at once

class Judge:
    # What a record of samples proves. It keeps no state between two samples: each question is asked of
    # the record. Rows: (time, commands, mirror, fed), commands 2 REQUEST + 1 PERMIT.

    def __init__(self, rows, suspect_ms):
        self.rows = rows
        self.suspect_ms = suspect_ms
        self.settled = []
        self.openings = []  # (first sample that read open, sample at which it counted)
        for k in range(len(rows)):
            self._settle(k)

    def _settle(self, k):
        rows = self.rows
        start = self.run_start(k)
        last = self.settled[k - 1] if k else rows[0][2]
        now = rows[k][2] if rows[k][0] - rows[start][0] >= BOUNCE_MS else last
        self.settled.append(now)
        if last and not now:
            self.openings.append((start, k))

    def run_start(self, k):
        while k and self.rows[k - 1][2] == self.rows[k][2]:
            k -= 1
        return k

    def stood_ms(self, k):
        # How long these commands have stood with a mirror that is not surely open; -1: they do not.
        if not (self.settled[k] or self.rows[k][2]):
            return -1
        rows = self.rows
        i = k
        while i and rows[i - 1][1] == rows[k][1] and (self.settled[i - 1] or rows[i - 1][2]):
            i -= 1
        return rows[k][0] - rows[i][0]

    def wrong(self, k, commands, limit_ms):
        row = self.rows[k]
        return row[1] == commands and row[2] and self.stood_ms(k) >= limit_ms

    def weld(self):
        return any(self.wrong(k, 0, WELD_MS) for k in range(len(self.rows)))

    def overdue(self):
        # Samples at which REQUEST alone had kept it closed for too long, the first of each stretch.
        late = [k for k in range(len(self.rows)) if self.wrong(k, 2, HELD_MS)]
        return [k for k in late if not any(i in late for i in self.before(k))]

    def before(self, k):
        # Rows of the same stretch of "closed though not both are on".
        rows = self.rows
        while k and rows[k - 1][1] != 3 and (self.settled[k - 1] or rows[k - 1][2]):
            k -= 1
            yield k

    def suspected(self):
        # The last sample may read open, if one before it in the same stretch did not.
        k = len(self.rows) - 1
        while k >= 0 and self.rows[k][1] == 0 and (self.settled[k] or self.rows[k][2]):
            if self.wrong(k, 0, self.suspect_ms):
                return True
            k -= 1
        return False

    def held_by(self, opening, commands):
        # Whether it had stayed closed for too long under this one command, and no later thing says why.
        first, counted = opening
        for k in range(counted, -1, -1):
            if self.rows[k][1] == 3 or self.wrong(k, 0, WELD_MS):
                return False
            if any(k == other and other < counted for _, other in self.openings):
                return False
            if k <= first and self.wrong(k, commands, self.suspect_ms):
                return True
        return False

    def stuck(self):
        # (interlock, relay, whose turn it is)
        interlock = relay = pi_first = False
        overdue = [(k, None) for k in self.overdue()]
        for _, opening in sorted([(opening[1], opening) for opening in self.openings] + overdue):
            if opening is None:
                interlock = True
                pi_first = False
                continue
            _, commands, _, fed = self.rows[opening[0]]
            if self.held_by(opening, 2) and (commands < 2 or not fed):
                interlock = True
                pi_first = False
            elif self.held_by(opening, 1) and (commands in (0, 2) or not fed):
                relay = True
                pi_first = True
            elif fed and self.proves(opening, commands):
                pi_first = commands == 2
        return interlock, relay, pi_first

    def proves(self, opening, commands):
        # The commands at its first open sample, at once after both on, and before that it was closed
        # with both on. What they are when it counts, a bounce later, does not matter.
        first, counted = opening
        if commands not in (1, 2):
            return False
        i = first
        while i and self.rows[i - 1][1] == commands:
            i -= 1
        if not i or self.rows[i - 1][1] != 3:
            return False
        return self.charged_before(counted)

    def charged_before(self, counted):
        for k in range(counted - 1, -1, -1):
            if self.rows[k][1] == 3 and self.settled[k]:
                return True
            if any(k == other for _, other in self.openings):
                return False
        return False

    def not_closed(self):
        return any(self.lacks(k) for k in range(len(self.rows)))

    def lacks(self, k):
        rows = self.rows
        if rows[k][1] != 3 or rows[k][2]:
            return False
        began = k
        while began and rows[began - 1][1] == 3:
            began -= 1
        since = began
        limit_ms = CLOSE_MS
        if self.settled[k]:
            since = max(began, self.run_start(k))
        else:
            for first, counted in self.openings:
                if began <= first and counted <= k:
                    since = first
                    limit_ms = LOST_MS
                elif counted <= k:
                    since = max(began, first)
        return rows[k][0] - rows[since][0] >= limit_ms


def verdict(contactor):
    return (contactor.weld, contactor.weld_suspected, contactor.interlock_stuck, contactor.relay_stuck,
            contactor.pi_first, contactor.not_closed)


def judged(rows, suspect_ms):
    judge = Judge(rows, suspect_ms)
    interlock, relay, pi_first = judge.stuck()
    return (judge.weld(), judge.suspected(), interlock, relay, pi_first, judge.not_closed())


def test_every_sequence_of_four_cases_is_judged_as_its_whole_record_says():
    # Each case twice, 260 ms apart: longer than the suspicion, a quarter of the latch.
    settings = Settings()
    for number in range(8 ** 4):
        contactor = Contactor(settings)
        rows = []
        rest = number
        for _ in range(4):
            case = rest & 7
            rest >>= 3
            for _ in range(2):
                contactor.step(260, case >> 2 == 1, case >> 1 & 1 == 1, case & 1 == 1, False)
                rows.append((260 * len(rows), case >> 1, case & 1, True))
        assert verdict(contactor) == judged(rows, 250), ("last case first, octal", oct(number))


def test_random_records_are_judged_as_the_whole_record_says():
    # A generator of its own, so that every Python draws the same: x = x * 1103515245 + 12345 mod 2**28
    random = 20240607
    settings = Settings()
    seen = [0] * 7
    for _ in range(400):
        contactor = Contactor(settings)
        rows = []
        now_ms = case = 0
        fed = True
        welds = shunts = 0
        for _ in range(24):
            random = (random % 65536 * 20077 + 12345 + random // 65536) & 0xFFFFFFF
            draw = random >> 4
            if draw & 3:
                case = draw >> 2 & 7 if draw & 4 else case ^ (1 << (draw >> 5) % 3)
            fed = draw >> 8 & 7 != 0
            dt_ms = (4, 4, 8, 60, 130, 260, 520, 1600)[draw >> 11 & 7]
            now_ms += dt_ms
            contactor.step(dt_ms, case >> 2 == 1, case >> 1 & 1 == 1, case & 1 == 1, draw & 1 == 1, fed)
            rows.append((now_ms, case >> 1, case & 1, fed))
            welds += contactor.events & EVENT_WELD == EVENT_WELD
            shunts += contactor.events & EVENT_SHUNT == EVENT_SHUNT
            expected = judged(rows, 250)
            assert verdict(contactor) == expected, rows
            assert not contactor.shunt or expected[0] or expected[2], rows
        overdue = len(Judge(rows, 250).overdue())
        assert welds == int(verdict(contactor)[0]), rows
        assert shunts == welds + overdue, rows
        for place, said in enumerate((*verdict(contactor), overdue > 0)):
            seen[place] += said
    assert min(seen) > 5, seen  # the draw reaches every verdict
