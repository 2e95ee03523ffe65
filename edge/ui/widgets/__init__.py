"""Widgets of the driver's screen, each painted cell by cell so that nothing wraps or scrolls."""
