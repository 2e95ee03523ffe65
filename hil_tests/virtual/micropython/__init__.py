"""Real MicroPython on a virtual board: the runtime, and the `machine` module that it finds there."""
