# The slave's frames, byte for byte, with a frame builder of its own; then noise, and more noise.
import gc
import sys

import registers as r
from bench import Bench
from crc import crc16
from desk import Desk
from kept import Kept
from modbus_slave import Slave

UNIT = 11
MICROPYTHON = sys.implementation.name == "micropython"
ROUNDS = 3000 if MICROPYTHON else 100000


def crc(data):
    # CRC-16/MODBUS bit by bit, from the serial line specification V1.02, 6.2.2.
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ 0xA001 if register & 1 else register >> 1
    return bytes((register & 0xFF, register >> 8))


def frame(unit, *pdu):
    body = bytes([unit]) + bytes(pdu)
    return body + crc(body)


def split(*values):
    halves = []
    for value in values:
        halves.append(value >> 8)
        halves.append(value & 0xFF)
    return halves


def read(address, count, unit=UNIT, function=3):
    return frame(unit, function, *split(address, count))


def write_one(address, value, unit=UNIT):
    return frame(unit, 6, *split(address, value))


def write(address, *values, unit=UNIT):
    return write_raw(address, len(values), 2 * len(values), *split(*values), unit=unit)


def write_raw(address, count, size, *halves, unit=UNIT):
    # Function 16 with whatever it says of itself.
    body = split(address, count)
    body.append(size)
    body.extend(halves)
    return frame(unit, 16, *body)


def exception(function, code):
    return frame(UNIT, function | 0x80, code)


def words(reply):
    assert crc(reply[:-2]) == reply[-2:]
    assert reply[2] == len(reply) - 5
    return [reply[i] << 8 | reply[i + 1] for i in range(3, len(reply) - 2, 2)]


class Flash:
    def __init__(self):
        self.slots = [b"", b""]

    def read(self, slot):
        return self.slots[slot]

    def append(self, slot, data):
        self.slots[slot] += bytes(data)

    def erase(self, slot):
        self.slots[slot] = b""


class Line:
    # A bench with its desk and slave; `heard`: how often the controller was.

    def __init__(self):
        self.bench = Bench()
        self.desk = Desk(self.bench.core, Kept(Flash()), 1)
        self.slave = Slave(UNIT, self.desk, self._hear)
        self.heard = 0

    def _hear(self):
        self.heard += 1
        self.bench.core.heard()

    def ask(self, request):
        reply = self.slave.feed(request, len(request))
        return None if reply is None else bytes(reply)

    def silence(self):
        reply = self.slave.silence()
        return None if reply is None else bytes(reply)


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


# --- noise

class Dice:
    # The same throws everywhere (a linear congruence modulo 2**30).

    def __init__(self, seed):
        self.state = seed

    def throw(self, sides):
        self.state = (self.state * 1103515245 + 12345) & 0x3FFFFFFF
        return (self.state >> 12) % sides

    def noise(self, size):
        return bytes([self.throw(256) for _ in range(size)])


FUNCTIONS = (3, 4, 6, 16, 43, 8, 0x83)
ADDRESSES = (1000, 1004, 1100, 1112, 1118, 1140, 1150, 1160, 1170, 1180)


def valid_frames():
    return (
        read(1100, 12), read(1112, 26), read(1180, 18, function=4), read(1000, 8), write_one(1000, 10),
        write_one(1004, 0), write(1150, 1, 2), write(1160, 1, 60, 60, 5000, 0, 300, 250),
        write(1170, 1, 10, 10000, 10000, 0), frame(UNIT, 43, 14, 2, 0),
        write(1140, r.COMMAND_GRANT, 1, 160, 5000), write(1140, r.COMMAND_GRANT, 2, 320, 1000),
        write(1140, r.COMMAND_OFFER, 0, 160, 0), write(1140, r.COMMAND_RENEW, 1, 160, 5000),
    )


def mutated(dice, good):
    # A frame that is certainly not whole: some bits flipped, an end missing, or a byte more inside.
    way = dice.throw(4)
    if way == 0:
        return good[: 1 + dice.throw(len(good) - 1)]
    if way == 1:
        at = 1 + dice.throw(len(good) - 1)
        return good[:at] + bytes((good[at] ^ 1 + dice.throw(255),)) + good[at:]
    broken = bytearray(good)
    for _ in range(1 + dice.throw(3) * 2):  # an odd number: they cannot cancel out
        broken[dice.throw(len(good))] ^= 1 << dice.throw(8)
    return bytes(broken)


def sealed(dice):
    # Any request with a right checksum, but none that our controller could have meant as a command.
    function = FUNCTIONS[dice.throw(len(FUNCTIONS))]
    address = ADDRESSES[dice.throw(len(ADDRESSES))] + dice.throw(3) - 1
    if function == 16:
        count = dice.throw(9)
        if address == r.COMMAND and count == r.COMMAND_COUNT:
            address += 1
        values = [dice.throw(1200) if dice.throw(2) else dice.throw(3) for _ in range(count)]
        return write(address, *values)
    if function < 16:
        return frame(UNIT, function, *split(address, dice.throw(130)))
    body = dice.noise(dice.throw(12))
    return frame(UNIT, function, *body)


def test_noise_never_raises_permit_and_breaks_nothing():
    dice = Dice(61851)
    line = Line()
    line.bench.ask()
    good = valid_frames()
    ready = bad = replies = 0
    for number in range(ROUNDS):
        kind = dice.throw(4)
        if kind == 0:
            request = dice.noise(1 + dice.throw(24))
        elif kind == 1:
            request = bytes((UNIT, FUNCTIONS[dice.throw(7)])) + dice.noise(dice.throw(16))
        elif kind == 2:
            request = mutated(dice, good[dice.throw(len(good))])
        else:
            request = sealed(dice)
        before = line.desk.bad_frames
        reply = line.slave.feed(request, len(request))
        if reply is not None:
            replies += 1
            assert crc16(reply, 0, len(reply)) == 0  # a checksum over itself
            assert kind == 3, request
        line.slave.silence()
        if kind == 2:
            assert line.desk.bad_frames == before + 1, request
            bad += 1
        assert not line.bench.permit, request
        if number % 16 == 0:
            line.bench.step()
            if line.bench.told_da and not line.bench.core.standing():
                ready += 1
            else:  # a tool turned it off, or the like: somebody offers again
                line.bench.core.heard()
                line.bench.offer(160)
    assert bad > ROUNDS // 5
    assert replies > ROUNDS // 8
    assert ready > ROUNDS // 64  # a whole grant would have been accepted most of the time
    line.bench.offer(160)
    line.bench.run(6100)
    sequence = line.bench.core.interlock.grant_seq + 1
    line.ask(write(1140, r.COMMAND_GRANT, sequence, 60, 100))
    assert line.bench.permit


def test_noise_takes_no_permit_away_either():
    # but for the two ways of a foreign tool, whose frames are whole
    dice = Dice(7)
    line = Line()
    line.bench.charge()
    good = valid_frames()
    for number in range(ROUNDS // 10):
        if dice.throw(2):
            line.ask(mutated(dice, good[dice.throw(len(good))]))
        else:
            line.ask(dice.noise(dice.throw(40)))
        line.silence()
        if number % 16 == 0:
            line.bench.renew()
            line.bench.step()
        assert line.bench.permit


def test_reading_allocates_nothing():
    if not MICROPYTHON:
        return  # there is no heap to look at
    line = Line()
    requests = (read(1100, 12), read(1100, 38), read(1180, 18), read(1000, 8), read(1160, 7),
                read(999, 1), frame(UNIT, 43, 14, 2, 0), read(1100, 12, unit=12))
    feed = line.slave.feed
    silence = line.slave.silence
    for request in requests:
        feed(request, len(request))
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for _ in range(50):
        for request in requests:
            feed(request, len(request))
            silence()
    used = gc.mem_alloc() - before
    gc.enable()
    assert used == 0, used
