# What the board keeps, when the power is cut and bits flip. Runs in MicroPython too.
from counts import Counts
from kept import RECORD_BYTES, Kept
from kept_flash import SMALL, Flash, PowerCut, change, flip_every_bit, found, history, save, start
from settings import Calibration

TEARS = 4


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
