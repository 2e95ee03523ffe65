# Faults in the whole core: what the car is shown, what stands how long, and what is counted.
import registers as r
from bench import Bench

OK = 0
REFUSED = 4


def stop_pressed(bench):
    bench.inputs.stop_pressed = True


def brown_out(bench):
    bench.inputs.supply_mv = 9000


def hot(bench):
    bench.inputs.temperature_dc = 720


def leak(bench):
    bench.leak = True


def short(bench):
    bench.load = "E"


def coil_dead(bench):
    bench.coil_dead = True
    bench.closed = False


CAUSES = (("stop", stop_pressed, r.FAULT_EMERGENCY_STOP), ("brown-out", brown_out, r.FAULT_BROWN_OUT),
          ("hot", hot, r.FAULT_TEMPERATURE), ("leak", leak, r.FAULT_RCD),
          ("short", short, r.FAULT_PILOT_SHORT), ("fell open", coil_dead, r.FAULT_NOT_CLOSED))


def fault_after(bench, limit_ms):
    return bench.until(lambda: bench.faults, limit_ms)


def x1_after(bench, limit_ms):
    return bench.until(lambda: bench.duty, limit_ms)


def test_from_c_a_fault_shows_f_for_300_ms_and_then_x1():
    # EVerest state_F_after_fault_ms
    for name, cause, bit in CAUSES:
        bench = Bench().charge()
        cause(bench)
        fault_after(bench, 150)
        assert (bench.faults, bench.permit, bench.duty) == (bit, False, 0), name
        shown_ms = x1_after(bench, 340)
        assert shown_ms >= 300, name
        for _ in range(2500):
            assert bench.duty == 10000, name
            bench.step()
        assert bench.faults == bit, name


def test_how_long_f_is_shown_is_the_sites_choice():
    for f_ms in (0, 300, 1000):
        bench = Bench()
        bench.core.settings.fault_f_ms = f_ms
        bench.charge()
        leak(bench)
        bench.step()
        if f_ms == 0:  # some old cars lock up
            assert (bench.duty, bench.permit) == (10000, False)
        else:
            assert bench.duty == 0
            assert f_ms <= x1_after(bench, f_ms + 40)
        bench.run(500)
        assert bench.duty == 10000


def test_from_b_a_fault_goes_to_x1():
    for name, cause, bit in CAUSES[:4]:
        bench = Bench().plug()
        cause(bench)
        for _ in range(100):
            bench.step()
            assert bench.duty == 10000, name
        assert bench.faults == bit, name


def test_a_fault_ends_the_offer_and_refuses_new_ones():
    for name, cause, bit in CAUSES[:4]:
        bench = Bench().plug()
        cause(bench)
        bench.step()
        assert bench.offer(160) == REFUSED, name
        assert bench.core.refused_bits == r.REFUSED_FAULT
        bench.inputs.stop_pressed = bench.leak = False
        bench.inputs.supply_mv = 12000
        bench.inputs.temperature_dc = 250
        bench.run(61_000 if cause is hot else 1200)
        if bit == r.FAULT_RCD:
            assert bench.acknowledge() == OK
        assert bench.faults == 0, name
        for _ in range(200):
            bench.step()
            assert bench.duty == 10000, name  # a brown-out, too, leaves the pilot steady
        assert bench.offer(160) == OK
        assert bench.told_da == 160


def test_after_f_a_car_that_kept_asking_is_dark():
    bench = Bench().charge()
    stop_pressed(bench)
    bench.run(400)
    bench.inputs.stop_pressed = False
    bench.run(1000)
    assert (bench.faults, bench.state) == (0, "C")
    assert bench.offer(160) == OK
    bench.until(lambda: bench.told_da == 160, 5000)
    bench.run(100)
    assert bench.grant() == REFUSED
    assert bench.core.refused_bits == r.REFUSED_DARK
    bench.load = "B"
    bench.run(400)
    bench.load = "C"
    bench.run(600)
    assert bench.grant() == OK


def test_a_car_that_is_shown_f_keeps_its_number():
    bench = Bench().charge()
    number = bench.core.pilot.plug_seq
    leak(bench)
    bench.run(2000)
    assert bench.core.pilot.plug_seq == number


# --- residual current


def test_a_residual_current_stays_latched_until_its_own_number_comes():
    bench = Bench().charge()
    bench.leak = True
    bench.step()
    assert (bench.faults, bench.core.faults.seq, bench.permit) == (r.FAULT_RCD, 1, False)
    assert bench.acknowledge(1) == REFUSED  # it stands still
    assert bench.core.refused_bits == r.REFUSED_SEQUENCE
    bench.leak = False
    bench.run(1000)
    for wrong in (0, 2, 0xFFFF):
        assert bench.acknowledge(wrong) == REFUSED
    assert bench.faults == r.FAULT_RCD
    assert bench.acknowledge(1) == OK
    assert (bench.faults, bench.core.faults.ack_seq, bench.permit) == (0, 1, False)
    bench.leak = True
    bench.run(1000)
    assert bench.core.faults.seq == 2


def test_trips_are_counted_and_dated_and_the_modules_own_are_not():
    bench = Bench().charge()
    counts = bench.core.counts
    assert counts.trips == 0  # it was tested
    counts.boot_count = 5
    counts.tell_utc(1_700_000_000)
    told_s = counts.uptime_s
    bench.beat(3000)
    bench.leak = True
    bench.step()
    assert counts.trips == 1
    assert (counts.last_trip_boot, counts.last_trip_uptime_s) == (5, counts.uptime_s)
    assert counts.last_trip_utc == 1_700_000_000 + counts.uptime_s - told_s
    for _ in range(10):  # it chatters
        bench.leak = not bench.leak
        bench.run(200)
    assert counts.trips == 1
    bench.leak = False
    bench.run(200)
    bench.acknowledge()
    bench.leak = True
    bench.run(1500)
    assert counts.trips == 2


def test_a_failed_self_test_is_cleared_after_one_that_passed():
    bench = Bench()
    bench.rcd_dead = True
    bench.until(lambda: bench.faults & r.FAULT_SELF_TEST, 4000)
    assert bench.acknowledge() == REFUSED
    bench.rcd_dead = False
    bench.run(2000)
    assert bench.command(r.COMMAND_SELF_TEST) == OK
    bench.step()
    bench.until(lambda: not bench.core.residual.running, 2500)
    assert bench.faults == r.FAULT_SELF_TEST
    assert bench.acknowledge() == OK
    assert (bench.faults, bench.core.counts.trips) == (0, 0)


# --- the rest


def test_a_short_is_a_fault_until_the_pilot_is_back():
    bench = Bench().charge()
    bench.load = "E"
    bench.run(100)
    assert bench.faults == r.FAULT_PILOT_SHORT
    bench.load = "C"
    bench.run(1500)
    assert bench.faults == r.FAULT_PILOT_SHORT
    bench.load = "B"
    bench.run(100)
    assert bench.faults == 0


def test_a_bad_cable_is_shown_f_once_and_not_again_and_again():
    bench = Bench().charge()
    bench.inputs.pp_ohm = 10
    bench.until(lambda: bench.duty == 0, 150)
    bench.run(400)
    for _ in range(2500):
        bench.step()
        assert bench.duty == 10000
    assert bench.faults == r.FAULT_PROXIMITY
    bench.inputs.pp_ohm = 65535
    bench.load = "A"
    bench.run(200)
    assert bench.faults == 0


def test_lost_memory_takes_nothing_away():
    bench = Bench()
    bench.core.faults.memory(True)
    bench.charge()
    assert (bench.faults, bench.permit) == (r.FAULT_MEMORY, True)


def test_a_driver_that_fails_low_opens_is_named_and_shows_f_once():
    bench = Bench().charge()
    bench.load = "F"
    bench.until(lambda: not bench.permit, 500)
    assert bench.faults == r.FAULT_PILOT_LOW
    bench.run(500)
    for _ in range(500):
        bench.step()
        assert (bench.duty, bench.faults) == (10000, r.FAULT_PILOT_LOW)
    bench.load = "B"
    bench.run(100)
    assert (bench.state, bench.faults) == ("B", 0)


def test_a_driver_that_fails_low_without_a_car_lets_no_car_charge():
    bench = Bench().ready()
    bench.load = "F"
    bench.run(200)
    assert bench.faults == r.FAULT_PILOT_LOW
    bench.load = "C"
    bench.run(700)
    assert (bench.faults, bench.offer(160)) == (r.FAULT_PILOT_LOW, 4)
    bench.load = "A"
    bench.run(100)
    assert bench.faults == 0


def test_the_f_that_the_board_shows_is_no_failed_driver():
    bench = Bench().ready()
    bench.command(r.COMMAND_SHOW_F, 0, 0, 2000)
    for _ in range(600):
        bench.step()
        assert bench.faults == 0
