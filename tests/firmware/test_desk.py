# What each register shows, and what a write may do; the core behind it is the real one.
import registers as r
from answers import BAD_VALUE, NO_SUCH_REGISTER, OK, REFUSED
from desk_board import BLOCKS, Board
from version import MAJOR, MINOR

# what may be written: first register and how many at once
WRITABLE = (
    (r.WB_SET_A, 1), (r.WB_COMMAND, 1), (r.COMMAND, 4), (r.CLOCK_UTC, 2), (r.SETTINGS, 7),
    (r.CALIBRATION, 5),
)


def live_on(board, seconds):
    # As many seconds of the board's time, quickly.
    for _ in range(seconds):
        board.core.counts.tick(1000)


# --- reads

def test_a_read_lies_inside_one_block():
    desk = Board().desk
    for address in range(980, 1260):
        for count in (1, 2, 5, 12, 13, 38, 39, 125):
            inside = False
            for first, size in BLOCKS:
                inside = inside or (first <= address and address + count <= first + size)
            assert desk.covers(address, count) is inside, (address, count)
    for address in (0, 2000, 4100, 65535):
        assert not desk.covers(address, 1)


def test_a_new_board_shows_itself():
    board = Board()
    board.bench.ready()
    assert board.word(r.BOOT_COUNT) == 1
    assert board.word(r.RESET_CAUSE) == 3
    assert board.word(r.MAP_VERSION) == r.MAP_VERSION_NOW
    assert board.word(r.FIRMWARE) == board.word(r.WB_FIRMWARE) == 100 * MAJOR + MINOR
    assert board.word(r.DUTY_PERMYRIAD) == 10000
    assert board.word(r.PERMIT_BITS) == r.PILOT_A << 8 | r.PERMIT_TEST_OK
    assert board.word(r.FAULT_BITS) == 0
    assert board.word(r.SELF_TEST_RESULT) == r.TEST_PASSED
    assert board.word(r.SELF_TEST_TRIP_MS) > 0
    assert board.read(r.COMMAND, 4) == [0, 0, 0, 0]
    assert board.read(r.SETTINGS, 7) == [0, 0, 60, 5000, 0, 300, 250]
    assert board.read(r.CALIBRATION, 5) == [0, 0, 10000, 10000, 0]


def test_a_charging_car_shows():
    board = Board()
    bench = board.bench.charge(160)
    bits = r.PERMIT_ON | r.PERMIT_PWM | r.PERMIT_DIODE_OK | r.PERMIT_MIRROR_CLOSED | r.PERMIT_REQUEST
    assert board.word(r.PERMIT_BITS) == r.PILOT_C << 8 | bits | r.PERMIT_TEST_OK
    assert board.word(r.PLUG_SEQ) == 1
    assert board.word(r.GRANT_SEQ) == bench.sequence
    assert board.word(r.OFFER_DA) == 160
    assert board.word(r.DUTY_PERMYRIAD) == 2666
    assert board.word(r.CP_LOW_MV) == board.word(r.CP_LOW_RAW_MV) == 0x10000 - 12000
    assert board.word(r.CP_HIGH_MV) == bench.inputs.high_mv
    assert board.word(r.CONTACTOR_CASE) == r.CASE_CLOSED
    assert board.word(r.PULL_IN_MS) == board.core.contactor.pull_in_ms > 0
    assert board.long(r.CYCLES) == 1
    bench.renew()
    assert board.word(r.HEARTBEAT_SEQ) == board.core.interlock.heartbeat_seq == 1
    bench.withdraw()
    assert board.word(r.PERMIT_BITS) & r.PERMIT_STOPPING
    assert not board.word(r.PERMIT_BITS) & r.PERMIT_PWM


def set_inputs(name, value):
    return lambda board: setattr(board.bench.inputs, name, value)


def set_core(part, name, value):
    return lambda board: setattr(getattr(board.core, part), name, value)


def set_desk(name, value):
    return lambda board: setattr(board.desk, name, value)


def test_each_figure_has_its_register():
    # register, its words, what makes it so
    for address, words, make in (
        (r.BOOT_COUNT, [0xFFFE], set_core("counts", "boot_count", 0xFFFE)),
        (r.PLUG_SEQ, [9], set_core("pilot", "plug_seq", 9)),
        (r.FAULT_BITS, [r.FAULT_MEMORY | 1], set_core("faults", "bits", r.FAULT_MEMORY | 1)),
        (r.FAULT_SEQ, [77], set_core("faults", "seq", 77)),
        (r.ACK_SEQ, [76], set_core("faults", "ack_seq", 76)),
        (r.CABLE_A, [32], lambda board: setattr(board.core, "cable_a", 32)),
        (r.CABLE_A, [0], lambda board: setattr(board.core, "cable_a", -1)),
        (r.CP_HIGH_MV, [0xFFFF], set_inputs("high_mv", -1)),
        (r.CP_LOW_MV, [0x8000], set_inputs("low_mv", -32768)),
        (r.CP_HIGH_RAW_MV, [5990], set_inputs("high_raw_mv", 5990)),
        (r.CP_LOW_RAW_MV, [0x10000 - 11900], set_inputs("low_raw_mv", -11900)),
        (r.TEMPERATURE_DC, [0x8000], set_inputs("temperature_dc", -32768)),
        (r.TEMPERATURE_DC, [615], set_inputs("temperature_dc", 615)),
        (r.PP_OHM, [220], set_inputs("pp_ohm", 220)),
        (r.PP_OHM, [0xFFFF], set_inputs("pp_ohm", 100000)),
        (r.SUPPLY_MV, [11900], set_inputs("supply_mv", 11900)),
        (r.REFUSED_BITS, [0x4001], lambda board: setattr(board.core, "refused_bits", 0x4001)),
        (r.BAD_FRAMES, [3], set_desk("bad_frames", 3)),
        (r.BAD_FRAMES, [0xFFFF], set_desk("bad_frames", 70000)),
        (r.LOOP_MAX_MS, [11], set_desk("loop_max_ms", 11)),
        (r.LOOP_MAX_MS, [0xFFFF], set_desk("loop_max_ms", 0x12345)),
        (r.HEAP_USED, [1, 0x2345], set_desk("heap_used", 0x12345)),
        (r.HEAP_FREE, [2, 0x0001], set_desk("heap_free", 0x20001)),
        (r.FLASH_FREE, [0x000F, 0xF000], set_desk("flash_free", 0xFF000)),
        (r.UPTIME_S, [1, 2], set_core("counts", "uptime_s", 0x10002)),
        (r.SELF_TEST_RESULT, [r.TEST_STUCK], set_core("residual", "result", r.TEST_STUCK)),
        (r.SELF_TEST_TRIP_MS, [61], set_core("residual", "trip_ms", 61)),
        (r.SELF_TEST_AGE_MIN, [65535], set_core("residual", "age_min", 65535)),
        (r.CONTACTOR_CASE, [5], set_core("contactor", "case", 5)),
        (r.DROP_OUT_MS, [24], set_core("contactor", "drop_out_ms", 24)),
        (r.PULL_IN_MS, [31], set_core("contactor", "pull_in_ms", 31)),
        (r.RESETS, [1, 1], set_core("counts", "resets", 0x10001)),
        (r.TRIPS, [2, 2], set_core("counts", "trips", 0x20002)),
        (r.CYCLES, [3, 3], set_core("counts", "cycles", 0x30003)),
        (r.LOAD_BREAKS, [4, 4], set_core("counts", "load_breaks", 0x40004)),
        (r.WELDS, [5], set_core("counts", "welds", 5)),
        (r.SHUNT_TRIPS, [6], set_core("counts", "shunt_trips", 6)),
        (r.LAST_TRIP_BOOT, [7], set_core("counts", "last_trip_boot", 7)),
        (r.LAST_TRIP_UPTIME_S, [8, 8], set_core("counts", "last_trip_uptime_s", 0x80008)),
        (r.LAST_TRIP_UTC, [0x6553, 0xF100], set_core("counts", "last_trip_utc", 0x6553F100)),
        (r.KEPT_WRITES, [1, 0x86A0], lambda board: setattr(board.kept, "writes", 100000)),
        (r.KEPT_BAD, [2], lambda board: setattr(board.kept, "bad", 2)),
    ):
        board = Board()
        before = board.everything()
        make(board)
        assert board.read(address, len(words)) == words, (address, words)
        changed = 0
        after = board.everything()
        for i in range(len(BLOCKS)):
            for j in range(BLOCKS[i][1]):
                shown = BLOCKS[i][0] + j
                if shown >= r.BASE and before[i][j] != after[i][j]:
                    changed += 1
                    assert address <= shown < address + len(words), (address, shown)
        assert changed or words in ([0], [65535]), address


def test_each_bit_of_permit_has_its_cause():
    for bit, make in (
        (r.PERMIT_ON, set_core("outputs", "permit", True)),
        (r.PERMIT_PWM, set_core("offer", "told_da", 60)),
        (r.PERMIT_DIODE_OK, set_core("pilot", "diode_ok", True)),
        (r.PERMIT_MIRROR_CLOSED, set_inputs("mirror_closed", True)),
        (r.PERMIT_COASTING, set_core("interlock", "coasting", True)),
        (r.PERMIT_REQUEST, set_inputs("request", True)),
        (r.PERMIT_WELD_SUSPECTED, set_core("contactor", "weld_suspected", True)),
        (r.PERMIT_TESTING, set_core("residual", "running", True)),
        (r.PERMIT_TEST_OK, set_core("residual", "ok", True)),
        (r.PERMIT_PI_FIRST, set_core("contactor", "pi_first", True)),
        (r.PERMIT_DARK, set_core("pilot", "dark", True)),
        (r.PERMIT_WAKING, set_core("offer", "_wake_ms", 1)),
        (r.PILOT_F << 8, set_core("pilot", "state", r.PILOT_F)),
    ):
        board = Board()
        board.core.pilot.state = 0
        board.core.pilot.dark = board.core.residual.running = False
        assert board.word(r.PERMIT_BITS) == 0
        make(board)
        assert board.word(r.PERMIT_BITS) == bit, bit


def test_a_picture_does_not_change_while_it_is_read():
    board = Board()
    board.desk.refresh(r.CP_HIGH_MV)
    before = board.desk.word(r.CP_HIGH_MV)
    board.bench.inputs.high_mv = before + 5
    assert board.desk.word(r.CP_HIGH_MV) == before
    assert board.word(r.CP_HIGH_MV) == before + 5


# --- writes

def test_a_write_has_all_of_a_block_or_does_nothing():
    board = Board()
    board.bench.charge()
    before = board.everything()
    asked = board.core.offer.asked_da
    for address in range(990, 1210):
        for count in range(1, 19):
            if (address, count) in WRITABLE:
                continue
            for value in (0, 1, 5):
                answer = board.write(address, *([value] * count))
                assert answer == NO_SUCH_REGISTER, (address, count, value)
    assert board.everything() == before
    assert (board.core.offer.asked_da, board.bench.permit) == (asked, True)


def test_a_command_goes_to_the_core_and_can_be_read():
    board = Board()
    board.bench.plug(100)
    assert board.write(r.COMMAND, r.COMMAND_OFFER, 0, 80, 0) == OK
    assert board.bench.told_da == 80
    assert board.read(r.COMMAND, 4) == [r.COMMAND_OFFER, 0, 80, 0]
    assert board.write(r.COMMAND, r.COMMAND_GRANT, 1, 80, 5000) == REFUSED
    assert board.word(r.REFUSED_BITS) == r.REFUSED_NOT_C
    assert board.read(r.COMMAND, 4) == [r.COMMAND_OFFER, 0, 80, 0]
    assert board.write(r.COMMAND, 99, 0, 0, 0) == BAD_VALUE


def test_settings_take_the_next_number():
    board = Board()
    assert board.write(r.SETTINGS, 1, 160, 30, 4000, 1, 0, 300) == OK
    assert board.read(r.SETTINGS, 7) == [1, 160, 30, 4000, 1, 0, 300]
    assert board.write(r.SETTINGS, 1, 60, 30, 4000, 1, 0, 300) == REFUSED
    assert board.word(r.REFUSED_BITS) == r.REFUSED_SEQUENCE
    assert board.write(r.SETTINGS, 2, 60, 30, 4000, 2, 0, 300) == BAD_VALUE
    assert board.read(r.SETTINGS, 7) == [1, 160, 30, 4000, 1, 0, 300]


def test_the_clock_runs_on_from_what_was_told():
    board = Board()
    assert board.long(r.CLOCK_UTC) == 0
    assert board.write(r.CLOCK_UTC, 0x6553, 0xFFFE) == OK
    assert board.long(r.CLOCK_UTC) == 0x6553FFFE
    live_on(board, 5)
    assert board.long(r.CLOCK_UTC) == 0x65540003
    board.core.counts.trip()
    assert board.long(r.LAST_TRIP_UTC) == 0x65540003
    assert board.word(r.LAST_TRIP_BOOT) == 1
