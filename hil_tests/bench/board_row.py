"""What a pilot board takes by itself: real firmware under MicroPython, no line and no controller.

All in wall time, with whatever this machine was doing besides; limits are judged in virtual time by
`firmware_row.py`.
"""

import os
import select
import statistics
import struct
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hil_tests.bench.report import Row, distribution
from hil_tests.virtual.board import Board
from hil_tests.virtual.line import crc

COMMAND = "python -m hil_tests.bench --only board"
_UNIT, _BAUD = 11, 38400
_RESISTOR_B_OHM, _RESISTOR_C_OHM = 2740, 882
# of the map (firmware/registers.py): addresses and lengths of blocks, commands, bits
_FAST, _WHOLE, _COMMAND = (1100, 12), (1100, 38), 1140
_PERMIT_BITS, _LOOP_MAX_MS, _HEAP_USED = 1102 - 1100, 1123 - 1100, 1124 - 1100
_OFFER, _WITHDRAW, _GRANT = 1, 2, 3
_TEST_OK, _STATE_SHIFT, _STATE_C = 0x2000, 8, 3
_CURRENT_DA, _TTL_MS = 160, 5000
_RAISE_S = 5.2  # the board lets an offer rise once in 5 s
_TURNS_S = 3.0
_ANSWER_S, _PATIENCE_S = 1.0, 20.0


def rows(count: int, few: int) -> list[Row]:
    """`count` polls of each kind; `few` offers, and five times as many edges of the pilot."""
    with tempfile.TemporaryDirectory(prefix="bench-board-") as folder, \
            Board(Path(folder), unit=_UNIT, baud=_BAUD) as board:
        board.wait_ready()
        polls = [_ask(board, _read(*_FAST))[0] for _ in range(count)]
        wholes = [_ask(board, _read(*_WHOLE))[0] for _ in range(count)]
        turns = _turns_ms(board, _TURNS_S)
        _until("self-test", lambda: bool(_words(board, *_FAST)[_PERMIT_BITS] & _TEST_OK))
        board.set_cp(_RESISTOR_B_OHM)
        time.sleep(0.5)
        offers = []
        for n in range(few):
            if n:
                _command(board, _WITHDRAW)
                time.sleep(_RAISE_S)
            offers.append(_offer_ms(board))
        edges = [_edge_ms(board, sequence) for sequence in range(1, 5 * few + 1)]
        words = _words(board, *_WHOLE)
    usual = statistics.median(turns)
    heap_bytes = words[_HEAP_USED] << 16 | words[_HEAP_USED + 1]
    return [
        distribution("board: poll to answer, no wire time", polls, "ms", COMMAND),
        distribution("board: read of 38 registers, no wire time", wholes, "ms", COMMAND),
        distribution("board: turn of its loop", turns, "ms", COMMAND),
        distribution("board: jitter of its loop", [abs(turn - usual) for turn in turns], "ms", COMMAND),
        Row("board: longest turn, as it says", words[_LOOP_MAX_MS], "ms", 1, COMMAND),
        distribution("board: offer to PWM edge, no wire time", offers, "ms", COMMAND),
        distribution("board: CP C -> B to PERMIT off (wall)", edges, "ms", COMMAND),
        Row("board: heap used, as it says", heap_bytes / 1000, "kB", 1, COMMAND)]


def _turns_ms(board: Board, seconds: float) -> list[float]:
    """How long the turns of the loop take, seen by the counter of the watchdog's feeds."""
    found = []
    turn, turn_ns = board.turns, time.monotonic_ns()
    end_ns = turn_ns + int(seconds * 1e9)
    while turn_ns < end_ns:
        time.sleep(0.0001)
        now, now_ns = board.turns, time.monotonic_ns()
        if now != turn:
            found += [(now_ns - turn_ns) / 1e6 / (now - turn)] * (now - turn)
            turn, turn_ns = now, now_ns
    return found[1:]  # the first one had begun before we looked


def _edge_ms(board: Board, sequence: int) -> float:
    """ms until PERMIT is off after a charging car opened S2; it had been asking for long enough."""
    board.set_cp(_RESISTOR_C_OHM)
    _until("C", lambda: _words(board, *_FAST)[_PERMIT_BITS] >> _STATE_SHIFT & 15 == _STATE_C)
    _command(board, _GRANT, sequence)
    _until("PERMIT", lambda: board.permit)
    board.set_pin("request", True)
    board.set_pin("mirror", True)
    time.sleep(0.1 + 0.0007 * sequence)  # the edge comes at any moment of a turn
    start_ns = time.monotonic_ns()
    board.set_cp(_RESISTOR_B_OHM)
    while board.permit_pin:
        if time.monotonic_ns() - start_ns > _ANSWER_S * 1e9:
            raise TimeoutError("board: PERMIT stays after C -> B")
        time.sleep(0.0002)
    taken_ms = (time.monotonic_ns() - start_ns) / 1e6
    board.set_pin("mirror", False)
    board.set_pin("request", False)
    return taken_ms


def _offer_ms(board: Board) -> float:
    """ms until the PWM runs."""
    start_ns = _send(board, _write(_OFFER, 0))
    while not 0 < (board.duty or 0) < 1:
        if time.monotonic_ns() - start_ns > _ANSWER_S * 1e9:
            raise TimeoutError("board: no PWM after an offer")
        time.sleep(0.0002)
    taken_ms = (time.monotonic_ns() - start_ns) / 1e6
    _receive(board)
    return taken_ms


def _until(what: str, is_so: Callable[[], bool]) -> None:
    end_s = time.monotonic() + _PATIENCE_S
    while not is_so():
        if time.monotonic() > end_s:
            raise TimeoutError(f"board: no {what} within {_PATIENCE_S:g} s")
        time.sleep(0.01)


# --- the wire


def _read(address: int, count: int) -> bytes:
    return struct.pack(">BHH", 3, address, count)


def _write(command: int, sequence: int) -> bytes:
    words = (command, sequence, _CURRENT_DA, _TTL_MS)
    return struct.pack(">BHHB4H", 16, _COMMAND, 4, 8, *words)


def _words(board: Board, address: int, count: int) -> tuple[int, ...]:
    """Registers as the board says them."""
    answer = _ask(board, _read(address, count))[1]
    if len(answer) != 5 + 2 * count:
        raise RuntimeError(f"board: got {answer.hex(' ')}, expected {count} registers")
    return struct.unpack(f">{count}H", answer[3:-2])


def _command(board: Board, command: int, sequence: int = 0) -> None:
    answer = _ask(board, _write(command, sequence))[1]
    if len(answer) != 8:
        raise RuntimeError(f"board: got {answer.hex(' ')} for command {command}")


def _ask(board: Board, pdu: bytes) -> tuple[float, bytes]:
    """ms until the answer begins; the answer."""
    start_ns = _send(board, pdu)
    if not select.select([board.uart_fd], [], [], _ANSWER_S)[0]:
        raise TimeoutError(f"board: no answer to {pdu.hex(' ')}")
    taken_ms = (time.monotonic_ns() - start_ns) / 1e6
    return taken_ms, _receive(board)


def _receive(board: Board) -> bytes:
    """All that comes until the line falls silent."""
    answer = b""
    while select.select([board.uart_fd], [], [], 0.02)[0]:
        answer += os.read(board.uart_fd, 4096)
    return answer


def _send(board: Board, pdu: bytes) -> int:
    """When the frame was about to go: the board may answer before `write` returns."""
    body = bytes((_UNIT,)) + pdu
    frame = body + crc(body)
    start_ns = time.monotonic_ns()
    os.write(board.uart_fd, frame)
    return start_ns
