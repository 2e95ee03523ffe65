# Version of this firmware. The map's version is in registers.py.
MAJOR = 0
MINOR = 3
