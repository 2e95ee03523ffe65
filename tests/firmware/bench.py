# A bench for the whole core in virtual time: car, contactor, the Pi's relay, residual current module.
# It runs under CPython and under MicroPython, so it is written as the firmware is; `step` allocates
# nothing.
import registers
from core import Core, Inputs

TICKS_MASK = 0x3FFFFFFF  # MicroPython's ticks wrap at 2**30

# ohm from CP to PE behind the diode (dzurikmiroslav/esp32-evse wiki, nsayer/ev_sim); 0 is a short
LOAD_OHM = {"A": -1, "B": 2740, "C": 882, "D": 246, "E": 0, "F": -2}  # F: the driver's own -12 V
DIODE_MV = 700
SOURCE_OHM = 1000
SUPPLY_MV = 12000


class Bench:
    # One sample each `step_ms`. What a test may set at any time:
    #   load ("A".."F") or ohm (instead of a load), diode; low_spike_mv: the low plateau of one period
    #   leak: residual current flows; rcd_dead: ignores its test input; rcd_stuck: stays tripped
    #   relay: the Pi's half of the coil; obeys: the bench moves it as an honest controller does
    #   welded: main contacts do not open; coil_dead: they do not close
    #   mirror_shows: None, or what the mirror says instead
    #   permit_stuck, relay_stuck: that half of the coil stays on, although it was switched off
    #   inputs.pp_ohm, .supply_mv, .temperature_dc, .stop_pressed

    def __init__(self, step_ms=4, start_ms=0):
        self.r = registers
        self.step_ms = step_ms
        self.now_ms = start_ms
        self.core = Core()
        self.inputs = Inputs()
        self.inputs.temperature_dc = 250
        self.load = "A"
        self.ohm = None
        self.diode = True
        self.low_spike_mv = None
        self.leak = self.rcd_dead = self.rcd_stuck = False
        self.rcd_trip_ms = 60  # from the test input to the trip
        self.rcd_release_ms = 40
        self.relay = False
        self.obeys = True
        self.relay_lag_ms = 400  # the controller drops its relay so late if the mirror does not open
        self.welded = self.coil_dead = False
        self.permit_stuck = self.relay_stuck = False
        self.mirror_shows = None
        self.closed = False  # the main contacts
        self.pull_in_ms = self.drop_out_ms = 20
        self.shunt_pulses = 0
        self.shunt_ms = 0
        self.sequence = 0
        self._duty = 10000
        self._moved_ms = 0
        self._test_ms = self._quiet_ms = 0
        self._tripped = False
        self._unpermitted_ms = 0

    # --- what the core says

    @property
    def permit(self):
        return self.core.outputs.permit

    @property
    def told_da(self):
        return self.core.offer.told_da

    @property
    def duty(self):
        return self.core.outputs.duty_permyriad

    @property
    def faults(self):
        return self.core.faults.bits

    @property
    def state(self):
        return "?ABCDEF"[self.core.pilot.state]

    # --- the hardware, for one turn with the outputs as they stand

    def _sample_pilot(self, inputs):
        duty = self.core.outputs.duty_permyriad
        ohm = LOAD_OHM[self.load] if self.ohm is None else self.ohm
        high = SUPPLY_MV
        low = -SUPPLY_MV
        if ohm == 0:
            high = low = 0
        elif ohm > 0 and self.diode:
            high = DIODE_MV + (SUPPLY_MV - DIODE_MV) * ohm // (SOURCE_OHM + ohm)
        elif ohm > 0:
            high = SUPPLY_MV * ohm // (SOURCE_OHM + ohm)
            low = -high
        pwm = 0 < duty < 10000
        if duty == 0 or ohm == -2:
            high = low
        elif not pwm:
            low = high
        inputs.high_mv = inputs.high_raw_mv = high
        inputs.low_mv = inputs.low_raw_mv = inputs.low_worst_mv = low
        inputs.periods = 0
        if pwm:  # a period that the change of duty cut is no whole one
            inputs.periods = self.step_ms if duty == self._duty else self.step_ms - 1
            if self.low_spike_mv is not None:
                inputs.low_worst_mv = self.low_spike_mv
                self.low_spike_mv = None
        self._duty = duty

    def _move_contactor(self):
        coil = (self.core.outputs.permit or self.permit_stuck) and (self.relay or self.relay_stuck)
        want = (coil and not self.coil_dead) or (self.closed and self.welded)
        if want == self.closed:
            self._moved_ms = 0
            return
        self._moved_ms += self.step_ms
        if self._moved_ms >= (self.pull_in_ms if want else self.drop_out_ms):
            self.closed = want
            self._moved_ms = 0

    def _move_rcd(self):
        if self.leak or self.rcd_stuck:
            self._tripped = True
            self._quiet_ms = self.rcd_release_ms  # a leak that ended is quiet at the next sample
        elif self.core.outputs.rcd_test and not self.rcd_dead:
            self._test_ms += self.step_ms
            self._quiet_ms = 0
            self._tripped = self._tripped or self._test_ms >= self.rcd_trip_ms
        else:
            self._test_ms = 0
            self._quiet_ms += self.step_ms
            if self._quiet_ms >= self.rcd_release_ms:
                self._quiet_ms = self.rcd_release_ms
                self._tripped = False

    def _watch_shunt(self):
        if self.core.outputs.shunt:
            self.shunt_pulses += self.shunt_ms == 0
            self.shunt_ms += self.step_ms
        else:
            self.shunt_ms = 0

    def step(self):
        inputs = self.inputs
        self.now_ms += self.step_ms
        self._sample_pilot(inputs)
        self._move_contactor()
        self._move_rcd()
        inputs.rcd_tripped = self._tripped
        inputs.mirror_closed = self.closed if self.mirror_shows is None else self.mirror_shows
        inputs.request = self.relay
        self.core.step(self.now_ms & TICKS_MASK, inputs)
        self._watch_shunt()
        if self.obeys:
            self._follow()

    def run(self, ms):
        for _ in range(ms // self.step_ms):
            self.step()

    def until(self, condition, limit_ms):
        # Milliseconds until `condition()`; fails after `limit_ms`.
        began = self.now_ms
        while not condition():
            assert self.now_ms - began <= limit_ms, f"not within {limit_ms} ms"
            self.step()
        return self.now_ms - began

    # --- the controller

    def _follow(self):
        # PERMIT fell by itself: the relay follows when the contactor has opened, or does not.
        if not self.relay or self.core.outputs.permit:
            self._unpermitted_ms = 0
            return
        self._unpermitted_ms += self.step_ms
        if not self.inputs.mirror_closed or self._unpermitted_ms >= self.relay_lag_ms:
            self.relay = False

    def command(self, command, sequence=0, current_da=0, ttl_ms=0):
        self.core.heard()
        return self.core.command(command, sequence, current_da, ttl_ms)

    def offer(self, current_da):
        return self.command(registers.COMMAND_OFFER, 0, current_da)

    def withdraw(self):
        return self.command(registers.COMMAND_WITHDRAW)

    def revoke(self):
        return self.command(registers.COMMAND_REVOKE)

    def acknowledge(self, sequence=None):
        if sequence is None:
            sequence = self.core.faults.seq
        return self.command(registers.COMMAND_ACK, sequence)

    def grant(self, current_da=160, ttl_ms=5000, sequence=None):
        # The relay follows an accepted grant at once.
        if sequence is None:
            sequence = self.sequence = (self.sequence + 1) & 0xFFFF
        answer = self.command(registers.COMMAND_GRANT, sequence, current_da, ttl_ms)
        if answer == 0 and self.obeys:
            self.relay = True
        return answer

    def renew(self, current_da=160, ttl_ms=5000, sequence=None):
        if sequence is None:
            sequence = (self.core.interlock.heartbeat_seq + 1) & 0xFFFF
        return self.command(registers.COMMAND_RENEW, sequence, current_da, ttl_ms)

    def beat(self, ms, current_da=160):
        # Run with a heartbeat each second, as the controller does.
        for _ in range(ms // 1000):
            self.renew(current_da)
            self.run(1000)

    # --- whole stories

    def tested(self):
        # Whether the residual current module has passed its test and none is due or running.
        residual = self.core.residual
        return residual.ok and not residual.running and not residual.due

    def ready(self):
        # Without a car, the self-test after the start or the last car done.
        self.load = "A"
        self.run(100)
        self.until(self.tested, 3000)
        return self

    def plug(self, current_da=160):
        # From nothing to a car in B that was told a current and whose diode was seen.
        self.ready()
        self.load = "B"
        self.run(100)
        assert self.offer(current_da) == 0
        self.run(200)
        return self

    def ask(self, current_da=160):
        # From nothing to a car in C that only lacks the grant.
        self.plug(current_da)
        self.load = "C"
        self.run(600)
        return self

    def charge(self, current_da=160):
        # From nothing to closed main contacts, 100 ms after the grant.
        self.ask(current_da)
        assert self.grant(current_da) == 0
        self.run(100)
        assert self.permit
        assert self.closed
        return self

    def stop(self):
        # A normal stop: X1, the car draws nothing but keeps asking, one channel opens, then the other.
        self.withdraw()
        self.run(100)
        obeys, self.obeys = self.obeys, False
        if self.core.contactor.pi_first:
            self.relay = False
        else:
            self.revoke()
        self.run(400)
        self.revoke()
        self.relay = False
        self.obeys = obeys
        self.run(100)
        self.load = "B"
        self.run(100)
