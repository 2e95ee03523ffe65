# CRC-16/MODBUS (Modbus over serial line V1.02, 6.2.2): of the line's frames, and of what flash keeps. Pure.
# It finds every error of one, two or any odd number of bits, and every burst of up to 16.
from array import array


def _table():
    table = array("H", bytes(512))
    for i in range(256):
        crc = i
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
        table[i] = crc
    return table


_TABLE = _table()


def crc16(data, start, end):
    # Of data[start:end].
    crc = 0xFFFF
    table = _TABLE
    for i in range(start, end):
        crc = (crc >> 8) ^ table[(crc ^ data[i]) & 0xFF]
    return crc
