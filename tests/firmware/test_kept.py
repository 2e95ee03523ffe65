# Counters and calibration through power loss: a flash that is cut at every byte, and bits that flip.
from counts import Counts
from kept import RECORD_BYTES, SLOT_RECORDS, Kept
from settings import Calibration

SMALL = 3  # records in a slot: few bytes to be cut at
TEARS = 4


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


# --- what comes back

def test_everything_comes_back():
    flash = Flash()
    kept, counts, calibration = start(flash)
    assert not kept.lost and kept.bad == 0
    counts.resets = 0x3FFFFFFF
    counts.trips = 65536
    counts.cycles = 123456789
    counts.load_breaks = 0x10000
    counts.welds = 0xFFFF
    counts.shunt_trips = 3
    counts.last_trip_boot = 40000
    counts.last_trip_uptime_s = 0x12345678
    counts.last_trip_utc = 0xFEDCBA98
    counts.boot_count = 0xFFFF
    assert calibration.write((1, 0xFC18, 11000, 9000, 0xFF9C)) == 0
    assert save(flash, kept, counts, calibration)
    _, counts2, calibration2 = start(flash)
    for name in ("resets", "trips", "cycles", "load_breaks", "welds", "shunt_trips", "last_trip_boot",
                 "last_trip_uptime_s", "last_trip_utc", "boot_count"):
        assert getattr(counts2, name) == getattr(counts, name), name
    for name in ("seq", "cp_offset_mv", "cp_gain_permyriad", "pp_gain_permyriad",
                 "temperature_offset_dc"):
        assert getattr(calibration2, name) == getattr(calibration, name), name
    assert calibration2.cp_offset_mv == -1000
    assert calibration2.temperature_offset_dc == -100


def test_an_empty_flash_is_a_new_board():
    kept = Kept(Flash())
    counts = Counts()
    assert not kept.load(counts, Calibration())
    assert (kept.lost, kept.bad, kept.writes) == (False, 0, 0)


def test_the_newest_of_many_comes_back():
    flash = Flash()
    board = start(flash)
    for number in range(1, 40):
        assert change(flash, board, number % 5 == 0)
        again = start(flash)
        assert found(again) == found(board)
        assert again[0].bad == 0
        if number % 7 == 0:
            board = again


def test_writes_are_numbered_for_ever():
    flash = Flash()
    for number in range(1, 20):
        board = start(flash)
        assert board[0].writes == (number if number > 1 else 0)  # the first one is written twice
        assert change(flash, board, False)


# --- the power is cut

def check_after_cut(flash, acknowledged, context):
    board = start(flash)
    if flash.newest is None:
        assert found(board) == (0, 0), context
    else:
        assert found(board) == flash.newest, context
    assert board[2].seq >= acknowledged, context
    assert change(flash, board, False), context  # and the next save finds its place
    assert found(start(flash)) == found(board), context


def cut_everywhere(saves, calibrates):
    # Number of cuts: at each byte that one more save programs or erases.
    whole = history(saves)
    acknowledged = start(whole)[2].seq
    newest = whole.newest
    cuts = 0
    for tear in range(TEARS):
        budget = 0
        while True:
            flash = Flash(whole.slots)
            flash.newest = newest
            flash.tear = tear
            board = start(flash)
            flash.budget = budget
            try:
                change(flash, board, calibrates)
                break
            except PowerCut:
                pass
            flash.budget = -1
            check_after_cut(flash, acknowledged, (saves, calibrates, tear, budget))
            budget += 1
            cuts += 1
    return cuts


def test_a_cut_at_any_byte_leaves_the_newest_record():
    cuts = 0
    for saves in range(8):  # first record, middle and end of either slot, the erase before the first
        cuts += cut_everywhere(saves, False)
    assert cuts >= TEARS * (8 * RECORD_BYTES + 2 * SMALL * RECORD_BYTES)


def test_a_cut_while_a_calibration_is_kept_brings_the_old_or_the_new_one():
    cuts = 0
    for saves in range(8):
        cuts += cut_everywhere(saves, True)
    assert cuts >= TEARS * (16 * RECORD_BYTES + 4 * SMALL * RECORD_BYTES)


def test_cuts_upon_cuts_lose_nothing_that_was_acknowledged():
    flash = Flash()
    seed = 61851
    kept_trips = acknowledged = cuts = 0
    for _ in range(1500):
        seed = (seed * 1103515245 + 12345) & 0x3FFFFFFF
        flash.tear = (seed >> 20) & 3
        flash.budget = flash.spent + (seed >> 8) % 400
        board = start(flash)
        assert board[1].trips >= kept_trips
        assert board[2].seq >= acknowledged
        assert found(board) == (flash.newest or (0, 0))
        try:
            for turn in range(6):
                assert change(flash, board, (seed >> turn) & 3 == 0)
                kept_trips = board[1].trips
                acknowledged = board[2].seq
        except PowerCut:
            cuts += 1
    assert cuts > 500
    assert acknowledged > 100


# --- bits flip

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


def test_a_flipped_bit_costs_one_record_and_never_the_calibration():
    for saves in range(4, 8):
        flash = history(saves)
        flip_every_bit(flash, 1, ((saves, 1), (saves - 1, 1)))


def test_a_flipped_bit_right_after_a_calibration_costs_nothing():
    for saves in range(2 * SMALL):
        flash = history(saves + 1, calibrates_at=saves)
        flip_every_bit(flash, 1, ((saves + 1, 1),))


def test_a_record_that_reads_well_again_is_not_taken_for_a_newer_one():
    for saves in range(3, 8):
        flash = history(saves)
        before = [bytes(flash.slots[0]), bytes(flash.slots[1])]
        board = start(flash)
        assert change(flash, board, False)
        slot = 0 if bytes(flash.slots[0]) != before[0] else 1
        at = len(flash.slots[slot]) - 1
        flash.slots[slot][at] ^= 1
        erases = flash.erases[slot]
        board = start(flash)
        assert board[1].trips == saves
        board[1].cycles = 77
        assert change(flash, board, False)
        if flash.erases[slot] == erases:
            flash.slots[slot][at] ^= 1
        assert start(flash)[1].cycles == 77, saves


def test_damage_to_a_whole_record_is_noticed():
    flash = history(4)
    allowed = ((4, 1), (3, 1))
    seed = 8
    for _ in range(300):
        slots = [bytes(flash.slots[0]), bytes(flash.slots[1])]
        seed = (seed * 1103515245 + 12345) & 0x3FFFFFFF
        slot = (seed >> 12) & 1
        record = (seed >> 16) % (len(slots[slot]) // RECORD_BYTES) * RECORD_BYTES
        for i in range(record, record + RECORD_BYTES):
            seed = (seed * 1103515245 + 12345) & 0x3FFFFFFF
            flash.slots[slot][i] = seed >> 16 & 0xFF
        board = start(flash)
        assert found(board) in allowed
        assert board[0].bad == 1
        flash.slots = [bytearray(slots[0]), bytearray(slots[1])]


def test_nothing_readable_is_told_and_survived():
    for garbage in (b"\x00" * 200, b"\xff" * 4096, b"x", bytes(range(256))):
        flash = Flash((garbage, garbage))
        kept = Kept(flash)
        counts = Counts()
        calibration = Calibration()
        assert not kept.load(counts, calibration)
        assert kept.lost and kept.bad >= 2
        assert (counts.trips, calibration.seq, calibration.cp_gain_permyriad) == (0, 0, 10000)
        counts.trips = 5
        assert save(flash, kept, counts, calibration)
        again = start(flash)
        assert found(again) == (5, 0)
        assert again[0].lost, "until it is calibrated"


def test_a_slot_that_cannot_be_read_is_told_and_survived():
    flash = history(5)  # the newest of them is the only one in slot 0
    for refuses, expected in (("read 0", (4, 1)), ("read 1", (5, 1))):
        flash.refuses = refuses
        board = start(flash)
        assert board[0].bad == 1
        assert not board[0].lost
        assert found(board) == expected, refuses
    empty = Flash()
    empty.refuses = "read 0"
    assert start(empty)[0].lost


def test_a_calibration_that_makes_no_sense_is_not_used():
    flash = Flash()
    kept, counts, calibration = start(flash)
    counts.trips = 4
    calibration.cp_gain_permyriad = 20000
    assert save(flash, kept, counts, calibration)
    kept, counts, calibration = start(flash)
    assert kept.lost
    assert counts.trips == 4
    assert calibration.cp_gain_permyriad == 10000


# --- flash that does not obey

def test_what_flash_refuses_is_not_kept_and_harms_nothing():
    for refuses in ("append", "erase"):
        for saves in range(3, 8):
            flash = history(saves)
            board = start(flash)
            flash.refuses = refuses
            if change(flash, board, True):
                assert refuses == "erase"  # nothing had to be erased
                continue
            assert board[0].failed
            assert found(start(flash))[1] >= 1
            flash.refuses = ""
            assert change(flash, board, False)
            assert not board[0].failed
            assert found(start(flash)) == found(board)


def test_what_broke_off_is_not_written_behind():
    for saves in range(8):
        flash = history(saves)
        board = start(flash)
        flash.refuses = "halfway"
        assert not change(flash, board, False)
        flash.refuses = ""
        assert change(flash, board, False)
        assert found(start(flash)) == found(board)


def test_a_calibration_that_was_refused_does_not_come_back_by_damage():
    for saves in range(3, 7):
        flash = history(saves)
        kept, counts, calibration = start(flash)
        flash.deaf_after = 1  # its first copy is written
        calibrate(calibration, 2)
        counts.trips += 1
        assert not save(flash, kept, counts, calibration)
        flash.deaf_after = -1
        calibration.restore((1, 1, 10001, 9900, 0xFFF0))
        counts.trips += 1
        assert save(flash, kept, counts, calibration)
        flip_every_bit(flash, 1, (found((kept, counts, calibration)),))


def test_a_calibration_counts_as_kept_when_it_was_read_back():
    flash = history(4)
    board = start(flash)
    flash.deaf = True
    assert not change(flash, board, True)
    flash.deaf = False
    assert found(start(flash)) == (4, 1)


# --- wear

def test_a_thousand_saves_erase_each_slot_a_few_times():
    flash = Flash()
    board = start(flash, SLOT_RECORDS)
    for _ in range(1000):
        assert change(flash, board, False)
    assert sum(flash.erases) == 13  # 1001 records, 80 to an erase
    assert abs(flash.erases[0] - flash.erases[1]) <= 1
    assert len(flash.slots[0]) <= 4096 and len(flash.slots[1]) <= 4096
