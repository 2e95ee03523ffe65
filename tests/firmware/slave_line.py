# A line with one board on it, and frames, for the tests of firmware/modbus_slave.py.
import sys

from bench import Bench
from desk import Desk
from kept import Kept
from modbus_slave import Slave

UNIT = 11
MICROPYTHON = sys.implementation.name == "micropython"


def crc(data):
    # CRC-16/MODBUS bit by bit, from the serial line specification V1.02, 6.2.2.
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ 0xA001 if register & 1 else register >> 1
    return bytes((register & 0xFF, register >> 8))


def frame(unit, *pdu):
    body = bytes([unit]) + bytes(pdu)
    return body + crc(body)


def split(*values):
    halves = []
    for value in values:
        halves.append(value >> 8)
        halves.append(value & 0xFF)
    return halves


def read(address, count, unit=UNIT, function=3):
    return frame(unit, function, *split(address, count))


def write_one(address, value, unit=UNIT):
    return frame(unit, 6, *split(address, value))


def write(address, *values, unit=UNIT):
    return write_raw(address, len(values), 2 * len(values), *split(*values), unit=unit)


def write_raw(address, count, size, *halves, unit=UNIT):
    # Function 16 with whatever it says of itself.
    body = split(address, count)
    body.append(size)
    body.extend(halves)
    return frame(unit, 16, *body)


class Flash:
    def __init__(self):
        self.slots = [b"", b""]

    def read(self, slot):
        return self.slots[slot]

    def append(self, slot, data):
        self.slots[slot] += bytes(data)

    def erase(self, slot):
        self.slots[slot] = b""


class Line:
    # A bench with its desk and slave; `heard`: how often the controller was.

    def __init__(self):
        self.bench = Bench()
        self.desk = Desk(self.bench.core, Kept(Flash()), 1)
        self.slave = Slave(UNIT, self.desk, self._hear)
        self.heard = 0

    def _hear(self):
        self.heard += 1
        self.bench.core.heard()

    def ask(self, request):
        reply = self.slave.feed(request, len(request))
        return None if reply is None else bytes(reply)

    def silence(self):
        reply = self.slave.silence()
        return None if reply is None else bytes(reply)
