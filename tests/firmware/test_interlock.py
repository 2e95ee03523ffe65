# The latch by itself: what it lacks, what clears it, how its clocks run.
import registers as r
from interlock import STOP_MS, Interlock, conditions, newer

TURN_MS = 4


class Car:
    # As much of a pilot as the latch looks at.
    def __init__(self, state=r.PILOT_C, diode_ok=True, dark=False):
        self.state = state
        self.diode_ok = diode_ok
        self.dark = dark


def granted(ttl_ms=5000, current_da=160):
    interlock = Interlock()
    interlock.grant(1, current_da, ttl_ms)
    return interlock


def until(interlock, event, limit_ms, pwm_on=True):
    # Virtual ms until `event()`, in turns of the loop.
    waited_ms = 0
    while not event():
        assert waited_ms <= limit_ms, f"not within {limit_ms} ms"
        interlock.settle(TURN_MS, 0, pwm_on)
        waited_ms += TURN_MS
    return waited_ms


def test_each_condition_has_its_own_bit():
    for car, ventilation, blocking, tested, bits in (
        (Car(), False, 0, True, 0),
        (Car(state=r.PILOT_UNKNOWN), False, 0, True, r.REFUSED_NOT_C),
        (Car(state=r.PILOT_A), False, 0, True, r.REFUSED_NOT_C),
        (Car(state=r.PILOT_B), False, 0, True, r.REFUSED_NOT_C),
        (Car(state=r.PILOT_D), False, 0, True, r.REFUSED_NOT_C),  # EVerest, OpenEVSE: never close
        (Car(state=r.PILOT_D), True, 0, True, 0),
        (Car(state=r.PILOT_B), True, 0, True, r.REFUSED_NOT_C),
        (Car(state=r.PILOT_E), True, 0, True, r.REFUSED_NOT_C),
        (Car(state=r.PILOT_F), True, 0, True, r.REFUSED_NOT_C),
        (Car(diode_ok=False), False, 0, True, r.REFUSED_DIODE),
        (Car(dark=True), False, 0, True, r.REFUSED_DARK),
        (Car(), False, r.FAULT_RCD, True, r.REFUSED_FAULT),
        (Car(), False, 0, False, r.REFUSED_SELF_TEST),
        (Car(r.PILOT_A, False, True), False, 1, False,
         r.REFUSED_NOT_C | r.REFUSED_DIODE | r.REFUSED_DARK | r.REFUSED_FAULT | r.REFUSED_SELF_TEST),
    ):
        assert conditions(car, ventilation, blocking, tested) == bits, bits


def test_a_closing_also_needs_pwm_open_contacts_an_open_relay_and_a_new_number():
    for sequence, standing, pwm_on, closed, request, bits in (
        (1, 0, True, False, False, 0),
        (1, 0, False, False, False, r.REFUSED_NO_PWM),
        (1, 0, True, True, False, r.REFUSED_MIRROR),
        (1, 0, True, False, True, r.REFUSED_REQUEST),
        (0, 0, True, False, False, r.REFUSED_SEQUENCE),
        (1, r.REFUSED_NOT_C, True, False, False, r.REFUSED_NOT_C),
        (0, r.REFUSED_DIODE, False, True, True, r.REFUSED_DIODE | r.REFUSED_NO_PWM | r.REFUSED_MIRROR
         | r.REFUSED_REQUEST | r.REFUSED_SEQUENCE),
    ):
        assert Interlock().missing(sequence, standing, pwm_on, closed, request) == bits, bits


def test_a_grant_under_permit_finds_both_closed():
    assert granted().missing(2, 0, True, True, True) == 0


def test_no_grant_rescues_a_stop_under_way():
    interlock = granted()
    interlock.settle(0, 0, False)
    assert interlock.stopping
    assert interlock.missing(2, 0, True, True, True) == r.REFUSED_STOPPING
    assert interlock.missing(2, 0, False, True, True) == r.REFUSED_STOPPING | r.REFUSED_NO_PWM


def test_numbers_are_newer_by_up_to_half_the_circle():
    for sequence, last, answer in (
        (8, 7, True), (7, 7, False), (6, 7, False), (7 + 0x7FFF, 7, True), (7 + 0x8000, 7, False),
        (0, 0xFFFF, True), (0xFFFE, 0xFFFF, False), (0x7FFE, 0xFFFF, True), (0x7FFF, 0xFFFF, False),
    ):
        assert newer(sequence, last) == answer, (sequence, last)


def test_any_standing_bit_clears_the_latch_without_waiting():
    for bit in (r.REFUSED_NOT_C, r.REFUSED_DARK, r.REFUSED_DIODE, r.REFUSED_FAULT, r.REFUSED_SELF_TEST):
        interlock = granted()
        assert not interlock.settle(0, bit, True)
        assert not interlock.permit, bit
        interlock.settle(TURN_MS, 0, True)
        assert not interlock.permit, bit  # nothing sets it again but a grant
        assert interlock.missing(1, 0, True, False, False) == r.REFUSED_SEQUENCE


def test_the_heartbeat_is_lost_once_when_the_grant_has_run_out():
    interlock = granted(5000)
    lost = 0
    for _ in range(1249):
        lost += interlock.settle(TURN_MS, 0, True)
    assert (lost, interlock.coasting) == (0, False)
    assert interlock.settle(TURN_MS, 0, True)  # 5000 ms
    assert (interlock.coasting, interlock.permit) == (True, True)
    for _ in range(10):
        assert not interlock.settle(TURN_MS, 0, True)


def test_a_renewal_prolongs_and_remembers_the_current_unless_it_says_none():
    interlock = granted(5000, 160)
    for _ in range(20):
        interlock.settle(4000, 0, True)
        interlock.renew(interlock.heartbeat_seq + 1, 0, 5000)
        assert (interlock.coasting, interlock.grant_da) == (False, 160)
    interlock.renew(99, 100, 2000)
    assert (interlock.grant_da, interlock.heartbeat_seq) == (100, 99)
    assert until(interlock, lambda: interlock.coasting, 2000) == 2000


def test_permit_falls_six_seconds_after_the_end_of_pwm_whatever_comes_meanwhile():
    interlock = granted()
    interlock.settle(0, 0, False)
    interlock.settle(3000, 0, True)  # PWM is back
    interlock.renew(1, 160, 5000)
    assert interlock.permit
    assert until(interlock, lambda: not interlock.permit, STOP_MS) == STOP_MS - 3000
    assert STOP_MS == 6000  # EVerest, Tinkerforge, SmartEVSE, esp32-evse


def test_a_cleared_latch_begins_anew_with_its_next_grant():
    interlock = granted(100)
    until(interlock, lambda: interlock.coasting, 100)
    interlock.settle(0, 0, False)
    interlock.clear()
    assert (interlock.permit, interlock.coasting, interlock.stopping) == (False, False, False)
    interlock.grant(2, 100, 5000)
    assert (interlock.permit, interlock.coasting, interlock.stopping) == (True, False, False)
    assert interlock.grant_da == 100
    for _ in range(1249):
        assert not interlock.settle(TURN_MS, 0, True)
    assert interlock.permit
