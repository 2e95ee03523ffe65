# mypy: ignore-errors
# ruff: noqa: ARG001, ARG002, N802, RET503  (names and signatures are MicroPython's)
# The `machine` module of the virtual board. Silicon is a page of words that the rig shares, the UART a
# pty; how both are reached is the port's affair (`silicon`, in unix/ and wasm/).
import time

import page
import silicon
from analog import adc as mem32  # noqa: F401  the only registers that the firmware touches

PWRON_RESET = 1
WDT_RESET = 3

_words = silicon.words  # to read
_store = silicon.store
_handlers = []  # [pin, trigger, handler, last level]


def _run_interrupts():
    # Edges are looked for here: a process has no interrupt that could stop it in the middle.
    for entry in _handlers:
        level = _level(entry[0]._id)
        if level != entry[3]:
            entry[3] = level
            if entry[1] & (Pin.IRQ_RISING if level else Pin.IRQ_FALLING):
                entry[2](entry[0])


def _level(pin):
    # Of an input. The residual current module is part of this silicon, as its test pulse is short.
    if pin == page.RCD_PIN and _module.tripped():
        return 0
    return _words[page.PIN_IN + pin]


class _ResidualModule:
    # Trips by its test input after TRIP_MS, for as long as the test lasts; unless the rig broke it.
    TRIP_MS = 60

    def __init__(self):
        self._testing = False
        self._began_ms = 0
        self._held = False

    def test(self, on):
        if on and not self._testing:
            self._began_ms = time.ticks_ms()
        self._testing = on

    def tripped(self):
        kind = _words[page.RCD_MODULE]
        if kind != page.MODULE_STUCK:
            self._held = False
        if not self._testing or kind == page.MODULE_DEAD:
            return self._held
        if time.ticks_diff(time.ticks_ms(), self._began_ms) < self.TRIP_MS:
            return self._held
        self._held = kind == page.MODULE_STUCK
        return True


_module = _ResidualModule()


def reset_cause():
    return _words[page.RESET_CAUSE]


def reset():
    silicon.leave(3)


class Pin:
    IN = 0
    OUT = 1
    PULL_UP = 1
    IRQ_FALLING = 4
    IRQ_RISING = 8

    def __init__(self, id, mode=-1, pull=None, value=None):
        self._id = id
        if value is not None:
            self.value(value)

    def value(self, level=None):
        if level is None:
            _run_interrupts()
            return _level(self._id)
        level = 1 if level else 0
        if _words[page.PIN_OUT + self._id] != level:
            _store(page.PIN_OUT + self._id, level)
            if self._id == page.PERMIT_PIN:
                _store(page.PERMIT_EDGES, _words[page.PERMIT_EDGES] + 1)
            elif self._id == page.PULSE_PIN:
                _store(page.PULSES, _words[page.PULSES] + 1 & 0x3FFFFFFF)
            elif self._id == page.RCD_TEST_PIN:
                _module.test(bool(level))

    def irq(self, handler=None, trigger=12, hard=False):
        _handlers.append([self, trigger, handler, _level(self._id)])


class PWM:
    def __init__(self, pin, freq=0, duty_u16=0):
        self.duty_u16(duty_u16)

    def duty_u16(self, duty):
        _store(page.PWM_DUTY, duty)


def ADC(pin):
    return None  # the firmware reads it by its registers


def UART(id, baudrate=9600, parity=None, timeout=0, txbuf=256, rxbuf=256):
    # The line paces its bytes; a stream that can be polled is all that is needed here.
    return silicon.UART()


class WDT:
    def __init__(self, id=0, timeout=5000):
        self.feed()
        _store(page.WATCHDOG_MS, timeout)

    def feed(self):
        feeds = (_words[page.WATCHDOG_FEEDS] + 1) & 0x3FFFFFFF
        _store(page.WATCHDOG_FEEDS, feeds)
        if feeds & 0xFF == 0 and silicon.orphaned():
            silicon.leave(0)  # the rig is gone, and with it the board
