# Counters and calibration through power loss: a flash that is cut at every byte, and bits that flip.
from counts import Counts
from kept import SLOT_RECORDS, Kept
from kept_flash import Flash, calibrate, change, flip_every_bit, found, history, save, start
from settings import Calibration

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
