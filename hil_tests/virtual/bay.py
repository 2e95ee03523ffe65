"""One charging point of the cabinet: board, relay, contactor, breaker, car and their wires.

The coil's supply goes through the emergency stop's own contact, the Pi's relay and the board's
interlock, in this order; the board senses it behind the relay (REQUEST). The shunt trip opens the
breaker in front of the contactor, which nobody but the rig closes again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hil_tests.virtual.moves import MoveLog
from hil_tests.virtual.physics import Car, Contactor


class PilotBoard(Protocol):
    """A pilot board as the cabinet is wired to it; `hil_tests.virtual.board.Board` is the real one."""

    uart_fd: int  # the line's end of its UART

    def start(self) -> None:
        """Power on."""

    def close(self) -> None:
        """Power off for good."""

    def power(self, on: bool) -> None:
        """Switch its supply."""

    def wait_ready(self, timeout_s: float = 10.0) -> None:
        """Block until its firmware runs. Raises `TimeoutError`."""

    @property
    def permit(self) -> bool:
        """The board's half of the interlock."""

    @property
    def duty(self) -> float | None:
        """Share of the pilot's positive half: 1.0 X1, 0.0 F; None: no supply, so 0 V."""

    def set_cp(self, load_ohm: float | None, diode: bool = True) -> None:
        """The load on the control pilot; None: open."""

    def set_plateaus_mv(self, high_mv: int, low_mv: int) -> None:
        """The pilot itself, while its source is high and while it is low."""

    @property
    def shunt(self) -> bool:
        """Whether the board fires the shunt trip."""

    def set_pin(self, name: str, level: bool) -> None:
        """An input: "mirror" (True: closed), "rcd" (True: tripped), "estop" (True: pressed),
        "request" (True: the coil's supply is there behind the Pi's relay).
        """

    def set_rcd_module(self, how: str) -> None:
        """The residual current module: "good", "dead" (trips at nothing), "stuck" (stays tripped)."""

    def set_temperature_c(self, temperature_c: float | None) -> None:
        """At the contactor's terminals; None: the sensor is off its wire."""

    def set_supply_mv(self, supply_mv: int) -> None:
        """Its 12 V, in millivolts."""

    def set_pp(self, cable_ohm: int | None) -> None:
        """The plug's proximity resistor; None: open."""

    def damage_memory(self) -> None:
        """Off, its flash overwritten, on again."""


CHANNELS = ("relay", "interlock")  # the Pi's and the board's


@dataclass(frozen=True)
class Wiring:
    """Which line of the Pi is what, and which grid phase each of the outlet's phases hangs on."""

    evse: str
    coil_gpio: int
    mirror_gpio: int
    phases: tuple[int, ...]  # grid phase 0, 1 or 2 of each own phase, in its own order


class Bay:
    """Ties the parts together; `step` is called every few milliseconds."""

    def __init__(self, wiring: Wiring, board: PilotBoard, car: Car, log: MoveLog,
                 drive: Callable[[int, bool], None]) -> None:
        """`drive(pin, level)` sets an input line of the Pi."""
        self.wiring = wiring
        self.board = board
        self.car = car
        self.contactor = Contactor()
        self.coil = False
        self.stuck = dict.fromkeys(CHANNELS, False)  # bridged: it feeds all the same
        self.estop = False  # pressed
        self.breaker = True  # closed
        self.pilot_mv: tuple[int, int] | None = None  # override: its two plateaus
        self.mirror_to_pi: bool | None = None  # override: a broken wire to one side
        self.mirror_to_board: bool | None = None
        self._log = log
        self._drive = drive
        self._relay = False
        self._permit = False
        self._request: bool | None = None
        self._mirrors: tuple[bool, bool] | None = None
        self._cp: object = None
        self._signals = {"pwm": False, "s2": False}
        self._cause = "power-on"

    @property
    def relay(self) -> bool:
        """The Pi's half of the interlock."""
        return self._relay

    @property
    def supplied(self) -> bool:
        """Whether voltage is at the socket while the cabinet has any."""
        return self.breaker and self.contactor.closed

    def relay_moved(self, level: bool, cause: str) -> None:
        """The Pi switched its relay."""
        self._relay, self._cause = level, cause
        self._log.add(self.wiring.evse, "relay", level, cause)

    def step(self, now_s: float, mains: bool) -> None:
        """Advance everything to `now_s`; without `mains` no coil holds and no current flows."""
        self._step_coil(mains)
        if self.breaker and self.board.shunt:
            self.breaker = False
            self._log.add(self.wiring.evse, "breaker", False, "shunt trip of the board")
        if self.contactor.step(now_s, self.coil):
            self._contact_moved(f"coil {'on' if self.coil else 'off'}")
        self._wire_mirror()
        duty = self.board.duty if mains else None
        self.car.step(now_s, duty, supplied=mains and self.supplied)
        self._signal("pwm", duty is not None and 0 < duty < 1)
        self._signal("s2", self.car.s2)
        load = self.car.load()
        if (load, self.pilot_mv) != self._cp:
            self._cp = (load, self.pilot_mv)
            if self.pilot_mv is None:
                self.board.set_cp(*load)
            else:
                self.board.set_plateaus_mv(*self.pilot_mv)

    def weld(self) -> None:
        """Weld the main contacts."""
        if self.contactor.weld():
            self._contact_moved("welded by the rig")

    def repair(self) -> None:
        """A new contactor."""
        if self.contactor.repair():
            self._contact_moved("repaired by the rig")

    def stick(self, channel: str) -> None:
        """Bridge a channel: "relay" or "interlock"."""
        self.stuck[channel] = True
        self._cause = f"{channel} bridged by the rig"

    def unstick(self, channel: str) -> None:
        """Take the bridge away."""
        self.stuck[channel] = False
        self._cause = f"{channel} repaired by the rig"

    def press(self, pressed: bool) -> None:
        """The emergency stop: it breaks the coil's supply by itself, and tells the board."""
        self.estop = pressed
        self._cause = f"emergency stop {'pressed' if pressed else 'released'}"
        self.board.set_pin("estop", pressed)

    def open_breaker(self) -> None:
        """It tripped, or somebody switched it off."""
        if self.breaker:
            self.breaker = False
            self._log.add(self.wiring.evse, "breaker", False, "opened by the rig")

    def close_breaker(self) -> None:
        """Somebody switches it on again."""
        if not self.breaker:
            self.breaker = True
            self._log.add(self.wiring.evse, "breaker", True, "closed by the rig")

    def _step_coil(self, mains: bool) -> None:
        permit = self.board.permit and mains
        if permit != self._permit:
            self._permit = permit
            self._cause = "PERMIT of the board" if mains else "power cut by the rig"
            self._log.add(self.wiring.evse, "permit", permit, self._cause)
        request = (self._relay or self.stuck["relay"]) and mains and not self.estop
        if request != self._request:
            self._request = request
            self.board.set_pin("request", request)
        coil = request and (permit or self.stuck["interlock"])
        if coil != self.coil:
            self.coil = coil
            self._log.add(self.wiring.evse, "coil", coil, self._cause)

    def _signal(self, what: str, level: bool) -> None:
        if level != self._signals[what]:
            self._signals[what] = level
            self._log.signal(self.wiring.evse, what, level)

    def _contact_moved(self, cause: str) -> None:
        self._log.add(self.wiring.evse, "contact", self.contactor.closed, cause)

    def _wire_mirror(self) -> None:
        closed = self.contactor.closed
        mirrors = (closed if self.mirror_to_pi is None else self.mirror_to_pi,
                   closed if self.mirror_to_board is None else self.mirror_to_board)
        if mirrors != self._mirrors:
            self._mirrors = mirrors
            self._drive(self.wiring.mirror_gpio, mirrors[0])
            self.board.set_pin("mirror", mirrors[1])
