# mypy: ignore-errors
# The `rp2` module of the virtual board: one DMA channel, from the ADC into memory.
import uctypes
from analog import adc


class DMA:
    # Knows 16 bit transfers to rising addresses, paced by the ADC: others are refused.
    def __init__(self):
        self.count = 0
        self._target = None
        self._targets = {}
        self._done = 0
        self._active = False
        adc.dma = self

    def pack_ctrl(self, size=2, inc_read=True, inc_write=True, treq_sel=0x3F):
        if (size, inc_read, inc_write, treq_sel) != (1, False, True, 36):
            raise ValueError("not this kind of transfer")
        return 1

    def config(self, read=0x4004C00C, write=None, count=0, ctrl=1, trigger=False):
        if read != 0x4004C00C or ctrl != 1:
            raise ValueError("not from the ADC")
        if write is not None:
            if write not in self._targets:
                self._targets[write] = memoryview(uctypes.bytearray_at(write, 2 * count))
            self._target = self._targets[write]
            self._done = 0
            self.count = count
        if trigger:
            self._active = True

    def active(self, on=None):
        if on is not None:
            self._active = bool(on)
        return self._active

    def transfer(self, samples, phase, wanted):
        # The ADC's: what it converted since it began; `samples` are bytes, `phase` and `wanted` words.
        if not self._active:
            return
        count = min(wanted, self.count)
        at, end = 2 * self._done, 2 * (self._done + count)
        self._target[at:end] = samples[2 * phase : 2 * (phase + count)]
        self._done += count
        self.count -= count
        self._active = self.count > 0
