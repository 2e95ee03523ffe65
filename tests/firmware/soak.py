# Long runs of everything that is pure, with figures of the heap: `micropython -X heapsize=200k soak.py
# HOURS STEP_MS [START_MS]`. One JSON object for each line of what is told; test_soak.py judges them.
# Core, slave, desk and memory are put together as main.py does; requests come as frames.
import gc
import json
import sys
import time

import registers as r
import sampling
from bench import Bench
from crc import crc16
from desk import Desk
from kept import RECORD_BYTES, SLOT_RECORDS, Kept
from modbus_slave import Slave

UNIT = 1
POLL_MS = 1000  # a fast read and a renewal; a controller reads more often, which only adds the same
TURNS = 250  # of one look for garbage
REQUESTS = 50
PERIOD = sampling.PERIOD
SLOT_BYTES = RECORD_BYTES * SLOT_RECORDS


class Flash:
    # Two slots as kept.py wants them, in memory that is taken once.

    def __init__(self):
        self.slots = (bytearray(SLOT_BYTES), bytearray(SLOT_BYTES))
        self.ends = [0, 0]

    def read(self, slot):
        return bytes(memoryview(self.slots[slot])[: self.ends[slot]])

    def append(self, slot, data):
        end = self.ends[slot]
        self.slots[slot][end : end + len(data)] = data
        self.ends[slot] = end + len(data)

    def erase(self, slot):
        self.ends[slot] = 0


class Line:
    # Frames for one board, built in place. A reply that is an exception counts.

    def __init__(self, slave):
        self.slave = slave
        self.exceptions = 0
        self.silent = 0
        self.poll = self.sealed(bytearray((UNIT, 3, 0, 0, 0, r.FAST_COUNT, 0, 0)), r.BASE)
        self.order = bytearray((UNIT, 16, 0, 0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        self.noise = bytearray(range(40))

    def sealed(self, frame, address):
        frame[2] = address >> 8
        frame[3] = address & 0xFF
        end = len(frame) - 2
        crc = crc16(frame, 0, end)
        frame[end] = crc & 0xFF
        frame[end + 1] = crc >> 8
        return frame

    def ask(self, frame):
        reply = self.slave.feed(frame, len(frame))
        if reply is None:
            self.silent += 1
        elif reply[1] & 0x80:
            self.exceptions += 1

    def command(self, command, sequence, current_da, ttl_ms):
        frame = self.order
        frame[8] = command
        frame[9] = sequence >> 8
        frame[10] = sequence & 0xFF
        frame[11] = current_da >> 8
        frame[12] = current_da & 0xFF
        frame[13] = ttl_ms >> 8
        frame[14] = ttl_ms & 0xFF
        self.ask(self.sealed(frame, r.COMMAND))


class Board:
    # The pure parts of a whole board.

    def __init__(self, step_ms, start_ms):
        self.bench = Bench(step_ms, start_ms)
        self.core = self.bench.core
        self.kept = Kept(Flash())
        self.kept.load(self.core.counts, self.core.calibration)
        self.core.counts.started(True)
        self.desk = Desk(self.core, self.kept, 1)
        self.line = Line(Slave(UNIT, self.desk, self.core.heard))
        self.version = -1
        self.steps = 0

    def save(self):
        counts = self.core.counts
        if counts.version != self.version and not self.core.outputs.permit:
            self.version = counts.version
            assert self.kept.save(counts, self.core.calibration)

    def run(self, ms, current_da=0):
        # With a poll each second, and a renewal if a current is given.
        turns = POLL_MS // self.bench.step_ms
        for _ in range(ms // POLL_MS):
            self.line.ask(self.line.poll)
            if current_da:
                sequence = (self.core.interlock.heartbeat_seq + 1) & 0xFFFF
                self.line.command(r.COMMAND_RENEW, sequence, current_da, 5000)
            turn = 0
            while turn < turns:
                self.bench.step()
                turn += 1
            self.steps += turns
            self.save()

    def hour(self):
        # Three cars, one after the other; one lost heartbeat, and one trip that is acknowledged.
        bench = self.bench
        line = self.line
        for minutes in (15, 20, 10):
            bench.charge(160)
            self.run(minutes * 60000, 160)
            assert bench.permit
            bench.stop()
            bench.load = "A"
            self.run(60000)
        bench.core.settings.failsafe_da = 60
        bench.charge(160)
        self.run(20000)
        assert bench.permit
        assert bench.told_da == 60
        bench.leak = True
        self.run(1000)
        assert not bench.permit
        bench.leak = False
        self.run(1000)
        line.command(r.COMMAND_ACK, self.core.faults.seq, 0, 0)
        line.ask(line.noise)
        line.slave.silence()
        bench.load = "A"
        self.run(3600000 - (45 + 3) * 60000 - 22000)
        assert bench.faults & ~r.FAULT_HEARTBEAT == 0


def say(line):
    print(json.dumps(line))


def garbage(turn, count):
    # Bytes that `count` calls leave behind.
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    done = 0
    while done < count:
        turn()
        done += 1
    left = gc.mem_alloc() - before
    gc.enable()
    return left


def look(name, bench):
    say({"what": "turns", "when": name, "turns": TURNS, "bytes": garbage(bench.step, TURNS)})


def looks():
    # One second of every kind of life, turn by turn. A healthy board comes first.
    bench = Bench()
    look("start and self-test", bench)
    bench.ready()
    look("no car", bench)
    bench.plug()
    look("plugged, PWM", bench)
    bench.ask()
    look("asks", bench)
    bench.grant()
    look("closes", bench)
    look("charges", bench)
    bench.core.settings.failsafe_da = 60
    bench.run(3500)
    look("heartbeat lost", bench)
    bench.renew()
    bench.withdraw()
    look("X1 under PERMIT", bench)
    bench.load = "B"
    look("leaves C", bench)
    bench.charge()
    bench.leak = True
    look("trips, shows F", bench)
    bench.leak = False
    bench.run(1000)
    assert bench.acknowledge() == 0
    bench.charge()
    bench.welded = True
    bench.revoke()
    look("welds", bench)
    look("shunt trip", bench)
    bench.load = "E"
    look("short", bench)
    bench.load = "D"
    bench.inputs.temperature_dc = -32768
    bench.inputs.supply_mv = 9000
    bench.inputs.pp_ohm = 10
    bench.inputs.stop_pressed = True
    look("everything is wrong", bench)


def samples():
    # What reduces the pilot's samples, at 10 % and at 96 %.
    windows = sampling.windows_of(memoryview(sampling.empty_capture()))
    plateaus = sampling.Plateaus()

    def reduce():
        plateaus.reduce(windows, 5 * PERIOD, True)

    for high in (5, 48):
        for window in windows[:: PERIOD // sampling.GRID]:
            for i in range(PERIOD):
                window[i] = 3000 if i < high else 500
        say({"what": "samples", "when": str(high), "bytes": garbage(reduce, REQUESTS)})
        assert (plateaus.periods, plateaus.high, plateaus.low) == (5, 3000, 500)


def requests():
    board = Board(4, 0)
    board.bench.charge()
    line = board.line

    def poll():
        line.ask(line.poll)

    def renew():
        line.command(r.COMMAND_RENEW, (board.core.interlock.heartbeat_seq + 1) & 0xFFFF, 160, 5000)

    for name, request in (("fast read", poll), ("renewal", renew)):
        request()  # the first takes what it keeps
        left = garbage(request, REQUESTS)
        say({"what": "requests", "when": name, "requests": REQUESTS, "bytes": left})
    assert line.exceptions == 0
    assert line.silent == 0


def day(hours, step_ms, start_ms):
    board = Board(step_ms, start_ms)
    ticks_ms = time.ticks_ms
    for hour in range(hours):
        began = ticks_ms()
        steps = board.steps
        board.hour()
        gc.collect()
        say({"what": "hour", "hour": hour, "heap": gc.mem_alloc(), "free": gc.mem_free(),
             "steps": board.steps - steps, "ms": time.ticks_diff(ticks_ms(), began),
             "exceptions": board.line.exceptions, "silent": board.line.silent,
             "cycles": board.core.counts.cycles, "trips": board.core.counts.trips,
             "writes": board.kept.writes, "uptime_s": board.core.counts.uptime_s})


def main(hours, step_ms, start_ms):
    looks()
    samples()
    requests()
    day(hours, step_ms, start_ms)
    say({"what": "end"})


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0)
