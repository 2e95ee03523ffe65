# A calibration through the registers, and what other tools may read and write. Runs in MicroPython too.
import registers as r
from answers import BAD_VALUE, OK, REFUSED
from desk_board import Board
from kept import Kept
from version import MAJOR, MINOR

# --- calibration

TUNED = (1, 0xFFF6, 10100, 9900, 5)


def restarted(board):
    again = Board()
    again.kept = Kept(board.flash)
    again.kept.load(again.core.counts, again.core.calibration)
    return again.core.calibration


def test_a_calibration_is_confirmed_when_flash_has_it():
    board = Board()
    board.bench.ready()
    assert board.write(r.CALIBRATION, *TUNED) == OK
    assert board.read(r.CALIBRATION, 5) == list(TUNED)
    assert restarted(board).cp_offset_mv == -10
    assert board.long(r.KEPT_WRITES) == board.kept.writes == 4


def test_what_flash_does_not_take_does_not_hold():
    board = Board()
    board.bench.ready()
    board.flash.refuses = True
    assert board.write(r.CALIBRATION, *TUNED) == REFUSED
    assert board.word(r.REFUSED_BITS) == r.REFUSED_NOT_KEPT
    assert board.read(r.CALIBRATION, 5) == [0, 0, 10000, 10000, 0]
    board.flash.refuses = False
    assert board.write(r.CALIBRATION, *TUNED) == OK
    assert restarted(board).seq == 1


def test_a_lost_memory_is_told_at_every_start_until_somebody_calibrates():
    board = Board()
    board.flash.slots = [b"torn", b""]
    for _ in range(3):
        kept = board.kept = board.desk.kept = Kept(board.flash)
        kept.load(board.core.counts, board.core.calibration)
        assert kept.lost
        board.core.faults.memory(kept.lost)
        for _ in range(200):
            assert kept.save(board.core.counts, board.core.calibration)
    board.bench.ready()
    board.flash.refuses = True
    assert board.write(r.CALIBRATION, *TUNED) == REFUSED
    assert (kept.lost, board.core.faults.bits) == (True, r.FAULT_MEMORY)
    board.flash.refuses = False
    assert board.write(r.CALIBRATION, *TUNED) == OK
    assert (kept.lost, board.core.faults.bits) == (False, 0)
    again = Kept(board.flash)
    again.load(board.core.counts, board.core.calibration)
    assert not again.lost
    assert board.core.calibration.cp_offset_mv == -10


def car(board):
    board.bench.load = "B"
    board.bench.run(100)


def closed(board):
    board.bench.mirror_shows = True
    board.bench.run(20)


def relay(board):
    board.bench.obeys = False
    board.bench.relay = True
    board.bench.run(20)


def test_a_calibration_needs_an_idle_outlet():
    for make, words, answer, bits in (
        (car, TUNED, REFUSED, r.REFUSED_CAR),
        (closed, TUNED, REFUSED, r.REFUSED_CONTACTOR_CLOSED),
        (relay, TUNED, REFUSED, r.REFUSED_REQUEST),
        (None, (2, 0xFFF6, 10100, 9900, 5), REFUSED, r.REFUSED_SEQUENCE),
        (car, (0, 0xFFF6, 10100, 9900, 5), REFUSED, r.REFUSED_SEQUENCE | r.REFUSED_CAR),
        (None, (1, 0xFFF6, 8999, 9900, 5), BAD_VALUE, 0),
    ):
        board = Board()
        board.bench.ready()
        if make:
            make(board)
        writes = board.kept.writes
        assert board.write(r.CALIBRATION, *words) == answer, (words, bits)
        assert board.word(r.REFUSED_BITS) == bits, bits
        assert board.read(r.CALIBRATION, 5) == [0, 0, 10000, 10000, 0]
        assert board.kept.writes == writes


# --- other tools

def test_other_tools_see_what_they_know():
    board = Board()
    bench = board.bench
    number = 100 * MAJOR + MINOR
    assert board.read(r.WB_BASE, 8) == [0, 0, 5, 0, 0, number, 1, 0]  # nothing was sampled yet
    bench.ready()
    assert board.read(r.WB_BASE, 8) == [0, 0, 1, 0, 0, number, 1, 0]
    bench.inputs.pp_ohm = 220
    bench.load = "B"
    bench.run(200)
    assert board.read(r.WB_BASE, 8) == [0, 0, 2, 32, 0, number, 1, 0]
    bench.offer(160)
    bench.run(200)
    assert board.read(r.WB_BASE, 8) == [16, 16, 2, 32, 0, number, 2, 0]
    bench.load = "C"
    bench.run(600)
    bench.grant(160)
    bench.run(100)
    assert board.read(r.WB_BASE, 8) == [16, 16, 3, 32, 0, number, 2, 1]
    bench.load = "D"
    bench.run(200)
    assert board.read(r.WB_BASE, 8)[2] == 4
    assert board.read(r.WB_BASE, 8)[7] == 4
    bench.inputs.stop_pressed = True
    bench.step()
    assert board.word(r.WB_VEHICLE) == 5
    bench.run(500)
    assert board.word(r.WB_STATE) == 3
    board.core.faults.bits |= r.FAULT_DIODE
    assert board.word(r.WB_ERRORS) & 2


def test_other_tools_may_only_lower():
    for value, answer, told in (
        (16, OK, 160), (10, OK, 100), (6, OK, 60), (0, OK, 0),
        (17, BAD_VALUE, 160), (32, BAD_VALUE, 160),
        (5, BAD_VALUE, 160), (1, BAD_VALUE, 160), (6553, BAD_VALUE, 160), (0xFFFF, BAD_VALUE, 160),
    ):
        board = Board()
        board.bench.charge(160)
        assert board.write(r.WB_SET_A, value) == answer, value
        assert board.bench.told_da == told, value
        board.bench.run(8)
        assert board.bench.told_da == told, value


def test_other_tools_may_turn_off_and_nothing_else():
    for value, answer, permit in (
        (0, OK, True), (1, OK, False), (2, BAD_VALUE, True), (3, BAD_VALUE, True), (4, BAD_VALUE, True),
        (0x8001, BAD_VALUE, True),
    ):
        board = Board()
        board.bench.charge()
        assert board.write(r.WB_COMMAND, value) == answer, value
        assert board.bench.permit is permit, value
        assert (board.bench.duty == 10000) is (not permit), value


def test_other_tools_are_no_heartbeat():
    board = Board()
    bench = board.bench
    bench.core.settings.failsafe_da = 60
    bench.charge(160)
    for _ in range(6):
        bench.run(1000)
        board.write(r.WB_SET_A, 16)
        board.write(r.WB_COMMAND, 0)
        board.read(r.WB_BASE, 8)
    assert board.word(r.FAULT_BITS) == r.FAULT_HEARTBEAT
    assert bench.told_da == 60
    board.write(r.WB_SET_A, 6)
    assert board.word(r.FAULT_BITS) == r.FAULT_HEARTBEAT


def test_other_tools_acknowledge_nothing():
    board = Board()
    bench = board.bench
    bench.charge()
    bench.leak = True
    bench.run(20)
    bench.leak = False
    bench.run(1000)
    assert board.word(r.FAULT_BITS) & r.FAULT_RCD
    for value in range(16):  # bit 2 is EVSE-WB's "clear RCD error"
        board.write(r.WB_COMMAND, value)
    assert board.word(r.FAULT_BITS) & r.FAULT_RCD
    assert not bench.permit
