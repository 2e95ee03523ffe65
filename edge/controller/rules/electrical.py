"""Faults that currents and voltages show: soft overcurrent, over- and undervoltage, overload."""

from edge.controller.rules.found import Standing
from edge.controller.turn import Turn


def standing(turn: Turn) -> Standing:
    """Faults of every car's current, of the supply's voltage and of every circuit's load."""
    del turn
    yield from ()
