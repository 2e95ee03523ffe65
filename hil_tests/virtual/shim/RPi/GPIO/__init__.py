"""The RPi.GPIO API over a Unix socket to the virtual cabinet (environment: FORECOURT_CABINET_GPIO).

Behaves as RPi.GPIO 0.7.1 does, so far as a polling program can see: what this process set up is
known to this process alone, a line's function and level live in the "hardware" (the cabinet) and
outlive it, `setup` of an output without `initial` leaves the level alone, and there is no clean-up
at exit. Error texts are the library's. Edge detection and PWM are not there, as on kernels >= 6.6.

Protocol, one line each way: `F pin`, `S pin OUT level|-`, `S pin IN U|D|-` (the pull), `O pin level`,
`I pin`; answers are an integer, or `!` and a text.
"""

import builtins
import os
import socket
import threading
import warnings

VERSION = "0.7.1"
RPI_INFO = {"P1_REVISION": 3, "TYPE": "Virtual cabinet", "RAM": "0", "REVISION": "0",
            "PROCESSOR": "none", "MANUFACTURER": "Forecourt"}
RPI_REVISION = 3

LOW, HIGH = 0, 1
OUT, IN = 0, 1
SERIAL, SPI, I2C, HARD_PWM, UNKNOWN = 40, 41, 42, 43, -1
BOARD, BCM = 10, 11
PUD_OFF, PUD_DOWN, PUD_UP = 20, 21, 22
RISING, FALLING, BOTH = 31, 32, 33

_PULLS = {PUD_OFF: "-", PUD_UP: "U", PUD_DOWN: "D"}

_BOARD_TO_BCM = {
    3: 2, 5: 3, 7: 4, 8: 14, 10: 15, 11: 17, 12: 18, 13: 27, 15: 22, 16: 23, 18: 24, 19: 10, 21: 9,
    22: 25, 23: 11, 24: 8, 26: 7, 29: 5, 31: 6, 32: 12, 33: 13, 35: 19, 36: 16, 37: 26, 38: 20, 40: 21,
}


class _Wire:
    """The connection to the cabinet: one request, one answer."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(5.0)
        self._socket.connect(path)
        self.ask(f"H {os.getpid()}")

    def ask(self, line):
        self._socket.sendall(line.encode("ascii") + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            part = self._socket.recv(256)
            if not part:
                raise ConnectionError("the virtual cabinet has closed its GPIO socket")
            answer += part
        text = answer.decode("ascii").strip()
        if text.startswith("!"):
            raise RuntimeError(text[1:].strip())
        return int(text)


class _State:
    """What the real library keeps in static variables of its C module."""

    def __init__(self):
        try:
            path = os.environ["FORECOURT_CABINET_GPIO"]
        except KeyError:
            raise RuntimeError("This module can only be run on a Raspberry Pi!") from None
        self.path = path
        self.wire = None
        self.mode = None
        self.warn = True
        self.direction = {}
        self.lock = threading.Lock()  # registers need none; answers on a wire must not be mixed up

    def ask(self, line):
        with self.lock:
            if self.wire is None:
                self.wire = _Wire(self.path)
            return self.wire.ask(line)


_state = _State()


def setmode(mode):
    if _state.mode is not None and mode != _state.mode:
        raise ValueError("A different mode has already been set!")
    if mode not in (BOARD, BCM):
        raise ValueError("An invalid mode was passed to setmode()")
    _state.mode = mode


def getmode():
    return _state.mode


def setwarnings(value):
    _state.warn = bool(value)


def setup(channel, direction, pull_up_down=PUD_OFF, initial=-1):
    if direction not in (OUT, IN):
        raise ValueError("An invalid direction was passed to setup()")
    if direction == OUT and pull_up_down != PUD_OFF:
        raise ValueError("pull_up_down parameter is not valid for outputs")
    if direction == IN and initial != -1:
        raise ValueError("initial parameter is not valid for inputs")
    if pull_up_down not in (PUD_OFF, PUD_DOWN, PUD_UP):
        raise ValueError("Invalid value for pull_up_down - should be either PUD_OFF, PUD_UP or "
                         "PUD_DOWN")
    for gpio in map(_gpio, _channels(channel)):
        if _state.warn and gpio not in _state.direction and _state.ask(f"F {gpio}") == OUT:
            warnings.warn("This channel is already in use, continuing anyway.  Use "
                          "GPIO.setwarnings(False) to disable warnings.", RuntimeWarning, stacklevel=2)
        level = int(initial) if initial in (LOW, HIGH) else _PULLS[pull_up_down]
        _state.ask(f"S {gpio} {'OUT' if direction == OUT else 'IN'} {level}")
        _state.direction[gpio] = direction


def output(channel, value):
    channels = _channels(channel)
    many = isinstance(value, (list, tuple))
    values = list(value) if many else [value] * len(channels)
    if len(values) != len(channels) or (many and not isinstance(channel, (list, tuple))):
        raise RuntimeError("Number of channels != number of values")
    for one, level in zip(channels, values, strict=True):
        if not isinstance(level, int):
            raise ValueError("Value must be an integer/boolean or a list/tuple of integers/booleans")
        gpio = _gpio(one)
        if _state.direction.get(gpio) != OUT:
            raise RuntimeError("The GPIO channel has not been set up as an OUTPUT")
        _state.ask(f"O {gpio} {HIGH if level else LOW}")


def input(channel):
    gpio = _gpio(channel)
    if gpio not in _state.direction:
        raise RuntimeError("You must setup() the GPIO channel first")
    return _state.ask(f"I {gpio}")


def gpio_function(channel):
    return _state.ask(f"F {_gpio(channel)}")


def cleanup(channel=None):
    everything = channel is None
    gpios = list(_state.direction) if everything else [_gpio(one) for one in _channels(channel)]
    found = False
    for gpio in gpios:
        if _state.direction.pop(gpio, None) is not None:
            _state.ask(f"S {gpio} IN -")
            found = True
    if everything:
        _state.mode = None
    if not found and _state.warn:
        warnings.warn("No channels have been set up yet - nothing to clean up!  Try cleaning up at the "
                      "end of your program instead!", RuntimeWarning, stacklevel=2)


def _channels(channel):
    if isinstance(channel, int):
        return [channel]
    if isinstance(channel, (builtins.list, tuple)):
        if not all(isinstance(one, int) for one in channel):
            raise ValueError("Channel must be an integer")
        return builtins.list(channel)
    raise ValueError("Channel must be an integer or list/tuple of integers")


def _gpio(channel):
    if _state.mode is None:
        raise RuntimeError("Please set pin numbering mode using GPIO.setmode(GPIO.BOARD) or "
                           "GPIO.setmode(GPIO.BCM)")
    if _state.mode == BCM and 0 <= channel <= 53:
        return channel
    if _state.mode == BOARD and channel in _BOARD_TO_BCM:
        return _BOARD_TO_BCM[channel]
    raise ValueError("The channel sent is invalid on a Raspberry Pi")
