"""The Pi's GPIO lines as an outlet needs them, over the `RPi.GPIO` API (its only import is here).

Both libraries that answer to `import RPi.GPIO` are served, and they differ where it hurts. After a
`kill -9` a line keeps its direction and level (Raspberry Pi kernels; raspberrypi/linux PR 6117), so
a coil may still be energised when the next controller starts. Then

* RPi.GPIO 0.7.1: `setup(pin, OUT)` without `initial` writes the function register only
  (source/py_gpio.c `setup_one`, c_gpio.c `setup_gpio`): the level stays, and `input` may read it.
* rpi-lgpio 0.6: `setup(pin, OUT)` without `initial` asks `lgpio.gpio_read` for the level, and lgpio
  0.2 claims an unclaimed line as an INPUT in order to read it (lgGpio.c `lgGpioRead`): the coil
  drops and is pulled in again. So its level is read "as is" from the kernel first
  (`edge/outlet/asis.py`), and the line is claimed with that level as `initial`.

`cleanup` turns every line into an input in both libraries, so it is never called here.
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from edge.controller.trouble import DeviceError, DeviceRefused, LineDown


class Gpio(Protocol):
    """GPIO lines by BCM number. Levels are 0 or 1. Every method raises `DeviceError`."""

    def found_output(self, pin: int) -> bool | None:
        """Level of a line that some process left as an output; None: nobody drives it.

        To be called before `claim_output`; moves nothing.
        """

    def claim_output(self, pin: int, level: bool) -> None:
        """Make a line an output that starts with this level, without a glitch."""

    def claim_input(self, pin: int, pull: bool | None = None) -> None:
        """Make a line an input. `pull`: the level that it shows while nothing holds it; None: any."""

    def write(self, pin: int, level: bool) -> None:
        """Set a claimed output."""

    def read(self, pin: int) -> bool:
        """Level of a claimed line (of an output too)."""


class RpiGpio:
    """`Gpio` over RPi.GPIO or rpi-lgpio, whichever is installed (never both)."""

    def __init__(self, as_is: Callable[[int], bool] | None = None, mine: Iterable[int] = ()) -> None:
        """`as_is` reads a line without claiming it; needed with rpi-lgpio only. `mine`: outputs that
        this process has claimed already, which cannot be read that way any more.

        Raises `LineDown` where there is no GPIO (not a Raspberry Pi, library not installed).
        """
        try:
            from RPi import GPIO
        except (ImportError, RuntimeError) as error:  # both libraries raise RuntimeError off a Pi
            raise LineDown("cannot use GPIO", where="RPi.GPIO", got=str(error),
                           expected="a Raspberry Pi with rpi-lgpio or RPi.GPIO installed") from error
        self._gpio: Any = GPIO
        self._as_is, self._mine = as_is, frozenset(mine)
        # The warning "already in use" is what every restart after a kill looks like.
        self._ask("set numbering", -1, lambda: GPIO.setwarnings(False))
        self._ask("set numbering", -1, lambda: GPIO.setmode(GPIO.BCM))

    def found_output(self, pin: int) -> bool | None:
        """Level of a line that some process left as an output; None: nobody drives it."""
        lib = self._gpio
        if pin in self._mine:
            return self.read(pin)
        if self._ask("ask the function of", pin, lambda: lib.gpio_function(pin)) != lib.OUT:
            return None
        if hasattr(lib, "lgpio"):  # rpi-lgpio: see the top of this file
            return self._read_as_is(pin)
        self._ask("claim", pin, lambda: lib.setup(pin, lib.OUT))
        return self.read(pin)

    def claim_output(self, pin: int, level: bool) -> None:
        """Make a line an output that starts with this level, without a glitch."""
        lib = self._gpio
        self._ask("claim", pin, lambda: lib.setup(pin, lib.OUT, initial=int(level)))

    def claim_input(self, pin: int, pull: bool | None = None) -> None:
        """Make a line an input, with the Pi's own resistor (some 50 kOhm) to `pull`; None: without."""
        lib = self._gpio
        resistor = lib.PUD_OFF if pull is None else lib.PUD_UP if pull else lib.PUD_DOWN
        self._ask("claim", pin, lambda: lib.setup(pin, lib.IN, pull_up_down=resistor))

    def write(self, pin: int, level: bool) -> None:
        """Set a claimed output."""
        self._ask("write", pin, lambda: self._gpio.output(pin, int(level)))

    def read(self, pin: int) -> bool:
        """Level of a claimed line (of an output too)."""
        return bool(self._ask("read", pin, lambda: self._gpio.input(pin)))

    def _read_as_is(self, pin: int) -> bool:
        if self._as_is is None:
            from edge.outlet.asis import read_as_is

            self._as_is = read_as_is
        return self._as_is(pin)

    def _ask(self, what: str, pin: int, call: Callable[[], Any]) -> Any:
        """Call the library; its own exceptions (and lgpio's, a plain Exception) become ours."""
        where = f"GPIO{pin}" if pin >= 0 else "RPi.GPIO"
        try:
            return call()
        except (RuntimeError, ValueError) as error:
            raise DeviceRefused(f"cannot {what} line", where=where, got=str(error),
                                expected="the line to obey") from error
        except OSError as error:
            raise LineDown(f"cannot {what} line", where=where, got=str(error) or type(error).__name__,
                           expected="an answer") from error
        except self._own_error() as error:
            raise DeviceError(f"cannot {what} line", where=where, got=str(error),
                              expected="the line to obey") from error

    def _own_error(self) -> type[Exception]:
        lgpio = getattr(self._gpio, "lgpio", None)
        return getattr(lgpio, "error", DeviceError)
