# The RP2040's ADC and DMA: the control pilot at 50 kS/s into memory, without the processor, and one slow
# channel in the short pause between two captures. Registers and bits are those of the RP2040 data sheet
# 4.9.6 (ADC), 2.5.3 and 2.5.7 (DMA), from memory. It runs against the virtual silicon of the test rig; it
# was not tried on hardware.
#
# Two buffers take turns, and each capture begins anew: whatever went wrong in one (an overrun FIFO, a stall
# of the loop) is over with the next, and no counter can run out. The ADC's 48 MHz and the PWM's clock
# come from the same crystal, so the samples of one period stay where they are in the period.
import uctypes
from machine import ADC, mem32
from rp2 import DMA
from sampling import CAPACITY, empty_capture, windows_of

_CS = 0x4004C000
_RESULT = 0x4004C004
_FCS = 0x4004C008
_FIFO = 0x4004C00C
_DIV = 0x4004C010

_CS_ENABLE = 1
_CS_START_ONCE = 1 << 2
_CS_START_MANY = 1 << 3
_CS_READY = 1 << 8
_CS_CHANNEL = 12  # shift

_FCS_ENABLE = 1
_FCS_DREQ = 1 << 3
_FCS_UNDER = 1 << 10  # write 1 to clear
_FCS_OVER = 1 << 11  # write 1 to clear; sticky: a sample was lost
_FCS_THRESHOLD_1 = 1 << 24

_CAPTURE = _FCS_ENABLE | _FCS_DREQ | _FCS_THRESHOLD_1

_DREQ_ADC = 36
_CYCLES = 960  # of 48 MHz: 20 us from sample to sample
_TRIES = 100  # a conversion takes 2 us, one look at the register about as long

FIRST_PIN = 26
PILOT, PROXIMITY, SUPPLY, TEMPERATURE = 0, 1, 2, 3  # channels, on the pins from FIRST_PIN


class Sampler:
    # `windows`, `count`: the capture that `take` has ended; `count` 0 if samples were lost in between.
    # `channel`, `raw`: the slow channel that `take` has read, 0..4095.

    def __init__(self):
        for channel in range(4):
            ADC(FIRST_PIN + channel)  # takes the pin from its digital function
        first = empty_capture()
        second = empty_capture()
        self._addresses = (uctypes.addressof(first), uctypes.addressof(second))
        self._windows = (windows_of(memoryview(first)), windows_of(memoryview(second)))
        self._buffers = (first, second)  # the DMA knows addresses only: keeps them from the collector
        self._at = 0
        self.windows = self._windows[1]
        self.count = 0
        self.channel = PROXIMITY
        self.raw = 0
        self._dma = DMA()
        # paced by the ADC, 16 bit each, from the same place to one after the other
        self._ctrl = self._dma.pack_ctrl(size=1, inc_read=False, inc_write=True, treq_sel=_DREQ_ADC)
        mem32[_CS] = _CS_ENABLE
        mem32[_DIV] = (_CYCLES - 1) << 8
        self._dma.config(read=_FIFO, ctrl=self._ctrl)
        self._begin()

    def read(self, channel):
        # One conversion, 0..4095, or -1: the ADC does not answer. Only between two captures.
        mem32[_FCS] = 0
        mem32[_CS] = _CS_ENABLE | _CS_START_ONCE | channel << _CS_CHANNEL
        return mem32[_RESULT] if self._ready() else -1

    def take(self):
        # Ends the capture, reads the next slow channel, begins a new capture. False: the ADC is dead.
        mem32[_CS] = _CS_ENABLE
        alive = self._ready()
        dma = self._dma
        lost = mem32[_FCS] & _FCS_OVER
        count = CAPACITY - dma.count  # type: ignore[attr-defined]  # what is left; the stubs lack it
        dma.active(0)
        self.windows = self._windows[self._at]
        self.count = 0 if lost else count
        self.channel = self.channel + 1 if self.channel < TEMPERATURE else PROXIMITY
        self.raw = self.read(self.channel)
        self._at = 1 - self._at
        self._begin()
        return alive and self.raw >= 0

    def _begin(self):
        mem32[_FCS] = _CAPTURE | _FCS_OVER | _FCS_UNDER
        self._dma.config(write=self._addresses[self._at], count=CAPACITY, trigger=True)
        mem32[_CS] = _CS_ENABLE | _CS_START_MANY | PILOT << _CS_CHANNEL

    def _ready(self):
        for _ in range(_TRIES):
            if mem32[_CS] & _CS_READY:
                return True
        return False
