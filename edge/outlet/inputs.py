"""A digital input of the Pi: a contact that watches for something, as a wire that may break.

The line is pulled to the level that means the condition, and the healthy contact holds it at the
other one. So a wire that breaks, a plug that falls out and a contact that wears out all read as the
condition, and none of them as "well".
"""

from edge.outlet.gpio import Gpio


class ContactInput:
    """`active_high`: the level that means the condition. All methods raise `DeviceError`."""

    def __init__(self, gpio: Gpio, pin: int, *, active_high: bool) -> None:
        """Touches no line: `active` does."""
        self._gpio, self._pin, self._active_high = gpio, pin, active_high
        self._claimed = False

    def active(self) -> bool:
        """Whether what it watches for is there, or its wire is broken.

        The first look takes the line as an input, pulled to where a broken wire shall read; one that
        somebody else holds is tried again at the next look.
        """
        if not self._claimed:
            self._gpio.claim_input(self._pin, pull=self._active_high)
            self._claimed = True
        return self._gpio.read(self._pin) is self._active_high
