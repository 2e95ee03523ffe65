"""Faults of the surroundings: temperature, door, tilt, water, breaker, earth, emergency stop."""

from edge.controller.rules.found import Standing
from edge.controller.turn import Turn


def standing(turn: Turn) -> Standing:
    """Faults that sensors and digital inputs show."""
    del turn
    yield from ()
