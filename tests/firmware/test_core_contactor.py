# The contactor in the whole core: what it is blamed for blocks, is told by its number, and is counted.
import registers as r
from bench import Bench

OK = 0
REFUSED = 4


def test_a_weld_is_named_counted_and_tripped_once():
    bench = Bench().charge()
    counts = bench.core.counts
    bench.welded = True
    bench.stop()
    bench.until(lambda: bench.faults & r.FAULT_WELD, 1500)
    assert (counts.welds, counts.shunt_trips) == (1, 1)
    bench.run(5000)
    assert (bench.shunt_pulses, counts.welds, counts.shunt_trips) == (1, 1, 1)
    assert bench.acknowledge() == REFUSED  # closed still
    bench.load = "C"
    bench.run(600)
    assert bench.grant() == REFUSED
    bench.welded = False
    bench.run(100)
    assert bench.faults == r.FAULT_WELD
    assert bench.acknowledge() == OK
    assert bench.faults == 0
    bench.run(3000)
    assert (bench.faults, bench.shunt_pulses) == (0, 1)


def test_a_welded_contactor_at_the_start_is_named():
    bench = Bench()
    bench.closed = bench.welded = True
    bench.load = "B"
    bench.run(1100)
    assert bench.faults == r.FAULT_WELD
    assert bench.core.residual.running is False


def test_stuck_channels_are_named_and_block_until_acknowledged():
    for stuck, bit in (("permit_stuck", r.FAULT_INTERLOCK_STUCK), ("relay_stuck", r.FAULT_RELAY_STUCK)):
        bench = Bench()
        for _ in range(2):  # in alternation: at the second stop at the latest
            bench.charge()
            setattr(bench, stuck, True)
            bench.stop()
            setattr(bench, stuck, False)
            bench.run(100)
            if bench.faults:
                break
        assert bench.faults == bit, stuck
        assert bench.offer(160) == REFUSED
        assert bench.acknowledge() == OK, stuck
        bench.run(1000)
        assert bench.faults == 0, stuck


def test_a_contactor_that_does_not_close_is_a_fault_until_the_car_has_gone():
    bench = Bench().ask()
    bench.coil_dead = True
    bench.grant()
    assert bench.until(lambda: not bench.permit, 1020) >= 1000
    assert bench.faults == r.FAULT_NOT_CLOSED
    bench.load = "B"
    bench.run(1000)
    assert bench.faults == r.FAULT_NOT_CLOSED
    bench.load = "A"
    bench.run(100)
    assert bench.faults == 0
    bench.coil_dead = False
    bench.charge()


def test_cycles_and_load_breaks_are_counted():
    bench = Bench().charge()
    counts = bench.core.counts
    assert (counts.cycles, counts.load_breaks) == (1, 0)
    bench.load = "B"
    bench.run(200)
    assert (counts.cycles, counts.load_breaks) == (1, 0)  # the car had stopped
    for name in ("leak", "stop"):  # also when a fault shows it F
        bench = Bench().charge()
        counts = bench.core.counts
        bench.leak = name == "leak"
        bench.inputs.stop_pressed = name == "stop"
        bench.run(200)
        assert bench.state == "F"
        assert (counts.cycles, counts.load_breaks) == (1, 1)
    bench = Bench().charge()
    bench.revoke()
    bench.run(100)
    assert bench.core.counts.load_breaks == 1


def test_an_opening_by_the_supply_or_the_stop_proves_no_channel():
    # Both open the coil without a command, so whose turn it is to open first stays as it was.
    for name, value in (("supply_mv", 9000), ("stop_pressed", True)):
        bench = Bench().charge()
        setattr(bench.inputs, name, value)
        bench.run(200)
        assert not bench.closed, name
        assert not bench.core.contactor.pi_first, name
    bench = Bench().charge()
    bench.stop()
    assert bench.core.contactor.pi_first  # as an ordinary stop does


def test_a_board_that_permits_nothing_trips_the_breaker_of_what_its_controller_leaves_on():
    bench = Bench().charge()
    bench.permit_stuck = True
    bench.obeys = False  # the Pi hangs with its relay on
    bench.revoke()
    assert bench.until(lambda: bench.shunt_pulses, 3100) >= 3000
    assert bench.faults == bench.r.FAULT_INTERLOCK_STUCK
    bench.run(10000)
    assert bench.shunt_pulses == 1
    assert bench.core.counts.shunt_trips == 1
    assert bench.acknowledge() != 0
    bench.relay = False
    bench.run(100)
    assert (bench.acknowledge(), bench.faults) == (0, 0)
