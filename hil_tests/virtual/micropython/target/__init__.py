"""What MicroPython imports on the virtual board (`MICROPYPATH` points here)."""
