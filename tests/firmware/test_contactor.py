# The coil's two channels, the mirror, and a weld. Runs in MicroPython too.
from contactor import CASES, HELD_MS, SHUNT_MS, SUSPECT_MS, WELD_MS, Contactor
from contactor_rig import NOBODY, SLACK_MS, TURN_MS, Rig, is_not_closed
from registers import FAULT_NOT_CLOSED, FAULT_WELD
from settings import Settings


def is_suspected(contactor):
    return contactor.weld_suspected


def is_weld(contactor):
    return contactor.weld


def is_interlock_stuck(contactor):
    return contactor.interlock_stuck


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
