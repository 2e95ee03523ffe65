# mypy: ignore-errors
# ruff: noqa: ARG001, ARG002, N802, RET503  (names and signatures are MicroPython's)
# The `machine` module of the virtual board. Silicon is a page of words that the rig shares, the UART a
# pty; how both are reached is the port's affair (`silicon`, in unix/ and wasm/).
import page
import silicon

PWRON_RESET = 1
WDT_RESET = 3

_words = silicon.words  # to read
_store = silicon.store
_handlers = []  # [pin, trigger, handler, last level]


def _run_interrupts():
    # Edges are looked for here: a process has no interrupt that could stop it in the middle.
    for entry in _handlers:
        level = _words[page.PIN_IN + entry[0]._id]
        if level != entry[3]:
            entry[3] = level
            if entry[1] & (Pin.IRQ_RISING if level else Pin.IRQ_FALLING):
                entry[2](entry[0])


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
            return _words[page.PIN_IN + self._id]
        level = 1 if level else 0
        if _words[page.PIN_OUT + self._id] != level:
            _store(page.PIN_OUT + self._id, level)
            if self._id == page.PERMIT_PIN:
                _store(page.PERMIT_EDGES, _words[page.PERMIT_EDGES] + 1)

    def irq(self, handler=None, trigger=12, hard=False):
        _handlers.append([self, trigger, handler, _words[page.PIN_IN + self._id]])


class PWM:
    def __init__(self, pin, freq=0, duty_u16=0):
        self.duty_u16(duty_u16)

    def duty_u16(self, duty):
        _store(page.PWM_DUTY, duty)


class _PilotADC:
    # One conversion each 29 us; 1000 us a period, high first.
    def __init__(self):
        self._phase_us = 0

    def read_u16(self):
        phase = self._phase_us + 29
        if phase >= 1000:
            phase -= 1000
        self._phase_us = phase
        high = phase * 65535 < _words[page.PWM_DUTY] * 1000
        return (_words[page.PILOT_HIGH_MV if high else page.PILOT_LOW_MV] + 15000) * 65535 // 30000


class _PlainADC:
    def __init__(self, word):
        self._word = word

    def read_u16(self):
        return _words[self._word]


def ADC(pin):
    if pin == page.PILOT_ADC_PIN:
        return _PilotADC()
    return _PlainADC(page.ADC + pin - page.ADC_FIRST_PIN)


def UART(id, baudrate=9600, parity=None, timeout=0):
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
