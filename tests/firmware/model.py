# What the board promises of PERMIT, offer and heartbeat, written once more and in another way: with
# points in time instead of counters, and with windows where the promise leaves room. It knows nothing
# of how the firmware keeps them; what the firmware sees of its surroundings (pilot state, faults,
# self-test) is an input here, as those have tests of their own.
import registers as r

OK = 0
BAD_VALUE = 3
REFUSED = 4

NEVER = -(10**8)
TURN_MS = 12  # "at 5 s" may be that much off: some turns of the loop
LATE_MS = 40  # "at least 5 s" may be that much more
RAISE_MS = 5000
STOP_MS = 6000
DARK_MS = 6000
WOKEN_MS = 750
MIN_DA = 60
MAX_DA = 800
HARMLESS = r.FAULT_HEARTBEAT | r.FAULT_MEMORY


def ahead(number, last):
    # Whether a 16 bit number is later than another, at most half the circle.
    step = (number - last) % 65536
    return 1 <= step <= 32767


class Model:
    # `core`: read only, and only for what is an input here, and for what a window leaves open.
    # Every call checks, and raises AssertionError at the first promise that is broken.

    def __init__(self, core):
        self.core = core
        self.now = 0
        self.permit = False
        self.coasting = False
        self.lost = False  # the heartbeat fault
        self.grant_seq = self.beat_seq = 0
        self.grant_da = 0
        self.ttl_ms = 0
        self.beat_at = self.coasting_at = NEVER
        self.heard_at = 0
        self.x1_at = None  # PWM ended under PERMIT
        self.asked = self.told = 0
        self.changed_at = NEVER
        self.no_pwm_since = NEVER  # X1 under a car that asks
        self.f_since = None
        self.f_ms = 0
        self.woken_at = None  # F that wakes a car began
        self.wake_ms = 0
        self.faulty = False

    # --- what is so, from outside

    def blocking(self):
        return self.core.faults.bits & ~HARMLESS

    def missing(self):
        # The conditions of the latch, by the issue.
        core = self.core
        pilot = core.pilot
        bits = 0
        if pilot.state != r.PILOT_C and not (pilot.state == r.PILOT_D and core.settings.ventilation):
            bits |= r.REFUSED_NOT_C
        if not pilot.diode_ok:
            bits |= r.REFUSED_DIODE
        if self.blocking():
            bits |= r.REFUSED_FAULT
        if core.residual.running or not core.residual.ok:
            bits |= r.REFUSED_SELF_TEST
        if pilot.dark:
            bits |= r.REFUSED_DARK
        return bits

    def has_car(self):
        return self.core.pilot.state in (r.PILOT_B, r.PILOT_C, r.PILOT_D)

    # --- time

    def step(self, now):
        self.now = now
        self.settle()

    def settle(self):
        self._latch()
        self._heartbeat()
        self._offer()
        if not self.permit:
            self.x1_at = None
        elif self.told == 0 and self.x1_at is None:
            self.x1_at = self.now
        self._compare()

    def _latch(self):
        if not self.permit:
            return
        if self.missing():
            self._clear()
        elif self.x1_at is not None:
            dark_ms = self.now - self.x1_at
            if dark_ms >= STOP_MS or (dark_ms >= STOP_MS - TURN_MS and not self.core.outputs.permit):
                self._clear()

    def _clear(self):
        self.permit = self.coasting = False
        self.x1_at = None

    def _heartbeat(self):
        settings = self.core.settings
        if self.permit and not self.coasting and self.now - self.beat_at >= self.ttl_ms - TURN_MS:
            late = self.now - self.beat_at > self.ttl_ms + TURN_MS
            if late or self.core.interlock.coasting:
                self.coasting = self.lost = True
                self.coasting_at = self.now
                self._lower(min(self.told, self.grant_da, settings.failsafe_da))
        hold_ms = settings.hold_s * 1000
        if self.coasting:
            self._end_offer(self.now - self.coasting_at - hold_ms)
        if not self.permit:  # nobody is there: nothing starts or rises, later everything ends
            silent_ms = self.now - self.heard_at - settings.grant_ttl_ms
            asked = self.core.offer.asked_da
            if silent_ms > TURN_MS or (silent_ms >= -TURN_MS and asked == self.told):
                self._lower(self.told)
            self._end_offer(silent_ms - hold_ms)

    def _end_offer(self, past_ms):
        # It is due since so long; around that moment the firmware says.
        if past_ms > TURN_MS or (past_ms >= -TURN_MS and self.core.offer.asked_da == 0):
            self.asked = 0

    def _lower(self, current_da):
        if current_da < self.asked:
            self.asked = current_da if current_da >= MIN_DA else 0

    # --- what the car is told

    def _offer(self):
        core = self.core
        asks = core.pilot.car_state in (r.PILOT_C, r.PILOT_D)
        if self.blocking():
            self.asked = 0
            if not self.faulty and asks and core.settings.fault_f_ms:
                self._show_f(core.settings.fault_f_ms)
        self.faulty = self.blocking() != 0
        if not self.has_car():
            self.asked = 0
        if core.pilot.state in (r.PILOT_A, r.PILOT_B):
            self.no_pwm_since = NEVER
        if core.pilot.state == r.PILOT_A:
            self.changed_at = NEVER
            self.woken_at = None
        self._end_f()
        self._tell(min(self.asked, 10 * core.cable_a if core.cable_a else MAX_DA), asks)

    def _show_f(self, duration_ms):
        end = self.now + duration_ms
        if self.f_since is None or end > self.f_since + self.f_ms:
            self.f_since = self.now
            self.f_ms = duration_ms

    def _end_f(self):
        if self.f_since is not None:
            past_ms = self.now - self.f_since - self.f_ms
            if past_ms > LATE_MS or (past_ms >= 0 and self.core.outputs.duty_permyriad != 0):
                self.f_since = None
                if self.core.pilot.car_state in (r.PILOT_C, r.PILOT_D):
                    self.no_pwm_since = self.now

    def _tell(self, want, asks):
        told = self.core.offer.told_da
        if want < MIN_DA:
            if self.told and asks:
                self.no_pwm_since = self.now
            self.told = 0
        elif want < self.told:
            self._change(want)
        elif self.told == 0:
            since_ms = self.now - self.no_pwm_since
            ready = self.f_since is None and not self.core.offer.hold and not self._wakes(told == want)
            if ready and (since_ms > DARK_MS + LATE_MS or (since_ms >= DARK_MS and told == want)):
                self._change(want)
        elif want > self.told:
            since_ms = self.now - self.changed_at
            if since_ms > RAISE_MS + LATE_MS or (since_ms >= RAISE_MS and told == want):
                self._change(want)

    def _wakes(self, offered):
        # Whether F or the X1 after it lasts; around its end the firmware says.
        if self.woken_at is not None:
            past_ms = self.now - self.woken_at - self.wake_ms - WOKEN_MS
            if past_ms > 2 * LATE_MS or (past_ms >= 0 and offered):
                self.woken_at = None
        return self.woken_at is not None

    def _change(self, current_da):
        self.told = current_da
        self.changed_at = self.now

    # --- what is seen

    def _compare(self):
        core = self.core
        assert core.outputs.permit == self.permit, f"PERMIT is {core.outputs.permit} at {self.now}"
        assert core.interlock.permit == self.permit
        assert core.interlock.coasting == self.coasting, f"coasting at {self.now}"
        assert bool(core.faults.bits & r.FAULT_HEARTBEAT) == self.lost, f"heartbeat fault at {self.now}"
        told = core.offer.told_da
        assert told == self.told, f"told {told}, not {self.told} at {self.now}"
        duty = core.outputs.duty_permyriad
        assert (duty == 0) == (self.f_since is not None), f"duty {duty} at {self.now}"
        if self.told:
            assert self.told <= MAX_DA
            # what a car reads (OpenEVSE J1772Pilot.cpp), in mA: never more, at most 0.15 A less;
            # from 51 to 52.5 A both formulas say 51
            read_ma = duty * 6 if duty <= 8500 else (duty - 6400) * 25
            least_ma = 51000 if 510 < self.told <= 525 else 100 * self.told - 150
            assert least_ma <= read_ma <= 100 * self.told, f"duty {duty} for {self.told}"
        elif duty != 0:
            assert duty == 10000

    # --- commands; each checks the answer, then everything else

    def commanded(self, answer, command, sequence, current_da, ttl_ms):
        # After the firmware has answered. Commands count as a sign of life, whatever they are.
        self.heard_at = self.now
        expected = self._execute(answer, command, sequence, current_da, ttl_ms)
        assert answer == expected, f"command {command} answered {answer}, not {expected}"
        if answer == OK and not self.coasting:
            self.lost = False
        self.settle()

    def _execute(self, answer, command, sequence, current_da, ttl_ms):
        if command == r.COMMAND_OFFER:
            return self._ask(current_da)
        if command == r.COMMAND_GRANT:
            return self._grant(sequence, current_da, ttl_ms)
        if command == r.COMMAND_RENEW:
            return self._renew(sequence, current_da, ttl_ms)
        if command == r.COMMAND_WITHDRAW:
            self.asked = 0
            return OK
        if command == r.COMMAND_REVOKE:
            self._clear()
            return OK
        if command == r.COMMAND_SHOW_F:
            return self._measure(ttl_ms)
        if command == r.COMMAND_WAKE:
            return self._wake(ttl_ms)
        if command == r.COMMAND_ACK or command == r.COMMAND_SELF_TEST:
            return answer  # these have tests of their own; here it only matters what follows
        return BAD_VALUE

    def _ask(self, current_da):
        if not MIN_DA <= current_da <= MAX_DA:
            return BAD_VALUE
        if not self.has_car() or self.blocking() or (self.coasting and current_da > self.told):
            return REFUSED
        self.asked = current_da
        return OK

    def _sound(self, current_da, ttl_ms):
        return MIN_DA <= current_da <= MAX_DA and 100 <= ttl_ms <= self.core.settings.grant_ttl_ms

    def _grant(self, sequence, current_da, ttl_ms):
        if not self._sound(current_da, ttl_ms):
            return BAD_VALUE
        if self.permit and sequence == self.grant_seq:
            return OK
        inputs = self.core.inputs
        if self.missing() or self.told == 0 or not ahead(sequence, self.grant_seq):
            return REFUSED
        closed = inputs.mirror_closed or self.core.contactor.closed  # now, or without its bounce
        if not self.permit and (closed or inputs.request):
            return REFUSED
        if self.permit and self.x1_at is not None:
            return REFUSED
        self.permit = True
        self.coasting = False
        self.grant_seq = sequence
        self._beat(current_da, ttl_ms)
        return OK

    def _renew(self, sequence, current_da, ttl_ms):
        if not self._sound(current_da or MIN_DA, ttl_ms):
            return BAD_VALUE
        if not self.permit:
            return REFUSED
        if sequence == self.beat_seq:
            return OK
        if not ahead(sequence, self.beat_seq):
            return REFUSED
        self.beat_seq = sequence
        self.coasting = False
        self._beat(current_da, ttl_ms)
        return OK

    def _beat(self, current_da, ttl_ms):
        self.beat_at = self.now
        self.ttl_ms = ttl_ms
        if current_da:
            self.grant_da = current_da
            self._lower(current_da)

    def _measure(self, duration_ms):
        if not 100 <= duration_ms <= 30000:
            return BAD_VALUE
        if self.core.pilot.state != r.PILOT_A:
            return REFUSED
        self._show_f(duration_ms)
        self.asked = self.told = 0
        return OK

    def _wake(self, pulse_ms):
        core = self.core
        if not 1000 <= pulse_ms <= 5000:
            return BAD_VALUE
        if self._wakes(not core.offer.waking):
            return OK
        closed = core.inputs.mirror_closed or core.contactor.closed
        if core.pilot.state != r.PILOT_B or self.permit or closed or core.inputs.request:
            return REFUSED
        if self.blocking():
            return REFUSED
        self._show_f(pulse_ms)
        self.woken_at = self.now
        self.wake_ms = pulse_ms
        self.asked = self.told = 0
        return OK

    # --- what other tools may do

    def lowered(self, answer, current_da):
        bad = current_da > self.asked or 0 < current_da < MIN_DA
        assert answer == (BAD_VALUE if bad else OK)
        if not bad:
            self._lower(current_da)
        self.settle()

    def turned_off(self):
        self._clear()
        self.asked = 0
        self.settle()
