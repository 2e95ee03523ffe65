"""How often a thing may be written that changes again and again: an SD card wears out by a row at each
bounce of a plug. A handful are written at once; then the last word waits until a minute is over.
"""

from edge.controller.turn import Turn

TIMES = 6
WITHIN_S = 60.0

Times = tuple[int, ...]  # monotonic ns of the last ones, oldest first


def may(turn: Turn, times: Times) -> bool:
    """Whether one more may be written now."""
    return len(times) < TIMES or turn.past(times[-TIMES], WITHIN_S)


def noted(turn: Turn, times: Times) -> Times:
    """With one more, now."""
    return (*times, turn.now_ns)[-TIMES:]
