# The loop: one turn samples, decides and drives; requests are answered in between.
# One loop instead of tasks: its worst turn is the sum of what stands here, and can be measured.
# A generator, one turn at each `next`: a port that collects garbage only in between can have its way.
import gc
import sys

from board import Board, count_boot, load_settings
from core import TICKS_MASK, Core
from desk import Desk
from modbus_slave import Slave

STEP_MS = 4
SILENCE_MS = 5  # 3.5 characters are 2 ms at 19200 baud; more, because a loop's turn lies in between


def serve(board, core, desk, slave):
    inputs = core.inputs
    last = heard = board.ticks_ms() & TICKS_MASK
    turn = last
    while True:
        yield
        board.wait(STEP_MS)
        now = board.ticks_ms() & TICKS_MASK
        desk.loop_max_ms = max(desk.loop_max_ms, (now - turn) & TICKS_MASK)
        turn = now
        count = board.receive()
        if count:
            heard = now
            reply = slave.feed(board.chunk, count)
            board.drive(core.outputs)  # what was commanded happens before it is confirmed
        else:
            reply = slave.silence() if (now - heard) & TICKS_MASK >= SILENCE_MS else None
        if reply:
            board.send(reply)
        if (now - last) & TICKS_MASK >= STEP_MS:
            last = now
            desk.tick(now)
            board.sense(inputs)
            board.drive(core.step(now, inputs))
            board.feed_watchdog()


def run():
    settings = load_settings()
    board = Board(settings)
    try:
        core = Core()
        desk = Desk(core, count_boot(), board.reset_cause())
        slave = Slave(settings["unit"], desk, core.heard)
        gc.collect()
        yield from serve(board, core, desk, slave)
    except Exception as error:  # the supervisor's wall: safe outputs, then a clean start
        board.make_safe()
        sys.print_exception(error)
        board.reset()


if __name__ == "__main__":
    for _ in run():
        pass
