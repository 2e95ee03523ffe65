# PERMIT, the board's half of the contactor's supply: a latch that only a fresh grant sets. Pure.
from registers import (
    PILOT_C,
    PILOT_D,
    REFUSED_DARK,
    REFUSED_DIODE,
    REFUSED_FAULT,
    REFUSED_MIRROR,
    REFUSED_NO_PWM,
    REFUSED_NOT_C,
    REFUSED_REQUEST,
    REFUSED_SELF_TEST,
    REFUSED_SEQUENCE,
    REFUSED_STOPPING,
)

STOP_MS = 6000  # from X1 to PERMIT off when the car ignores it (sequence 10.2; EVerest, Tinkerforge)


def newer(sequence, last):
    # Whether a 16 bit sequence number lies ahead of another.
    return 0 < (sequence - last) & 0xFFFF < 0x8000


def conditions(pilot, ventilation, blocking, tested):
    # REFUSED_* bits of what must hold for as long as PERMIT is on, and does not. `ventilation`: the
    # site has it, so D may charge; `blocking`: a fault that takes power away; `tested`: the residual
    # current module passed its self-test and is not being tested.
    bits = 0
    if pilot.state != PILOT_C and not (ventilation and pilot.state == PILOT_D):
        bits |= REFUSED_NOT_C
    if pilot.dark:
        bits |= REFUSED_DARK
    if not pilot.diode_ok:
        bits |= REFUSED_DIODE
    if blocking:
        bits |= REFUSED_FAULT
    if not tested:
        bits |= REFUSED_SELF_TEST
    return bits


class Interlock:
    # Cleared by any missing condition; set again only by a grant written after the clearing.

    def __init__(self):
        self.permit = False
        self.coasting = False  # PERMIT without a heartbeat
        self.grant_seq = 0
        self.heartbeat_seq = 0
        self.grant_da = 0
        self._ttl_ms = 0
        self._stop_ms = -1  # until PERMIT falls under X1; -1: PWM is on

    @property
    def stopping(self):
        return self.permit and self._stop_ms >= 0

    def missing(self, sequence, standing, pwm_on, mirror_closed, request):
        # REFUSED_* bits for a grant with this sequence. `standing`: those of `conditions`. The main
        # contacts and the Pi's relay are open before a closing; a grant under PERMIT finds both closed.
        bits = standing
        if not pwm_on:
            bits |= REFUSED_NO_PWM
        if not self.permit:
            if mirror_closed:
                bits |= REFUSED_MIRROR
            if request:
                bits |= REFUSED_REQUEST
        elif self._stop_ms >= 0:
            bits |= REFUSED_STOPPING
        if not newer(sequence, self.grant_seq):
            bits |= REFUSED_SEQUENCE
        return bits

    def grant(self, sequence, current_da, ttl_ms):
        # The caller has seen `missing` say 0.
        self.permit = True
        self.coasting = False
        self.grant_seq = sequence
        self.grant_da = current_da
        self._ttl_ms = ttl_ms
        self._stop_ms = -1

    def renew(self, sequence, current_da, ttl_ms):
        # Heartbeat. The caller has seen that PERMIT is on and the sequence new.
        self.coasting = False
        self.heartbeat_seq = sequence
        if current_da:
            self.grant_da = current_da
        self._ttl_ms = ttl_ms

    def clear(self):
        self.permit = False
        self.coasting = False
        self._ttl_ms = 0
        self._stop_ms = -1

    def settle(self, dt_ms, standing, pwm_on):
        # Time, and what stands against PERMIT. PWM may be off under PERMIT, but not for long.
        # Returns True at the moment when the heartbeat is lost.
        if not self.permit:
            return False
        if standing:
            self.clear()
            return False
        if self._stop_ms >= 0:  # PWM that comes back meanwhile rescues nothing
            self._stop_ms -= dt_ms
            if self._stop_ms <= 0:
                self.clear()
                return False
        elif not pwm_on:
            self._stop_ms = STOP_MS
        self._ttl_ms = max(0, self._ttl_ms - dt_ms)
        if self._ttl_ms == 0 and not self.coasting:
            self.coasting = True
            return True
        return False
