# The thin layer over `machine`: pins, PWM, ADC, UART, watchdog, flash. RP2040 pin numbers.
# No rule of safety stands here but three: outputs are safe before anything else happens, a residual
# current takes PERMIT away in its own interrupt, and who does not know what the pilot says reads 0 V.
import json
import os
import select
import time

import machine
from adc import PROXIMITY, SUPPLY, TEMPERATURE, Sampler
from sampling import (
    Median,
    Plateaus,
    calibrated_mv,
    pilot_mv,
    proximity_ohm,
    supply_mv,
    temperature_dc,
)

PIN_PILOT = 2  # PWM of the pilot driver: 1 is +12 V
PIN_PERMIT = 3  # 1: the board's half of the coil supply; clears the monostable
PIN_RCD = 4  # 0: tripped
PIN_MIRROR = 5  # 1: main contacts closed
PIN_STOP = 6  # 0: the emergency stop's loop is open
PIN_PULSE = 7  # every edge keeps the monostable up that PERMIT goes through
PIN_RCD_TEST = 8  # 1: the residual current module tests itself
PIN_REQUEST = 9  # 1: the Pi's relay feeds the coil
PIN_SHUNT = 10  # 1: fires the shunt trip

PWM_HZ = 1000  # IEC 61851-1 Annex A: 1 kHz +-0.5 % (from memory; Megger's EVCC300 accepts 940 to 1040)
STEADY = 65535
WATCHDOG_MS = 1000
DEAF_MS = 20  # without one whole period for so long nothing is known; a turn has 3 or more
SLOTS = ("kept0", "kept1")


def load_settings():
    # unit, baud, parity of this board, and the shortest time that its monostable holds; flash that holds
    # none gives the factory's.
    settings = {"unit": 247, "baud": 19200, "parity": "E", "monostable_ms": 50}
    try:
        with open("board.json") as file:
            settings.update(json.load(file))
    except (OSError, ValueError):
        pass
    return settings


class Flash:
    # Two slots of the file system, as kept.py wants them: read, append, erase.

    def read(self, slot):
        # A slot that was never written is empty; one that cannot be read is damage, and kept.py counts it.
        # The folder is asked, not the error's number: ENOENT is 2 here and 44 in the port for node.
        if SLOTS[slot] not in os.listdir():
            return b""
        with open(SLOTS[slot], "rb") as file:
            return file.read()

    def append(self, slot, data):
        with open(SLOTS[slot], "ab") as file:
            file.write(data)

    def erase(self, slot):
        with open(SLOTS[slot], "wb"):
            pass

    def free(self):
        # Bytes; 0 where the port cannot say.
        if not hasattr(os, "statvfs"):
            return 0
        state = os.statvfs("/")
        return min(state[0] * state[3], 0x3FFFFFFF)


class Board:
    def __init__(self, settings):
        pin = machine.Pin
        self._permit = pin(PIN_PERMIT, pin.OUT, value=0)
        self._pulse = pin(PIN_PULSE, pin.OUT, value=0)
        self._rcd_test = pin(PIN_RCD_TEST, pin.OUT, value=0)
        self._shunt = pin(PIN_SHUNT, pin.OUT, value=0)
        self._pilot = machine.PWM(pin(PIN_PILOT), freq=PWM_HZ, duty_u16=STEADY)
        self._watchdog = machine.WDT(timeout=WATCHDOG_MS)
        self.monostable_ms = settings["monostable_ms"]  # PERMIT outlasts the last pulse at least so long
        self._permyriad = 10000
        self._pulse_level = 0
        self._rcd = pin(PIN_RCD, pin.IN, pin.PULL_UP)
        self._mirror = pin(PIN_MIRROR, pin.IN, pin.PULL_UP)
        self._stop = pin(PIN_STOP, pin.IN, pin.PULL_UP)
        self._request = pin(PIN_REQUEST, pin.IN, pin.PULL_UP)
        self._tripped = False
        self._rcd.irq(handler=self._on_rcd, trigger=pin.IRQ_FALLING, hard=True)
        self._sampler = Sampler()
        self._plateaus = Plateaus()
        self._slow = {}
        self._deaf_ms = DEAF_MS
        self._sensed_ms = time.ticks_ms()
        parity = {"N": None, "E": 0, "O": 1}[settings["parity"]]
        # buffers for more than the longest frame: `send` does not wait, and nothing is cut off
        self._uart = machine.UART(
            0, baudrate=settings["baud"], parity=parity, timeout=0, txbuf=512, rxbuf=512
        )
        self._poll = select.poll()
        self._poll.register(self._uart, select.POLLIN)
        self.chunk = bytearray(256)

    def _on_rcd(self, _pin):
        # A hard interrupt: allocates nothing.
        self._permit.value(0)
        self._tripped = True

    def wait(self, timeout_ms):
        # Until bytes arrive, at most `timeout_ms`.
        for _ in self._poll.ipoll(timeout_ms):
            return

    def receive(self):
        # Bytes now in `chunk`; their number.
        return self._uart.readinto(self.chunk) or 0

    def send(self, frame):
        self._uart.write(frame)

    def sense(self, inputs, calibration):
        # One sample of everything. A trip between two samples is not forgotten.
        self._sense_analog(inputs, calibration)
        tripped = self._tripped
        if tripped:
            self._tripped = False
        inputs.rcd_tripped = tripped or self._rcd.value() == 0
        inputs.mirror_closed = self._mirror.value() == 1
        inputs.stop_pressed = self._stop.value() == 0
        inputs.request = self._request.value() == 1

    def drive(self, outputs):
        # PERMIT falls before and rises after the pilot is set. One pulse for each call under PERMIT.
        permit = self._permit
        granted = outputs.permit and not self._tripped
        if not granted:
            permit.value(0)
        self._shunt.value(1 if outputs.shunt else 0)
        self._rcd_test.value(1 if outputs.rcd_test else 0)
        if outputs.duty_permyriad != self._permyriad:
            self._permyriad = outputs.duty_permyriad
            self._pilot.duty_u16(self._permyriad * STEADY // 10000)
        if granted:
            permit.value(1)
            if self._tripped:  # the interrupt came in between
                permit.value(0)
            else:
                self._pulse_level = 1 - self._pulse_level
                self._pulse.value(self._pulse_level)

    def feed_watchdog(self):
        self._watchdog.feed()

    def make_safe(self):
        self._permit.value(0)
        self._rcd_test.value(0)
        self._shunt.value(0)
        self._pilot.duty_u16(STEADY)

    def ticks_ms(self):
        return time.ticks_ms()

    def reset_cause(self):
        return machine.reset_cause()

    def reset(self):
        machine.reset()

    def _sense_analog(self, inputs, calibration):
        plateaus = self._plateaus
        alive = self._sampler.take()
        now = time.ticks_ms()
        pwm = 0 < self._permyriad < 10000
        if alive and plateaus.reduce(self._sampler.windows, self._sampler.count, pwm):
            self._deaf_ms = 0
        else:
            self._deaf_ms = min(self._deaf_ms + time.ticks_diff(now, self._sensed_ms), DEAF_MS)
        self._sensed_ms = now
        inputs.periods = plateaus.periods
        if self._deaf_ms < DEAF_MS:
            gain = calibration.cp_gain_permyriad
            offset = calibration.cp_offset_mv
            inputs.high_raw_mv = pilot_mv(plateaus.high)
            inputs.low_raw_mv = pilot_mv(plateaus.low)
            inputs.high_mv = calibrated_mv(inputs.high_raw_mv, gain, offset)
            inputs.low_mv = calibrated_mv(inputs.low_raw_mv, gain, offset)
            inputs.low_worst_mv = calibrated_mv(pilot_mv(plateaus.low_worst), gain, offset)
        else:
            inputs.periods = 0
            inputs.high_raw_mv = inputs.low_raw_mv = 0
            inputs.high_mv = inputs.low_mv = inputs.low_worst_mv = 0
        self._sense_slow(inputs, calibration)

    def _sense_slow(self, inputs, calibration):
        channel = self._sampler.channel
        raw = max(0, self._sampler.raw)
        if channel not in self._slow:
            self._slow[channel] = Median(raw)
        median = self._slow[channel]
        median.take(raw)
        if channel == PROXIMITY:
            inputs.pp_ohm = proximity_ohm(median.value, calibration.pp_gain_permyriad)
        elif channel == SUPPLY:
            inputs.supply_mv = supply_mv(median.value)
        elif channel == TEMPERATURE:
            inputs.temperature_dc = temperature_dc(median.value, calibration.temperature_offset_dc)
