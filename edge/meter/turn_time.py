"""How long a line takes for everything that is on it, before anything is wired. Pure arithmetic.

A read of N registers takes (13 + 2N) characters, two silences of 3.5 and the device's turnaround
(`pace.py`). A full turn is every block of every meter once, and every board polled once. 8 SDM630 with
V, I, P of three phases and both energies (18 + 4 registers) and 8 boards of 8 registers, 8N1 and 10 ms:

    8 x (49 + 21 + 29) characters + 24 x (2 silences + 10 ms) = 1.24 s at 9600 baud, 0.74 s at 19200

A board of ours is polled for 12 registers, and frequency is read with energy: 1.34 s and 0.79 s.
"""

from collections.abc import Iterable

from edge.controller.struct import Value
from edge.meter.model import MeterModel
from edge.meter.pace import TURNAROUND_S, Pace
from edge.meter.plan import limits_of, plan, spans_of, ties_of
from edge.meter.tiers import tiers_of

FILLED = 0.9  # of a line's time, at the most, is planned with


class MeterTime(Value):
    """One meter's turns. `full_s`: with the slow tier; `fast_s`: without; `requests` of a full one."""

    full_s: float
    fast_s: float
    requests: int

    def usual_s(self, period_s: float, slow_s: float) -> float:
        """A turn in the mean, where the slow tier is part of every so many."""
        return self.fast_s + (self.full_s - self.fast_s) * min(1.0, period_s / slow_s)


class LineTime(Value):
    """All of a line. `usual_s`: of turns in the mean, as meters take turns with their slow tiers."""

    full_s: float
    fast_s: float
    usual_s: float
    requests: int

    def meets(self, period_s: float) -> bool:
        """Whether a meter of this line can be read so often, with every board polled as often, and
        some time left for commands and for what has to be asked again.
        """
        return self.usual_s <= FILLED * period_s


def read_s(model: MeterModel, quantities: Iterable[str], pace: Pace,
           turnaround_s: float = TURNAROUND_S) -> tuple[float, int]:
    """Seconds and requests for some quantities of a model, in the blocks that they are read in."""
    registers = [register for name in dict.fromkeys(quantities)
                 if (register := model.register(name)) is not None]
    blocks = plan((span for register in registers for span in spans_of(register)), pace, turnaround_s,
                  limits_of(model), ties_of(model, registers))
    return sum(pace.read_s(block.count, turnaround_s) for block in blocks), len(blocks)


def meter_time(model: MeterModel, pace: Pace, turnaround_s: float = TURNAROUND_S) -> MeterTime:
    """Of a meter that answers as soon as `turnaround_s` says."""
    tiers = tiers_of(model)
    fast_s, _ = read_s(model, tiers.fast, pace, turnaround_s)
    full_s, requests = read_s(model, (*tiers.fast, *tiers.slow), pace, turnaround_s)
    return MeterTime(full_s=full_s, fast_s=fast_s, requests=requests)


def line_time(meters: Iterable[tuple[MeterTime, float, float]], boards: int, board_registers: int,
              pace: Pace, turnaround_s: float = TURNAROUND_S) -> LineTime:
    """Of meters with their periods (of turns, and of the slow tier), and boards that are polled for so
    many registers.
    """
    known = list(meters)
    polls_s = boards * pace.read_s(board_registers, turnaround_s)
    return LineTime(
        full_s=polls_s + sum(time.full_s for time, _, _ in known),
        fast_s=polls_s + sum(time.fast_s for time, _, _ in known),
        usual_s=polls_s + sum(time.usual_s(period_s, slow_s) for time, period_s, slow_s in known),
        requests=boards + sum(time.requests for time, _, _ in known))
