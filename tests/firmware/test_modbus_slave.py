# The slave's frames, byte for byte, with a frame builder of its own; then noise, and more noise.
import registers as r
from crc import crc16
from slave_line import MICROPYTHON, UNIT, Line, crc, frame, read, write, write_one, write_raw


def exception(function, code):
    return frame(UNIT, function | 0x80, code)


def words(reply):
    assert crc(reply[:-2]) == reply[-2:]
    assert reply[2] == len(reply) - 5
    return [reply[i] << 8 | reply[i + 1] for i in range(3, len(reply) - 2, 2)]


# --- requests and their answers

def test_the_checksum_is_the_published_one():
    assert crc16(b"123456789", 0, 9) == 0x4B37  # check value of CRC-16/MODBUS
    assert crc16(b"0123456789x", 1, 10) == 0x4B37
    data = bytes((i * 73 + 5) & 0xFF for i in range(250))
    assert crc16(data, 0, 250) == crc(data)[0] | crc(data)[1] << 8


def test_the_status_is_one_read():
    line = Line()
    line.bench.charge()
    for function in (3, 4):
        got = words(line.ask(read(r.BASE, r.BLOCK_COUNT, function=function)))
        assert len(got) == r.BLOCK_COUNT
        assert got[r.PLUG_SEQ - r.BASE] == 1
        assert got[r.OFFER_DA - r.BASE] == 160
        assert got[r.DUTY_PERMYRIAD - r.BASE] == 2666
        assert got[r.CP_LOW_MV - r.BASE] == 0x10000 - 12000
        assert got[r.MAP_VERSION - r.BASE] == r.MAP_VERSION_NOW


def test_each_block_is_one_read():
    line = Line()
    for first, count in (
        (r.WB_BASE, r.WB_COUNT), (r.BASE, r.FAST_COUNT), (r.COMMAND, r.COMMAND_COUNT), (r.CLOCK_UTC, 2),
        (r.SETTINGS, r.SETTINGS_COUNT), (r.CALIBRATION, r.CALIBRATION_COUNT),
        (r.COUNTERS, r.COUNTERS_COUNT),
    ):
        whole = words(line.ask(read(first, count)))
        assert len(whole) == count, first
        for i in range(count):  # and each register by itself
            assert words(line.ask(read(first + i, 1))) == [whole[i]], first + i


def test_a_write_is_confirmed_after_it_was_obeyed():
    line = Line()
    line.bench.plug(100)
    request = write(r.COMMAND, r.COMMAND_OFFER, 0, 80, 0)
    assert line.ask(request) == frame(UNIT, *request[1:6])
    assert line.bench.told_da == 80
    assert words(line.ask(read(r.COMMAND, 4))) == [r.COMMAND_OFFER, 0, 80, 0]
    request = write(r.SETTINGS, 1, 160, 30, 4000, 1, 0, 300)
    assert line.ask(request) == frame(UNIT, *request[1:6])
    assert line.bench.core.settings.failsafe_da == 160
    for request in (write_one(r.WB_SET_A, 6), write_one(r.WB_COMMAND, 0)):
        assert line.ask(request) == request
    assert line.bench.told_da == 60
    request = write(r.WB_SET_A, 0)
    assert line.ask(request) == frame(UNIT, *request[1:6])
    assert line.bench.duty == 10000


def test_a_refused_command_says_why():
    line = Line()
    line.bench.plug()
    assert line.ask(write(r.COMMAND, r.COMMAND_GRANT, 1, 160, 5000)) == exception(16, 4)
    assert words(line.ask(read(r.REFUSED_BITS, 1))) == [r.REFUSED_NOT_C]


def test_what_is_not_allowed_is_refused():
    line = Line()
    for request, code in (
        (read(999, 1), 2), (read(1000, 9), 2), (read(1008, 1), 2), (read(1100, 39), 2),
        (read(1138, 1), 2),
        (read(1140, 5), 2), (read(1144, 1), 2), (read(1149, 2), 2), (read(1198, 1), 2), (read(0, 1), 2),
        (read(65535, 1), 2), (read(65535, 125), 2),
        (read(1100, 0), 3), (read(1100, 126), 3), (read(1100, 65535), 3),
        (write_one(1100, 1), 2), (write_one(1140, 3), 2), (write_one(1143, 3), 2),
        (write_one(1161, 60), 2),
        (write_one(1170, 1), 2), (write_one(1001, 1), 2),
        (write(1140, 3, 1, 160), 2), (write(1141, 1, 160, 5000), 2), (write(1000, 0, 0), 2),
        (write(1139, 5, 0, 0, 0, 0), 2), (write(1140, 5, 0, 0, 0, 0), 2), (write(1150, 1), 2),
        (write(1160, 1, 60), 2), (write(1003, 0, 1), 2),
        (write(1160, 1, 59, 60, 5000, 0, 300, 250), 3), (write(1160, 1, 60, 601, 5000, 0, 300, 250), 3),
        (write(1160, 2, 60, 60, 5000, 0, 300, 250), 4), (write(1140, 99, 0, 0, 0), 3),
        (write_one(1004, 4), 3), (write_one(1000, 16), 3),
        (write_raw(1160, 2, 2, 0, 60), 3),  # says two, brings one
        (write_raw(1140, 0, 0), 3), (write_raw(1140, 4, 0), 3),
    ):
        assert line.ask(request) == exception(request[1], code), (bytes(request), code)
    assert line.desk.bad_frames == 3
    assert line.bench.core.settings.seq == 0


def test_the_longest_read_and_write_have_room():
    line = Line()
    assert line.ask(read(1100, 125)) == exception(3, 2)
    assert line.ask(write(1140, *([5] * 123))) == exception(16, 2)
    # an answer of somebody with 125 registers, right before a request for us
    longest = frame(12, 3, 250, *([7] * 250))
    assert words(line.ask(longest + read(r.MAP_VERSION, 1))) == [r.MAP_VERSION_NOW]


def test_the_identity_can_be_asked_for():
    line = Line()
    reply = line.ask(frame(UNIT, 43, 14, 1, 0))
    assert crc(reply[:-2]) == reply[-2:]
    assert reply[:8] == bytes((UNIT, 43, 14, 1, 0x82, 0, 0, 3))
    assert b"Forecourt" in reply
    assert line.ask(frame(UNIT, 43, 14, 4, 99)) == exception(43, 2)
    assert line.ask(frame(UNIT, 43, 14, 9, 0)) == exception(43, 3)
    assert line.ask(frame(UNIT, 43, 13, 1, 0)) == exception(43, 1)


def test_an_unknown_function_is_refused_once_the_line_is_silent():
    line = Line()
    assert line.ask(frame(UNIT, 8, 0, 0, 1, 2)) is None
    assert line.silence() == exception(8, 1)
    assert line.ask(frame(12, 8, 0, 0, 1, 2)) is None
    assert line.silence() is None
    assert (line.desk.bad_frames, line.heard) == (0, 0)


def test_only_what_our_controller_asks_counts_as_heard():
    line = Line()
    line.bench.plug()
    for request, heard in (
        (read(1000, 8), 0), (read(1007, 1, function=4), 0), (write_one(1000, 16), 0),
        (write(1000, 16), 0),
        (write_one(1004, 0), 0), (read(999, 1), 0), (read(2000, 3), 0), (write(2005, 1), 0),
        (read(1198, 1), 0), (frame(UNIT, 43, 14, 1, 0), 0), (write_raw(1140, 4, 0), 0),
        (read(1100, 12, unit=12), 0), (read(1100, 12, unit=0), 0),
        (read(1100, 12), 1), (read(1197, 1), 1), (write(1140, 1, 0, 160, 0), 1), (write(1150, 1, 1), 1),
    ):
        before = line.heard
        line.ask(request)
        assert line.heard - before == heard, bytes(request)


# --- the line

def test_what_is_for_others_or_for_all_is_ignored():
    line = Line()
    line.bench.charge()
    for request in (
        read(1100, 12, unit=12), write(1140, 5, 0, 0, 0, unit=12), write(1140, 5, 0, 0, 0, unit=0),
        write_one(1004, 1, unit=0), frame(0, 43, 14, 1, 0),
    ):
        assert line.ask(request) is None
        assert line.silence() is None
        assert line.bench.permit
    assert (line.desk.bad_frames, line.heard) == (0, 0)


def test_requests_after_the_talk_of_others_are_found():
    talk = (
        read(0, 2, unit=12), frame(12, 3, 4, 1, 2, 3, 4), write(40, 9, unit=13),
        frame(13, 16, 0, 40, 0, 1),
        frame(14, 0x83, 2), frame(15, 43, 14, 2, 0),
        frame(15, 43, 14, 2, 0x82, 0, 0, 2, 0, 3, 65, 66, 67, 1, 0), write_one(7, 1, unit=16),
    )
    line = Line()
    for count in range(len(talk) + 1):
        reply = line.ask(b"".join(talk[:count]) + read(r.MAP_VERSION, 1))
        assert words(reply) == [r.MAP_VERSION_NOW], count
    assert line.desk.bad_frames == 0


def test_what_others_have_talked_after_is_not_answered():
    line = Line()
    line.bench.charge()
    assert line.ask(write(1140, r.COMMAND_REVOKE, 0, 0, 0) + read(0, 1, unit=12)) is None
    assert not line.bench.permit


def test_a_request_inside_of_noise_is_not_obeyed():
    line = Line()
    line.bench.charge()
    revoke = write(1140, r.COMMAND_REVOKE, 0, 0, 0)
    assert line.ask(b"\x55" + revoke) is None
    assert line.silence() is None
    assert line.bench.permit
    # nor one that is the data of an answer of somebody else
    body = list(revoke) + [0] * (len(revoke) & 1)
    assert line.ask(frame(12, 3, len(body), *body)) is None
    assert line.bench.permit
    assert line.desk.bad_frames == 1


def test_a_frame_may_come_in_pieces():
    line = Line()
    withdraw = write(r.COMMAND, r.COMMAND_WITHDRAW, 0, 0, 0)
    for request in (withdraw, read(1100, 12), frame(UNIT, 43, 14, 1, 0)):
        for i in range(len(request) - 1):
            assert line.ask(request[i : i + 1]) is None
        reply = line.ask(request[-1:])
        assert reply[:2] == request[:2]


def test_a_broken_frame_is_counted_and_forgotten_with_the_next_silence():
    line = Line()
    line.bench.charge()
    broken = bytearray(write(r.COMMAND, r.COMMAND_REVOKE, 0, 0, 0))
    broken[7] ^= 1
    assert line.ask(bytes(broken)) is None
    assert line.silence() is None
    assert line.bench.permit
    assert line.desk.bad_frames == 1
    assert words(line.ask(read(r.BAD_FRAMES, 1))) == [1]


def test_more_than_fits_is_dropped_and_counted():
    line = Line()
    for _ in range(5):
        assert line.ask(bytes(200)) is None
    assert line.ask(bytes(600)) is None
    line.silence()
    assert line.desk.bad_frames >= 2
    assert words(line.ask(read(r.MAP_VERSION, 1))) == [r.MAP_VERSION_NOW]


def test_no_single_or_double_bit_error_is_obeyed():
    line = Line()
    line.bench.ask()
    grant = write(r.COMMAND, r.COMMAND_GRANT, 1, 160, 5000)
    bits = 8 * len(grant)
    count = 0
    for first in range(bits):
        for second in range(first, bits, 1 if not MICROPYTHON else 5):
            broken = bytearray(grant)
            broken[first >> 3] ^= 1 << (first & 7)
            if second != first:
                broken[second >> 3] ^= 1 << (second & 7)
            assert line.ask(broken) is None
            assert line.silence() is None
            count += 1
            assert not line.bench.permit
    assert line.desk.bad_frames == count
    assert line.ask(grant) == frame(UNIT, *grant[1:6])  # and the whole one would have been obeyed
    assert line.bench.permit
