"""The electrical part of a charging point that no computer runs: contactor and car.

Pure: time is handed in, in seconds of a monotonic clock. Pilot numbers: IEC 61851-1 Annex A.
"""

import math
from dataclasses import dataclass, field

RESISTOR_B_OHM = 2740  # car connected
RESISTOR_C_OHM = 882  # car asks for energy (S2 closed)
RESISTOR_D_OHM = 246  # car asks for energy with ventilation

# Phase voltages of this cabinet, a little apart as in every house, and the sag per ampere.
_VOLTAGE_V = (230.4, 229.7, 231.1)
_SAG_V_PER_A = 0.05


def current_of_duty_a(duty: float | None) -> float | None:
    """What a car reads from the pilot: amperes per phase, 0 for "wait", None without a valid PWM.

    `duty` is the share of the positive half, 0 to 1; None, 0 (F) and 1 (X1) are steady levels.
    Below 8 % (3-7 % is digital communication) and above 97 %: no charging (Annex A, car's side).
    """
    if duty is None or not 0.08 <= duty <= 0.97:
        return None
    percent = duty * 100
    if percent < 10:
        return 6.0
    if percent <= 85:
        return percent * 0.6
    return (min(percent, 96) - 64) * 2.5


def voltage_v(phase: int, current_a: float) -> float:
    """Voltage of grid phase 0, 1 or 2 at a load."""
    return _VOLTAGE_V[phase] - _SAG_V_PER_A * current_a


@dataclass
class Contactor:
    """Main contacts that follow a coil after their time. Public fields are what a rig may break."""

    pull_in_s: float = 0.020
    drop_out_s: float = 0.015
    welded: bool = False  # closed contacts do not open any more
    stuck_open: bool = False  # the armature does not move
    closed: bool = False
    _coil: bool = False
    _due_s: float = math.inf

    def step(self, now_s: float, coil: bool) -> bool:
        """Advance to `now_s`; True if the main contacts moved."""
        if coil != self._coil:
            self._coil = coil
            self._due_s = now_s + (self.pull_in_s if coil else self.drop_out_s)
        if now_s < self._due_s:
            return False
        self._due_s = math.inf
        return self._move(self._coil)

    def weld(self) -> bool:
        """Weld the contacts shut, whatever they were; True if they moved."""
        self.welded = True
        moved, self.closed = not self.closed, True
        return moved

    def repair(self) -> bool:
        """Undo `weld` and `stuck_open`; the contacts follow the coil at once. True if they moved."""
        self.welded = self.stuck_open = False
        return self._move(self._coil)

    def _move(self, closed: bool) -> bool:
        if closed == self.closed or (closed and self.stuck_open) or (not closed and self.welded):
            return False
        self.closed = closed
        return True


@dataclass
class Car:
    """A car: resistor and diode towards the pilot, current from the contactor, reaction times."""

    max_a: float = 16.0
    phases: int = 3
    ask_after_s: float = 0.5  # from a valid PWM to S2
    x1_open_s: float = 1.0  # from the end of the PWM to S2 open; the norm allows 3 s
    ramp_a_per_s: float = 40.0
    stubborn: bool = False  # ignores the end of the PWM
    full: bool = False
    dark: bool = False  # asks without any PWM, as after X1 or before the first offer
    asleep: bool = False  # asks for nothing until the pilot was gone: state F, or no supply behind it
    overdraw_a: float = 0.0  # takes so much more than it is offered
    plugged: bool = False
    override: tuple[float | None, bool] | None = None  # (ohms, diode) set by the rig
    current_a: float = 0.0
    s2: bool = False
    _asked_s: float | None = field(default=None, repr=False)
    _pwm_lost_s: float | None = field(default=None, repr=False)
    _last_s: float | None = field(default=None, repr=False)

    def plug(self) -> None:
        """Connect: S2 is open."""
        self.plugged, self.s2 = True, False
        self._asked_s = self._pwm_lost_s = None

    def unplug(self) -> None:
        """Disconnect, under load if it must be: the current ends here, whatever the contactor."""
        self.plugged = self.s2 = False
        self.override = None
        self.current_a = 0.0

    def load(self) -> tuple[float | None, bool]:
        """What the pilot sees: (ohms, diode present); ohms None is an open pilot."""
        if self.override is not None:
            return self.override
        if not self.plugged:
            return None, True
        return (RESISTOR_C_OHM if self.s2 else RESISTOR_B_OHM), True

    def step(self, now_s: float, duty: float | None, supplied: bool) -> None:
        """Advance to `now_s` with this pilot; `supplied`: voltage is at the socket."""
        elapsed_s = 0.0 if self._last_s is None else max(0.0, now_s - self._last_s)
        self._last_s = now_s
        offered_a = current_of_duty_a(duty) if self.plugged else None
        self.asleep = self.asleep and bool(duty)
        self._move_s2(now_s, (offered_a is not None or self.dark) and not self.asleep)
        self._follow(elapsed_s, offered_a, supplied)

    def _move_s2(self, now_s: float, pwm: bool) -> None:
        if not self.plugged:
            return
        if pwm and not self.full:
            self._pwm_lost_s = None
            self._asked_s = now_s if self._asked_s is None else self._asked_s
            self.s2 = self.s2 or now_s - self._asked_s >= self.ask_after_s
            return
        self._asked_s = None
        if not self.s2 or (self.stubborn and not self.full):
            return
        self._pwm_lost_s = now_s if self._pwm_lost_s is None else self._pwm_lost_s
        # A car first takes its current to zero and then opens S2: no arc in the contactor.
        if now_s - self._pwm_lost_s >= self.x1_open_s and self.current_a == 0:
            self.s2, self._pwm_lost_s = False, None

    def _follow(self, elapsed_s: float, offered_a: float | None, supplied: bool) -> None:
        if not supplied or not self.plugged:
            self.current_a = 0.0
            return
        target_a = 0.0
        if self.s2 and not self.full:
            limit_a = self.max_a if offered_a is None and self.stubborn else offered_a or 0.0
            target_a = min(limit_a + self.overdraw_a, self.max_a)
        step_a = self.ramp_a_per_s * elapsed_s
        if target_a > self.current_a:
            self.current_a = min(target_a, self.current_a + step_a)
        else:
            self.current_a = max(target_a, self.current_a - step_a)
