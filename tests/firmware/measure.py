# Figures of the core for `make bench`: `micropython -X heapsize=200k measure.py STEPS EDGES`.
# One JSON object:
#   step_us: how many of STEPS turns of the core took how many us, while a car charges
#   garbage: bytes that some turns leave behind; heap: bytes in use with the core built; CPython: null
#   edge_ms: virtual ms from an edge of the pilot to PERMIT off: EDGES times to B, to A, to E
#   wide_ms: the same with turns of 4 to 10 ms
import gc
import json
import sys
import time
from array import array

from bench import TICKS_MASK, Bench

TURN_MS = 4
WORST_TURN_MS = 10
HEARTBEAT = 250  # turns between two renewals: 1 s
EDGES = ("B", "A", "E")

ticks_us = getattr(time, "ticks_us", lambda: time.perf_counter_ns() // 1000)
heap_in_use = getattr(gc, "mem_alloc", None)


def turns(board, count, into):
    # `count` turns of a charging car; microseconds of each into the array.
    core = board.core
    inputs = board.inputs
    for n in range(count):
        if n % HEARTBEAT == 0:
            assert board.renew() == 0
        board.now_ms += TURN_MS
        began = ticks_us()
        core.step(board.now_ms & TICKS_MASK, inputs)
        into[n] = min(ticks_us() - began, 65535)
    assert board.permit


def counted(spent):
    # How often each value stands there: all of them would not fit into the heap as text.
    times = {}
    for value in spent:
        times[value] = times.get(value, 0) + 1
    return times


def garbage(board, count):
    # Bytes that `count` turns allocate and leave; renewals stand outside.
    if heap_in_use is None:
        return None
    assert board.renew() == 0
    core = board.core
    inputs = board.inputs
    gc.collect()
    gc.disable()
    now_ms = board.now_ms
    before = heap_in_use()
    for _ in range(count):
        now_ms += TURN_MS
        core.step(now_ms & TICKS_MASK, inputs)
    left = heap_in_use() - before
    gc.enable()
    board.now_ms = now_ms
    assert board.permit
    return left


def edge_ms(to, seed, wide):
    # From an edge right after a sample to PERMIT off.
    board = Bench(start_ms=seed * 7)
    board.charge()
    board.run(200 + TURN_MS * (seed % 25))
    board.load = to
    began = board.now_ms
    while board.permit:
        if wide:
            seed = (seed * 1103 + 12345) & 0xFFFF
            board.step_ms = TURN_MS + (seed >> 4) % (WORST_TURN_MS - TURN_MS + 1)
        board.step()
        assert board.now_ms - began < 3000
    return board.now_ms - began


def main(steps, edges):
    found = {}
    board = Bench()
    gc.collect()
    found["heap"] = heap_in_use() if heap_in_use else None
    board.charge()
    spent = array("H", bytes(2 * steps))
    turns(board, steps, spent)
    found["step_us"] = counted(spent)
    found["garbage"] = garbage(board, min(steps, HEARTBEAT))
    found["edge_ms"] = {to: [edge_ms(to, seed, False) for seed in range(edges)] for to in EDGES}
    found["wide_ms"] = {to: [edge_ms(to, seed, True) for seed in range(edges)] for to in EDGES}
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
