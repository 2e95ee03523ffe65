"""What several commands take: numbers within bounds, and a model by its slug."""

import argparse
import difflib
from collections.abc import Callable

from edge.meter.catalogue import load, slugs
from edge.meter.model import MeterModel

_NEAR = 4  # slugs named where one is misspelt


def seconds(least: float, most: float) -> Callable[[str], float]:
    """For `type=` of an argument: so many seconds."""
    def parsed(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(
                f"got {text!r}, expected seconds from {least:g} to {most:g}")
        return value
    return parsed


def whole(least: int, most: int) -> Callable[[str], int]:
    """For `type=` of an argument: a whole number."""
    def parsed(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"got {text!r}, expected {least}..{most}")
        return int(text)
    return parsed


def model(slug: str) -> MeterModel:
    """The model of this slug. Raises `ValueError` that names those that are spelt alike."""
    known = slugs()
    if slug in known:
        return load(slug)
    near = [one for one in known if slug and slug.lower() in one][:_NEAR] or difflib.get_close_matches(
        slug.lower(), known, _NEAR)
    guess = f", as {', '.join(near)}" if near else ""
    raise ValueError(f"--model: got {slug!r}, expected a slug of `forecourt meter models`{guess}")
