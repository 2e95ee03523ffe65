"""How fast a line carries requests. Pure.

A read of N registers is 8 characters out and 5 + 2N back, with a silence behind each, and the device's
turnaround between them (Modbus over Serial Line 2.5.1.1; Modbus Application Protocol 6.3, 6.4).
"""

from edge.bus.url import LineUrl
from edge.controller.struct import Value
from edge.meter.model import SerialDefaults

TURNAROUND_S = 0.01  # until a device has shown its own
_FRAME_CHARS = 13  # of a request for registers and its answer, without the registers
_CHARS_PER_REGISTER = 2
_LEAST_S = 0.001  # what a request costs at least, or a network would be asked word by word


class Pace(Value):
    """Seconds of a character and of the silence behind a frame; a network has neither."""

    char_s: float
    silence_s: float

    def read_s(self, count: int, turnaround_s: float = TURNAROUND_S) -> float:
        """A request for `count` registers with its answer, and the silences behind both."""
        return self.request_s(turnaround_s) + count * self.register_s

    def request_s(self, turnaround_s: float) -> float:
        """What a request costs whatever its length."""
        return max(_FRAME_CHARS * self.char_s + 2 * self.silence_s + turnaround_s, _LEAST_S)

    @property
    def register_s(self) -> float:
        """What a register more costs."""
        return _CHARS_PER_REGISTER * self.char_s

    @property
    def is_network(self) -> bool:
        return self.char_s == 0


def pace_of(line: LineUrl) -> Pace:
    """Of a line as its URL describes it; of a device server, its serial side."""
    return Pace(char_s=line.char_s, silence_s=line.silence_s)


def factory_pace(serial: SerialDefaults) -> Pace:
    """Of a line that is set as the meter leaves the factory."""
    return pace_of(LineUrl(kind="rtu", path="", baud=serial.baud, parity=serial.parity,
                           stop=serial.stop))


def merge_gap(pace: Pace, turnaround_s: float) -> float:
    """Registers that nobody wants are read along where there are fewer than this."""
    if pace.is_network:
        return float("inf")
    return pace.request_s(turnaround_s) / pace.register_s
