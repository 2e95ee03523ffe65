# The commands of the technician, those that nobody knows, and the clock that wraps.
import registers as r
from bench import Bench

OK = 0
BAD_VALUE = 3
REFUSED = 4


def test_an_unknown_command_does_nothing():
    for command in (0, 10, 99, 0xFFFF):
        bench = Bench().charge()
        assert bench.command(command, 99, 320, 5000) == BAD_VALUE
        assert (bench.permit, bench.told_da) == (True, 160)


def test_nothing_was_refused_at_the_start():
    assert Bench().core.refused_bits == 0


def test_what_was_missing_is_told_until_a_command_is_accepted():
    bench = Bench().ready()
    bench.offer(160)
    assert bench.core.refused_bits == r.REFUSED_NO_CAR
    bench.run(1000)
    assert bench.core.refused_bits == r.REFUSED_NO_CAR
    assert bench.revoke() == OK
    assert bench.core.refused_bits == 0


def test_taking_away_is_never_refused():
    bench = Bench()
    for load in ("A", "B", "C", "D", "E"):
        bench.load = load
        bench.run(600)
        bench.inputs.stop_pressed = True
        bench.step()
        assert (bench.revoke(), bench.withdraw(), bench.core.turn_off()) == (OK, OK, OK)


# --- self-test


def test_a_self_test_by_command_runs_and_holds_grants_back():
    bench = Bench().ask()
    age_min = bench.core.residual.age_min = 60
    assert bench.command(r.COMMAND_SELF_TEST) == OK
    bench.step()
    assert bench.core.outputs.rcd_test
    assert (bench.told_da, bench.core.residual.age_min) == (160, age_min)
    assert bench.grant() == REFUSED
    assert bench.core.refused_bits == r.REFUSED_SELF_TEST
    bench.until(lambda: not bench.core.residual.running, 2500)
    assert (bench.core.residual.result, bench.core.residual.age_min) == (r.TEST_PASSED, 0)
    assert bench.grant() == OK
    assert bench.faults == 0


def test_no_self_test_while_anything_is_closed_and_nothing_opens_for_it():
    bench = Bench().charge()
    assert bench.command(r.COMMAND_SELF_TEST) == REFUSED
    assert bench.core.refused_bits == r.REFUSED_CONTACTOR_CLOSED | r.REFUSED_REQUEST
    bench.beat(2000)
    assert (bench.permit, bench.core.outputs.rcd_test) == (True, False)
    bench = Bench().ready()
    bench.mirror_shows = True
    bench.step()
    assert bench.command(r.COMMAND_SELF_TEST) == REFUSED
    assert bench.core.refused_bits == r.REFUSED_CONTACTOR_CLOSED
    bench = Bench().ready()
    bench.relay = True
    bench.obeys = False
    bench.step()
    assert bench.command(r.COMMAND_SELF_TEST) == REFUSED
    assert bench.core.refused_bits == r.REFUSED_REQUEST


def test_no_self_test_under_permit_before_the_contactor_closes():
    bench = Bench().ask()
    bench.obeys = False
    bench.grant()
    assert bench.command(r.COMMAND_SELF_TEST) == REFUSED
    assert bench.core.refused_bits == r.REFUSED_CONTACTOR_CLOSED


def test_a_grant_and_a_test_never_meet():
    # A grant between the command and the turn that would begin the test.
    bench = Bench().ask()
    assert bench.command(r.COMMAND_SELF_TEST) == OK
    answer = bench.grant()
    for _ in range(500):
        bench.step()
        assert not (bench.permit and bench.core.outputs.rcd_test)
    assert (answer, bench.permit) == (OK, True)


# --- state F, to measure the low plateau


def x1_after(bench, limit_ms):
    return bench.until(lambda: bench.duty, limit_ms)


def test_f_is_shown_for_a_while_to_measure_it():
    bench = Bench().ready()
    number = bench.core.pilot.plug_seq
    for hold_ms in (100, 2000):
        assert bench.command(r.COMMAND_SHOW_F, 0, 0, hold_ms) == OK
        assert bench.duty == 0
        bench.step()
        assert (bench.state, bench.inputs.high_mv) == ("F", -12000)
        assert x1_after(bench, hold_ms + 40) >= hold_ms - 4
        bench.run(60)
        assert (bench.state, bench.duty, bench.faults) == ("A", 10000, 0)
    for _ in range(250):
        bench.step()
        assert not bench.core.outputs.rcd_test  # no car has left
    assert bench.core.pilot.plug_seq == number


def test_f_has_its_limits():
    for hold_ms in (0, 99, 30_001, 65_535):
        assert Bench().ready().command(r.COMMAND_SHOW_F, 0, 0, hold_ms) == BAD_VALUE
    for hold_ms in (100, 30_000):
        assert Bench().ready().command(r.COMMAND_SHOW_F, 0, 0, hold_ms) == OK


def test_f_twice_in_one_turn_lasts_as_long_as_the_longer():
    for first_ms, second_ms in ((500, 100), (100, 500)):
        bench = Bench().ready()
        for hold_ms in (first_ms, second_ms):
            assert bench.command(r.COMMAND_SHOW_F, 0, 0, hold_ms) == OK
        assert x1_after(bench, 540) >= 496


def test_f_is_refused_where_a_car_is_or_may_be():
    for load in ("B", "C", "D", "E"):
        bench = Bench().ready()
        bench.load = load
        bench.run(600)
        assert bench.command(r.COMMAND_SHOW_F, 0, 0, 1000) == REFUSED, load
        assert bench.core.refused_bits == r.REFUSED_CAR
        assert bench.duty == 10000
    assert Bench().command(r.COMMAND_SHOW_F, 0, 0, 1000) == REFUSED  # nothing is known yet
    bench = Bench().ready()
    bench.command(r.COMMAND_SHOW_F, 0, 0, 1000)
    bench.run(500)
    assert bench.command(r.COMMAND_SHOW_F, 0, 0, 1000) == REFUSED  # nobody can see who has come


def test_a_car_that_came_during_f_is_served_afterwards():
    bench = Bench().ready()
    number = bench.core.pilot.plug_seq
    bench.command(r.COMMAND_SHOW_F, 0, 0, 1000)
    bench.load = "B"
    bench.run(500)
    assert bench.offer(160) == REFUSED
    bench.run(700)
    assert (bench.state, bench.core.pilot.plug_seq) == ("B", number + 1)
    assert bench.offer(160) == OK
    bench.step()
    bench.load = "C"
    bench.run(700)
    assert bench.grant() == OK


# --- time


def shown(bench):
    core = bench.core
    return (core.outputs.permit, core.outputs.duty_permyriad, core.outputs.rcd_test, core.faults.bits,
            core.pilot.state, core.counts.uptime_s, core.contactor.drop_out_ms)


def test_the_wrap_of_the_clock_changes_nothing():
    for before_wrap_ms in (100, 1400, 3000, 5000, 8800, 12_400):
        benches = (Bench(), Bench(start_ms=2**30 - before_wrap_ms))
        for bench in benches:
            bench.core.settings.failsafe_da = 60
            bench.core.settings.hold_s = 1
            bench.charge()
        for turn in range(3600):  # through the lost heartbeat, the hold, X1, and a residual current
            for bench in benches:
                bench.leak = turn >= 3300
                bench.step()
            assert shown(benches[0]) == shown(benches[1]), (before_wrap_ms, turn)
            assert benches[0].permit == (turn < 2974)  # 12 s after the grant: 5 + 1 + 6
        assert benches[1].now_ms > 2**30


def test_the_uptime_is_the_boards_own():
    bench = Bench(start_ms=2**30 - 5000)
    bench.run(12_004)
    assert bench.core.counts.uptime_s == 12


def test_the_first_turn_of_all_counts_no_time():
    bench = Bench(start_ms=2**29)
    bench.step()
    assert (bench.core.counts.uptime_s, bench.faults) == (0, 0)
