"""Stands in for the `RPi` package on machines without GPIO; on PYTHONPATH of a virtual site only."""
