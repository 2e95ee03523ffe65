"""What a pilot board takes by itself: real firmware under MicroPython, no line and no controller."""

import os
import select
import tempfile
import time
from pathlib import Path

from hil_tests.bench.report import Row, distribution
from hil_tests.virtual.board import Board
from hil_tests.virtual.line import crc

COMMAND = "python -m hil_tests.bench --only board"
_UNIT, _RESISTOR_B_OHM = 11, 2740
# FC16 on the command block at 1140: offer of 16 A (1), and withdrawal (2); see firmware/registers.py
_OFFER = bytes.fromhex("10 0474 0004 08 0001 0000 00a0 0000")
_WITHDRAW = bytes.fromhex("10 0474 0004 08 0002 0000 0000 0000")
_READ_FAST = bytes.fromhex("03 044c 000b")
_RAISE_S = 5.2  # the board lets an offer rise once in 5 s
_ANSWER_S = 1.0


def rows(count: int, quick_count: int) -> list[Row]:
    """Polls, and commands from the frame's last byte to the edge at the pin."""
    with tempfile.TemporaryDirectory(prefix="bench-board-") as folder, \
            Board(Path(folder), unit=_UNIT, baud=38400) as board:
        board.wait_ready()
        polls = [_ask(board, _READ_FAST) for _ in range(count)]
        board.set_cp(_RESISTOR_B_OHM)
        time.sleep(0.5)
        edges = []
        for n in range(quick_count):
            if n:
                time.sleep(_RAISE_S)
            edges.append(_edge(board))
            _ask(board, _WITHDRAW)
    return [distribution("board: poll to answer, no wire time", polls, "ms", COMMAND),
            distribution("board: offer to PWM edge, no wire time", edges, "ms", COMMAND)]


def _ask(board: Board, pdu: bytes) -> float:
    """ms until the answer begins."""
    start_ns = _send(board, pdu)
    if not select.select([board.uart_fd], [], [], _ANSWER_S)[0]:
        raise TimeoutError(f"board: no answer to {pdu.hex(' ')}")
    taken_ms = (time.monotonic_ns() - start_ns) / 1e6
    while select.select([board.uart_fd], [], [], 0.02)[0]:
        os.read(board.uart_fd, 4096)
    return taken_ms


def _edge(board: Board) -> float:
    """ms until the PWM runs."""
    start_ns = _send(board, _OFFER)
    while not 0 < (board.duty or 0) < 1:
        if time.monotonic_ns() - start_ns > _ANSWER_S * 1e9:
            raise TimeoutError("board: no PWM after an offer")
        time.sleep(0.0002)
    taken_ms = (time.monotonic_ns() - start_ns) / 1e6
    while select.select([board.uart_fd], [], [], 0.05)[0]:
        os.read(board.uart_fd, 4096)
    return taken_ms


def _send(board: Board, pdu: bytes) -> int:
    """When the frame was about to go: the board may answer before `write` returns."""
    body = bytes((_UNIT,)) + pdu
    frame = body + crc(body)
    start_ns = time.monotonic_ns()
    os.write(board.uart_fd, frame)
    return start_ns
