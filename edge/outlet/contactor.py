"""A contactor as the Pi sees it: the relay that feeds its coil, and its mirror contact.

The coil is fed through the pilot board's interlock and this relay in series, so `coil_on` says what
this side wants, never what the contactor does; only the mirror contact says that.
"""

from edge.outlet.gpio import Gpio


class Contactor:
    """Coil line: 1 = energised. Mirror line: 1 = main contacts closed. Calls take microseconds.

    All methods raise `DeviceError`. Nothing but `set` ever moves the coil.
    """

    def __init__(self, gpio: Gpio, coil_pin: int, mirror_pin: int) -> None:
        """Touches no line: `claim` does."""
        self._gpio = gpio
        self._coil_pin = coil_pin
        self._mirror_pin = mirror_pin

    def claim(self) -> bool:
        """Look at the outlet as it was left, then take its lines. True: the coil is energised.

        The mirror first (an input moves nothing), then the coil's level; the coil's line is claimed
        at that very level, so that a session that survived the last controller is not interrupted.
        A line that nobody drives is claimed low: the zero value is the safe one.
        """
        self._gpio.claim_input(self._mirror_pin)
        found = bool(self._gpio.found_output(self._coil_pin))
        self._gpio.claim_output(self._coil_pin, found)
        return found

    def set(self, on: bool) -> None:
        """Energise the relay, or let it drop."""
        self._gpio.write(self._coil_pin, on)

    def coil_on(self) -> bool:
        """Level of the coil line as it is now."""
        return self._gpio.read(self._coil_pin)

    def mirror_closed(self) -> bool:
        """Whether the main contacts are closed."""
        return self._gpio.read(self._mirror_pin)

    def release(self) -> None:
        """Leave the lines as they are. A safe stop calls `set(False)` itself, and on purpose.

        `GPIO.cleanup` would turn the coil's line into an input: a coil moved without a decision.
        """
