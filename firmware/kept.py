# Counters and calibration through power loss: records of one size in two slots of flash. Pure.
# A slot is only ever appended to, or erased as a whole, and the slot that holds the newest record is never
# the one that is erased. So a cut at any byte leaves the newest complete record; its number and checksum
# tell it from what is torn. A new calibration is written twice before it counts as kept: damage to any one
# record then never brings an older one back.
# The flash port: read(slot) -> bytes since the last erase, append(slot, data), erase(slot); slots 0 and 1.
# All raise OSError when it cannot be done; append and erase return when it is done.
from array import array

from crc import crc16

_FORMAT = 0x4B01  # first word; another layout gets another one
_FORMAT_LOST = 0x4B81  # the same layout, written after everything was lost and before it was calibrated again
_FORMATS = (_FORMAT, _FORMAT_LOST)
_SEQUENCE = 1
_COUNTS = 3
_CALIBRATION = 19
_CALIBRATION_WORDS = 5
_CRC = 24
RECORD_BYTES = 2 * (_CRC + 1)
SLOT_RECORDS = 80  # 4000 bytes: one sector of an RP2040's flash (4096, W25Q data sheet, from memory)


class Kept:
    def __init__(self, flash, slot_records=SLOT_RECORDS):
        self.writes = 0  # number of the newest record: records written, ever
        self.bad = 0  # records found torn or damaged by `load`
        # Something was in flash and nothing of it could be read, at this start or an earlier one. Each
        # record says so again, until the desk saves a calibration that somebody has made since.
        self.lost = False
        self.failed = False  # the last `save` failed
        self._flash = flash
        self._slot_records = slot_records
        self._slot = 1  # that of the newest record
        self._left = 0  # records that it still takes; 0: the other one is next
        self._calibration_seq = -1  # of the newest record
        self._record = bytearray(RECORD_BYTES)
        self._words = array("H", bytes(2 * _CALIBRATION_WORDS))

    def load(self, counts, calibration):
        # Fill both from the newest complete record; False: there is none, both stay as they are.
        best = None
        found = -1
        something = False
        for slot in (0, 1):
            try:
                data = self._flash.read(slot)
            except OSError:
                self.bad += 1
                something = True
                continue
            something = something or len(data) > 0
            at = self._newest(data)
            if at >= 0 and _u32(data, at + 2 * _SEQUENCE) > found:
                found = _u32(data, at + 2 * _SEQUENCE)
                best = data[at : at + RECORD_BYTES]
                self._slot = slot
                # a torn end leaves no place for a whole record behind it
                torn = len(data) % RECORD_BYTES
                self._left = 0 if torn else max(0, self._slot_records - len(data) // RECORD_BYTES)
        if best is None:
            self.lost = something
            return False
        # A torn record may read well one day and badly the next: its number is not used again.
        self.writes = found + self.bad
        self._take(best, counts, calibration)
        return True

    def save(self, counts, calibration):
        # True: kept from now on, whatever happens to the power. False: see `failed`; what was kept before
        # still is. Takes up to some 100 ms where flash must be erased first: only while PERMIT is off.
        again = calibration.seq != self._calibration_seq
        try:
            kept = self._write(counts, calibration, again) and (
                not again or self._write(counts, calibration, True)
            )
        except OSError:
            kept = False
        if kept:
            self._calibration_seq = calibration.seq
        else:
            self._left = 0  # who knows what stands at its end
            self._calibration_seq = -1  # or which one is the newest
        self.failed = not kept
        return kept

    def _write(self, counts, calibration, verify):
        self.writes += 1
        self._fill(counts, calibration)
        slot = self._slot
        left = self._left
        if left == 0:
            slot = 1 - slot
            self._flash.erase(slot)
            left = self._slot_records
        self._flash.append(slot, self._record)
        if verify and not self._reads_back(slot, self._slot_records - left):
            return False
        self._slot = slot
        self._left = left - 1
        return True

    def _reads_back(self, slot, records):
        # Whether the record just written stands behind that many others.
        data = self._flash.read(slot)
        start = records * RECORD_BYTES
        if len(data) != start + RECORD_BYTES:
            return False
        for i in range(RECORD_BYTES):
            if data[start + i] != self._record[i]:
                return False
        return True

    def _newest(self, data):
        # Where the newest complete record of a slot begins, -1: none. Counts the others.
        newest = -1
        found = -1
        for at in range(0, len(data), RECORD_BYTES):
            if not self._complete(data, at):
                self.bad = min(self.bad + 1, 0xFFFF)
            elif _u32(data, at + 2 * _SEQUENCE) > found:
                found = _u32(data, at + 2 * _SEQUENCE)
                newest = at
        return newest

    def _complete(self, data, at):
        end = at + RECORD_BYTES
        return (
            end <= len(data)
            and _u16(data, at) in _FORMATS
            and crc16(data, at, end - 2) == _u16(data, end - 2)
        )

    def _fill(self, counts, calibration):
        record = self._record
        _put16(record, 0, _FORMAT_LOST if self.lost else _FORMAT)
        _put32(record, _SEQUENCE, self.writes)
        _put32(record, _COUNTS, counts.resets)
        _put32(record, _COUNTS + 2, counts.trips)
        _put32(record, _COUNTS + 4, counts.cycles)
        _put32(record, _COUNTS + 6, counts.load_breaks)
        _put16(record, _COUNTS + 8, counts.welds)
        _put16(record, _COUNTS + 9, counts.shunt_trips)
        _put16(record, _COUNTS + 10, counts.last_trip_boot)
        _put32(record, _COUNTS + 11, counts.last_trip_uptime_s)
        _put32(record, _COUNTS + 13, counts.last_trip_utc)
        _put16(record, _COUNTS + 15, counts.boot_count)
        calibration.show(self._words, 0)
        for i in range(_CALIBRATION_WORDS):
            _put16(record, _CALIBRATION + i, self._words[i])
        _put16(record, _CRC, crc16(record, 0, 2 * _CRC))

    def _take(self, record, counts, calibration):
        at = 2 * _COUNTS
        counts.resets = _u32(record, at)
        counts.trips = _u32(record, at + 4)
        counts.cycles = _u32(record, at + 8)
        counts.load_breaks = _u32(record, at + 12)
        counts.welds = _u16(record, at + 16)
        counts.shunt_trips = _u16(record, at + 18)
        counts.last_trip_boot = _u16(record, at + 20)
        counts.last_trip_uptime_s = _u32(record, at + 22)
        counts.last_trip_utc = _u32(record, at + 26)
        counts.boot_count = _u16(record, at + 30)
        for i in range(_CALIBRATION_WORDS):
            self._words[i] = _u16(record, 2 * (_CALIBRATION + i))
        if calibration.restore(self._words):
            self._calibration_seq = calibration.seq
        else:
            self.lost = True
        if _u16(record, 0) == _FORMAT_LOST:
            self.lost = True


def _u16(data, at):
    return data[at] << 8 | data[at + 1]


def _u32(data, at):
    return _u16(data, at) << 16 | _u16(data, at + 2)


def _put16(record, word, value):
    record[2 * word] = value >> 8 & 0xFF
    record[2 * word + 1] = value & 0xFF


def _put32(record, word, value):
    _put16(record, word, value >> 16 & 0xFFFF)
    _put16(record, word + 1, value & 0xFFFF)
