# The loop: one turn samples, decides and drives; requests are answered in between.
# One loop instead of tasks: its worst turn is the sum of what stands here, and can be measured.
# A generator, one turn at each `next`: a port that collects garbage only in between can have its way.
import gc
import sys

from board import Board, Flash, load_settings
from core import TICKS_MASK, Core
from desk import Desk
from kept import Kept
from modbus_slave import Slave

STEP_MS = 4
SILENCE_MS = 5  # 3.5 characters are 2 ms at 19200 baud; more, because a loop's turn lies in between
CARE_MS = 10000  # between two looks at the memory
POWER_ON = 1  # machine.PWRON_RESET


class Care:
    # What takes long, and so is done only while PERMIT is off: counters into flash (it stalls an RP2040
    # for up to some 100 ms), and the collection of garbage. Under PERMIT the heap lasts for hours, because
    # a turn allocates nothing; should it run out all the same, the port collects by itself.

    def __init__(self, core, desk, kept, flash):
        self._core = core
        self._desk = desk
        self._kept = kept
        self._flash = flash
        self._version = -1
        self._rest_ms = 0

    def save(self):
        core = self._core
        self._version = core.counts.version
        self._kept.save(core.counts, core.calibration)  # what failed is tried again with the next change

    def collect(self):
        gc.collect()
        desk = self._desk
        desk.heap_used = gc.mem_alloc()
        desk.heap_free = gc.mem_free()
        desk.flash_free = self._flash.free()

    def step(self, dt_ms):
        # `dt_ms`: since the last call.
        self._rest_ms = max(0, self._rest_ms - dt_ms)
        core = self._core
        if core.outputs.permit:
            return
        if core.counts.version != self._version:
            self.save()
        elif self._rest_ms == 0:
            self._rest_ms = CARE_MS
            self.collect()


def serve(board, core, desk, slave, care):
    inputs = core.inputs
    last = heard = board.ticks_ms() & TICKS_MASK
    turn = last
    while True:
        yield
        board.wait(STEP_MS)
        now = board.ticks_ms() & TICKS_MASK
        passed = (now - turn) & TICKS_MASK
        turn = now
        if passed > desk.loop_max_ms:
            desk.loop_max_ms = passed
        if passed + STEP_MS >= board.monostable_ms and core.outputs.permit:
            # The pulses (one a turn) stopped for so long that the contactor may have dropped: it does not
            # close again by itself when they come back.
            core.interlock.clear()
            core.outputs.permit = False
            board.drive(core.outputs)
        count = board.receive()
        if count:
            heard = now
            reply = slave.feed(board.chunk, count)
            board.drive(core.outputs)  # what was commanded happens before it is confirmed
        else:
            reply = slave.silence() if (now - heard) & TICKS_MASK >= SILENCE_MS else None
        if reply:
            board.send(reply)
        passed = (now - last) & TICKS_MASK
        if passed >= STEP_MS:
            last = now
            board.sense(inputs, core.calibration)
            board.drive(core.step(now, inputs))
            board.feed_watchdog()
            care.step(passed)


def run():
    settings = load_settings()
    board = Board(settings)
    try:
        core = Core()
        flash = Flash()
        kept = Kept(flash)
        kept.load(core.counts, core.calibration)
        core.faults.memory(kept.lost)
        cause = board.reset_cause()
        core.counts.started(cause == POWER_ON)
        desk = Desk(core, kept, cause)
        slave = Slave(settings["unit"], desk, core.heard)
        care = Care(core, desk, kept, flash)
        care.save()
        care.collect()
        yield from serve(board, core, desk, slave, care)
    except Exception as error:  # the supervisor's wall: safe outputs, then a clean start
        board.make_safe()
        sys.print_exception(error)
        board.reset()


if __name__ == "__main__":
    for _ in run():
        pass
