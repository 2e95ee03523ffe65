# mypy: ignore-errors
# The `rp2` module of the virtual board: one DMA channel, from the ADC into memory.
import uctypes
from analog import adc


class DMA:
    # Knows 16 bit transfers to rising addresses, paced by the ADC: others are refused.
    def __init__(self):
        self.count = 0
        self._address = 0
        self._target = None
        self._targets = {}
        self._active = False
        adc.dma = self

    def pack_ctrl(self, size=2, inc_read=True, inc_write=True, treq_sel=0x3F):
        if (size, inc_read, inc_write, treq_sel) != (1, False, True, 36):
            raise ValueError("not this kind of transfer")
        return 1

    def config(self, read=0, ctrl=0):
        if read != 0x4004C00C or ctrl != 1:
            raise ValueError("not from the ADC")

    @property
    def write(self):
        return self._address

    @write.setter
    def write(self, address):
        self._address = address
        self._target = None

    def active(self, on=None):
        if on is not None:
            self._active = bool(on)
        return self._active

    def transfer(self, samples, phase, wanted):
        # The ADC's: what it converted since it began; `samples` are bytes, `phase` and `wanted` words.
        if not self._active or self.count <= 0:
            return
        if self._target is None:
            key = (self._address, self.count)
            if key not in self._targets:
                self._targets[key] = memoryview(uctypes.bytearray_at(self._address, 2 * self.count))
            self._target = self._targets[key]
        done = min(wanted, self.count)
        self._target[0 : 2 * done] = samples[2 * phase : 2 * (phase + done)]
        self.count -= done
        self._address += 2 * done
        self._active = self.count > 0
