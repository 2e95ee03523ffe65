# A whole board behind its registers, for the tests of firmware/desk.py.
import registers as r
from bench import Bench
from desk import Desk
from kept import Kept

BLOCKS = (
    (r.WB_BASE, r.WB_COUNT), (r.BASE, r.BLOCK_COUNT), (r.COMMAND, r.COMMAND_COUNT),
    (r.CLOCK_UTC, r.CLOCK_COUNT), (r.SETTINGS, r.SETTINGS_COUNT), (r.CALIBRATION, r.CALIBRATION_COUNT),
    (r.COUNTERS, r.COUNTERS_COUNT),
)


class Flash:
    def __init__(self):
        self.slots = [b"", b""]
        self.refuses = False

    def read(self, slot):
        return self.slots[slot]

    def append(self, slot, data):
        if self.refuses:
            raise OSError(28)
        self.slots[slot] += bytes(data)

    def erase(self, slot):
        self.slots[slot] = b""


class Board:
    # A bench with a desk.

    def __init__(self):
        self.bench = Bench()
        self.core = self.bench.core
        self.core.inputs = self.bench.inputs
        self.flash = Flash()
        self.kept = Kept(self.flash)
        self.kept.load(self.core.counts, self.core.calibration)
        self.core.counts.started(True)
        self.kept.save(self.core.counts, self.core.calibration)
        self.desk = Desk(self.core, self.kept, 3)

    def read(self, address, count=1):
        assert self.desk.covers(address, count)
        self.desk.refresh(address)
        return [self.desk.word(address + i) for i in range(count)]

    def word(self, address):
        return self.read(address)[0]

    def long(self, address):
        high, low = self.read(address, 2)
        return high << 16 | low

    def write(self, address, *words):
        return self.desk.write(address, words, len(words))

    def everything(self):
        return [self.read(first, count) for first, count in BLOCKS]
