# What noise on the line can and cannot do. Runs in MicroPython too.
import gc

import registers as r
from crc import crc16
from slave_line import MICROPYTHON, UNIT, Line, frame, read, split, write, write_one

ROUNDS = 3000 if MICROPYTHON else 100000


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
