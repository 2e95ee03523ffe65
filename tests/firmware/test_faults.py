# The list of faults by itself: what sets each bit, and what clears it.
import registers as r
from core import Inputs
from faults import BLOCKING, LATCHED, Faults

TURN_MS = 4


class Car:
    # As much of a pilot as the list looks at.
    def __init__(self, state=r.PILOT_B):
        self.state = state
        self.diode_fault = False
        self.held_low = False


class Room:
    # The list with all that it looks at.
    def __init__(self):
        self.faults = Faults()
        self.inputs = Inputs()
        self.car = Car()
        self.cable_a = 0
        self.not_closed = False

    def turn(self):
        self.faults.step(TURN_MS, self.inputs, self.car, self.cable_a, self.not_closed)

    def run(self, ms):
        for _ in range(ms // TURN_MS):
            self.turn()

    def cleared_after(self, limit_ms):
        # Virtual ms until no bit stands.
        waited_ms = 0
        while self.faults.bits:
            assert waited_ms <= limit_ms, f"{self.faults.bits} after {waited_ms} ms"
            self.turn()
            waited_ms += TURN_MS
        return waited_ms


def test_what_blocks_and_what_does_not():
    assert BLOCKING & r.FAULT_HEARTBEAT == 0
    assert BLOCKING & r.FAULT_MEMORY == 0
    for name in ("DIODE", "PILOT_SHORT", "RCD", "WELD", "BROWN_OUT", "EMERGENCY_STOP", "PROXIMITY",
                 "SELF_TEST", "INTERLOCK_STUCK", "RELAY_STUCK", "NOT_CLOSED", "TEMPERATURE",
                 "PILOT_LOW"):
        assert BLOCKING & getattr(r, "FAULT_" + name), name
    faults = Faults()
    faults.heartbeat(True)
    faults.memory(True)
    assert (faults.bits, faults.blocking) == (r.FAULT_HEARTBEAT | r.FAULT_MEMORY, 0)
    faults.heartbeat(False)
    assert faults.bits == r.FAULT_MEMORY


def test_a_short_stands_until_the_car_is_seen_idle():
    for state, left in ((r.PILOT_C, r.FAULT_PILOT_SHORT), (r.PILOT_D, r.FAULT_PILOT_SHORT),
                        (r.PILOT_F, r.FAULT_PILOT_SHORT), (r.PILOT_UNKNOWN, r.FAULT_PILOT_SHORT),
                        (r.PILOT_A, 0), (r.PILOT_B, 0)):
        room = Room()
        room.car.state = r.PILOT_E
        room.turn()
        assert room.faults.bits == r.FAULT_PILOT_SHORT
        room.car.state = state
        room.run(1000)
        assert room.faults.bits == left, state


def test_a_driver_that_stays_low_stands_until_the_car_is_seen():
    for state, left in ((r.PILOT_C, r.FAULT_PILOT_LOW), (r.PILOT_D, r.FAULT_PILOT_LOW),
                        (r.PILOT_E, r.FAULT_PILOT_LOW | r.FAULT_PILOT_SHORT),
                        (r.PILOT_F, r.FAULT_PILOT_LOW), (r.PILOT_UNKNOWN, r.FAULT_PILOT_LOW),
                        (r.PILOT_A, 0), (r.PILOT_B, 0)):
        room = Room()
        room.car.state = r.PILOT_F
        room.turn()
        assert room.faults.bits == 0  # what the board itself shows
        room.car.held_low = True
        room.turn()
        assert room.faults.bits == r.FAULT_PILOT_LOW
        room.car.held_low = False
        room.car.state = state
        room.turn()
        assert room.faults.bits == left, state


def test_a_contactor_that_did_not_close_is_forgotten_with_its_car():
    for state, left in ((r.PILOT_B, r.FAULT_NOT_CLOSED), (r.PILOT_C, r.FAULT_NOT_CLOSED),
                        (r.PILOT_F, r.FAULT_NOT_CLOSED), (r.PILOT_A, 0)):
        room = Room()
        room.not_closed = True
        room.turn()
        room.not_closed = False
        room.car.state = state
        room.turn()
        assert room.faults.bits == left, state


def test_a_missing_diode_is_what_the_pilot_says():
    room = Room()
    room.car.diode_fault = True
    room.turn()
    assert room.faults.bits == r.FAULT_DIODE
    room.car.diode_fault = False
    room.turn()
    assert room.faults.bits == 0


def test_a_bad_cable_is_a_fault_with_a_car_and_outlasts_the_f_that_it_causes():
    for state, bits in ((r.PILOT_UNKNOWN, 0), (r.PILOT_A, 0), (r.PILOT_B, r.FAULT_PROXIMITY),
                        (r.PILOT_C, r.FAULT_PROXIMITY), (r.PILOT_D, r.FAULT_PROXIMITY), (r.PILOT_F, 0)):
        room = Room()
        room.cable_a = -1
        room.car.state = state
        room.turn()
        assert room.faults.bits == bits, state
        room.car.state = r.PILOT_F
        room.run(400)
        assert room.faults.bits == bits, state  # else it would begin anew after each F
        room.car.state = r.PILOT_A
        room.turn()
        assert room.faults.bits == 0, state
    for cable_a in (0, 13, 63):
        room = Room()
        room.cable_a = -1
        room.turn()
        room.cable_a = cable_a
        room.turn()
        assert room.faults.bits == 0, cable_a


def test_no_fault_hides_or_ends_another():
    room = Room()
    room.cable_a = -1
    room.not_closed = room.car.diode_fault = room.inputs.stop_pressed = True
    room.inputs.supply_mv = 9000
    room.inputs.temperature_dc = 720
    for bit in LATCHED:
        room.faults.latch(bit, True, False)
    room.faults.heartbeat(True)
    room.faults.memory(True)
    room.car.state = r.PILOT_E
    room.turn()
    assert room.faults.bits == 0x3FFF & ~r.FAULT_PROXIMITY
    room.car.state = r.PILOT_C
    room.turn()
    assert room.faults.bits == 0x3FFF
    left = 0x3FFF
    room.inputs.stop_pressed = room.car.diode_fault = False
    room.run(100)
    left &= ~(r.FAULT_EMERGENCY_STOP | r.FAULT_DIODE)
    assert room.faults.bits == left
    room.inputs.supply_mv = 12000
    room.run(1000)
    left &= ~r.FAULT_BROWN_OUT
    assert room.faults.bits == left
    room.cable_a = 32
    room.turn()
    left &= ~r.FAULT_PROXIMITY
    assert room.faults.bits == left
    room.car.state = r.PILOT_B
    room.turn()
    left &= ~r.FAULT_PILOT_SHORT
    assert room.faults.bits == left
    room.not_closed = False
    room.car.state = r.PILOT_A
    room.turn()
    left &= ~r.FAULT_NOT_CLOSED
    assert room.faults.bits == left
    room.inputs.temperature_dc = 250
    room.run(60_000)
    left &= ~r.FAULT_TEMPERATURE
    assert room.faults.bits == left


def test_the_stop_outlasts_a_bouncing_button():
    room = Room()
    room.inputs.stop_pressed = True
    room.turn()
    assert room.faults.bits == r.FAULT_EMERGENCY_STOP
    for _ in range(5):
        room.inputs.stop_pressed = False
        room.run(96)
        room.inputs.stop_pressed = True
        room.turn()
    assert room.faults.bits == r.FAULT_EMERGENCY_STOP
    room.inputs.stop_pressed = False
    assert room.cleared_after(200) == 100


def test_the_supply_has_a_window_and_must_stand_a_second_in_a_narrower_one():
    for bad_mv, better_mv in ((10499, 10799), (13801, 13801), (0, 10500)):
        room = Room()
        room.inputs.supply_mv = bad_mv
        room.turn()
        assert room.faults.bits == r.FAULT_BROWN_OUT, bad_mv
        room.inputs.supply_mv = better_mv  # better, not good
        room.run(5000)
        assert room.faults.bits == r.FAULT_BROWN_OUT, bad_mv
        room.inputs.supply_mv = 10800
        room.run(900)
        room.inputs.supply_mv = better_mv
        room.turn()
        room.inputs.supply_mv = 10800
        assert room.cleared_after(1100) == 1000, bad_mv
    for good_mv in (10500, 12000, 13800):
        room = Room()
        room.inputs.supply_mv = good_mv
        room.run(2000)
        assert room.faults.bits == 0, good_mv


def test_the_terminals_have_a_window_and_must_cool_for_a_minute():
    # from above 71 C until 62 C: OpenEVSE
    for bad_dc, better_dc in ((711, 621), (-351, -301), (-32768, 650), (2000, 710)):
        room = Room()
        room.inputs.temperature_dc = bad_dc
        room.turn()
        assert room.faults.bits == r.FAULT_TEMPERATURE, bad_dc
        room.inputs.temperature_dc = better_dc
        room.run(61_000)
        assert room.faults.bits == r.FAULT_TEMPERATURE, bad_dc
        room.inputs.temperature_dc = 250
        room.run(59_000)
        room.inputs.temperature_dc = bad_dc  # once more: the minute begins again
        room.turn()
        for good_dc in (620, -300):
            room.inputs.temperature_dc = good_dc
            room.run(30_000)
            assert room.faults.bits == (r.FAULT_TEMPERATURE if good_dc == 620 else 0), bad_dc
    for good_dc in (710, 250, -350):
        room = Room()
        room.inputs.temperature_dc = good_dc
        room.run(100)
        assert room.faults.bits == 0, good_dc
