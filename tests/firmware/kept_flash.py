# Flash that can be cut, damaged and refuse, for the tests of firmware/kept.py.
from counts import Counts
from kept import Kept
from settings import Calibration

SMALL = 3  # records in a slot: few bytes to be cut at


class PowerCut(Exception):
    pass


class Flash:
    # Bytes that are programmed and erased one after another. `budget`: how many until the power is cut,
    # -1: never. `tear`: what the bytes look like that were not reached.

    def __init__(self, slots=(b"", b"")):
        self.slots = [bytearray(slots[0]), bytearray(slots[1])]
        self.budget = -1
        self.tear = 0
        self.spent = 0
        self.erases = [0, 0]
        self.label = None  # what is being saved
        self.newest = None  # the last that stands there as a whole
        self.refuses = ""
        self.deaf = False
        self.deaf_after = -1  # so many records more are written, -1: all

    def read(self, slot):
        if self.refuses == f"read {slot}":
            raise OSError(5)
        return bytes(self.slots[slot])

    def _survives(self):
        if self.spent == self.budget:
            return False
        self.spent += 1
        return True

    def append(self, slot, data):
        if self.refuses == "append":
            raise OSError(5)
        if self.deaf or self.deaf_after == 0:
            return
        self.deaf_after -= 1
        place = self.slots[slot]
        start = len(place)
        for i in range(len(data)):
            if self.refuses == "halfway" and i == len(data) // 2:
                raise OSError(5)
            if not self._survives():
                self._tear_append(place, data, i)
                if place[start:] == data:  # what was not reached happened to look right
                    self.newest = self.label
                raise PowerCut()
            place.append(data[i])
        self.newest = self.label

    def _tear_append(self, place, data, i):
        if self.tear == 1:  # the byte that was being programmed: some of its bits
            place.append(data[i] | 0x55)
        elif self.tear >= 2:  # the length was there first
            for _ in range(i, len(data)):
                place.append(0xFF if self.tear == 2 else 0)

    def erase(self, slot):
        if self.refuses == "erase":
            raise OSError(5)
        place = self.slots[slot]
        count = len(place)
        for i in range(count):
            if not self._survives():
                self._tear_erase(slot, i)
                raise PowerCut()
        self.slots[slot] = bytearray()
        self.erases[slot] += 1

    def _tear_erase(self, slot, done):
        place = self.slots[slot]
        if self.tear == 0:  # from the end
            self.slots[slot] = place[: len(place) - done]
        else:
            for i in range(done):
                place[i] = 0xFF if self.tear == 1 else place[i] | 0xAA if self.tear == 2 else 0


def calibrate(calibration, seq):
    assert calibration.write((seq, seq & 0x1FF, 10000 + (seq & 0xFF), 9900, 0xFFF0)) == 0


def start(flash, slot_records=SMALL):
    # The board starts: (kept, counts, calibration) as it found them.
    kept = Kept(flash, slot_records)
    counts = Counts()
    calibration = Calibration()
    kept.load(counts, calibration)
    return kept, counts, calibration


def save(flash, kept, counts, calibration):
    flash.label = (counts.trips, calibration.seq)
    return kept.save(counts, calibration)


def change(flash, board, calibrates):
    # One save of something new. It may be cut.
    kept, counts, calibration = board
    counts.trips += 1
    if calibrates:
        calibrate(calibration, calibration.seq + 1)
    return save(flash, kept, counts, calibration)


def found(board):
    return (board[1].trips, board[2].seq)


def history(saves, calibrates_at=2):
    # A flash with that many saves behind it, one of them a calibration.
    flash = Flash()
    board = start(flash)
    for number in range(saves):
        assert change(flash, board, number == calibrates_at)
    return flash


def flip_every_bit(flash, acknowledged, allowed):
    for slot in (0, 1):
        for at in range(len(flash.slots[slot])):
            for bit in range(8):
                flash.slots[slot][at] ^= 1 << bit
                board = start(flash)
                assert found(board) in allowed, (slot, at, bit)
                assert board[2].seq == acknowledged, (slot, at, bit)
                assert board[0].bad == 1
                flash.slots[slot][at] ^= 1 << bit
