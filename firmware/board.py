# The thin layer over `machine`: pins, PWM, ADC, UART, watchdog, flash. RP2040 pin numbers.
# No rule of safety stands here but two: outputs are safe before anything else happens, and a residual
# current takes PERMIT away in its own interrupt.
import json
import os
import select
import time

import machine

PIN_PERMIT = 3  # 1: the board's half of the coil supply
PIN_PILOT = 2  # PWM of the pilot driver: 1 is +12 V
PIN_RCD = 4  # 0: tripped
PIN_MIRROR = 5  # 1: main contacts closed
PIN_STOP = 6  # 0: the emergency stop's loop is open
ADC_PILOT = 26  # front end maps -15..+15 V to the whole range
ADC_PROXIMITY = 27  # 1 kOhm to the reference, proximity resistor to PE
ADC_SUPPLY = 28  # one fifth of the 12 V

PWM_HZ = 1000
WATCHDOG_MS = 1000
READS_STEADY = 4
READS_PWM = 36  # 29 us each on an RP2040: a little more than one PWM period, 3 in a 10 % plateau
SUPPLY_FULL_MV = 16500  # 3.3 V at the ADC


def load_settings():
    # unit, baud, parity of this board; flash that holds none gives the factory's.
    settings = {"unit": 247, "baud": 19200, "parity": "E"}
    try:
        with open("board.json") as file:
            settings.update(json.load(file))
    except (OSError, ValueError):
        pass
    return settings


def count_boot():
    # +1 in flash; written beside and renamed, so that a torn write leaves the old number.
    try:
        with open("boots") as file:
            count = int(file.read()) + 1
    except (OSError, ValueError):
        count = 1
    with open("boots.new", "w") as file:
        file.write(str(count))
    os.rename("boots.new", "boots")
    return count


class Board:
    def __init__(self, settings):
        self._permit = machine.Pin(PIN_PERMIT, machine.Pin.OUT, value=0)
        self._pilot = machine.PWM(machine.Pin(PIN_PILOT), freq=PWM_HZ, duty_u16=65535)
        self._watchdog = machine.WDT(timeout=WATCHDOG_MS)
        self._permyriad = 10000
        self._rcd = machine.Pin(PIN_RCD, machine.Pin.IN, machine.Pin.PULL_UP)
        self._mirror = machine.Pin(PIN_MIRROR, machine.Pin.IN, machine.Pin.PULL_UP)
        self._stop = machine.Pin(PIN_STOP, machine.Pin.IN, machine.Pin.PULL_UP)
        self._cp = machine.ADC(ADC_PILOT)
        self._pp = machine.ADC(ADC_PROXIMITY)
        self._supply = machine.ADC(ADC_SUPPLY)
        self._tripped = False
        self._rcd.irq(handler=self._on_rcd, trigger=machine.Pin.IRQ_FALLING)
        parity = {"N": None, "E": 0, "O": 1}[settings["parity"]]
        self._uart = machine.UART(0, baudrate=settings["baud"], parity=parity, timeout=0)
        self._poll = select.poll()
        self._poll.register(self._uart, select.POLLIN)
        self.chunk = bytearray(256)

    def _on_rcd(self, _pin):
        self._permit.value(0)
        self._tripped = True

    def wait(self, timeout_ms):
        # Until bytes arrive, at most `timeout_ms`.
        self._poll.poll(timeout_ms)

    def receive(self):
        # Bytes now in `chunk`; their number.
        return self._uart.readinto(self.chunk) or 0

    def send(self, frame):
        self._uart.write(frame)

    def sense(self, inputs):
        # One sample of everything. A trip between two samples is not forgotten.
        pwm = 0 < self._permyriad < 10000
        read = self._cp.read_u16
        high = low = read()
        for _ in range(READS_PWM if pwm else READS_STEADY):
            value = read()
            if value > high:
                high = value
            elif value < low:
                low = value
        inputs.high_mv = high * 30000 // 65535 - 15000
        inputs.low_mv = low * 30000 // 65535 - 15000
        inputs.rcd_tripped = self._tripped or self._rcd.value() == 0
        self._tripped = False
        inputs.mirror_closed = self._mirror.value() == 1
        inputs.stop_pressed = self._stop.value() == 0
        pp = self._pp.read_u16()
        inputs.pp_ohm = 1000 * pp // (65535 - pp) if pp < 64000 else 65535
        inputs.supply_mv = self._supply.read_u16() * SUPPLY_FULL_MV // 65535

    def drive(self, outputs):
        # PERMIT falls before and rises after the pilot is set.
        if not outputs.permit or self._tripped:
            self._permit.value(0)
        if outputs.duty_permyriad != self._permyriad:
            self._permyriad = outputs.duty_permyriad
            self._pilot.duty_u16(self._permyriad * 65535 // 10000)
        if outputs.permit and not self._tripped:
            self._permit.value(1)

    def feed_watchdog(self):
        self._watchdog.feed()

    def make_safe(self):
        self._permit.value(0)
        self._pilot.duty_u16(65535)

    def ticks_ms(self):
        return time.ticks_ms()

    def reset_cause(self):
        return machine.reset_cause()

    def reset(self):
        machine.reset()
