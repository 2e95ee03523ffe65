"""The real driver of nfcpy's on a reader that is a list of answers (CCID, escaped PN532 commands)."""

import struct

import nfc.clf
import nfc.clf.acr122
import pytest

from edge.rfid.acr122 import tame_acr122
from edge.rfid.frontend import Frontend

POWER_DOWN = 0x16


class PlayedAcr122:
    """Where the USB transport stands. It does not open again once its chip was put to sleep."""

    TYPE, manufacturer_name, product_name = "USB", "ACS", "ACR122U PICC Interface"

    def __init__(self):
        self.chip, self.answer, self.opened = [], b"", 0

    def write(self, frame):
        block = bytes(frame[10:])
        if block[:4] == bytes.fromhex("FF000000"):
            command = block[6]
            self.chip.append(command)
            said = {0x00: block[7:], 0x02: b"\x32\x01\x06\x07", POWER_DOWN: b"\x00"}.get(command, b"")
            self.answer = bytes([0xD5, command + 1]) + said + b"\x90\x00"
        else:
            self.answer = b"ACR122U207" if block[:3] == bytes.fromhex("FF0048") else b"\x90\x00"

    def read(self, timeout):
        return bytearray(struct.pack("<BI5B", 0x80, len(self.answer), 0, 0, 0, 0, 0) + self.answer)

    def open(self):
        if POWER_DOWN in self.chip:
            raise OSError("no such device until it is replugged")
        self.opened += 1
        return self

    def close(self):
        pass


def reader(played):
    def connect(path):
        clf = nfc.clf.ContactlessFrontend()
        clf.device = nfc.clf.acr122.init(played.open())
        return clf
    return Frontend("usb:072f:2200", virtual=False, connect=connect)


def test_it_opens_again_after_it_was_closed():
    played = PlayedAcr122()
    frontend = reader(played)
    for _ in range(3):
        frontend.open()
        frontend.close()
    assert played.opened == 3
    assert "ACR122U" in frontend.chip


def test_the_played_reader_breaks_as_the_real_one_does():
    played = PlayedAcr122()
    nfc.clf.acr122.init(played.open()).close()
    with pytest.raises(OSError, match="replugged"):
        played.open()


def test_other_devices_are_left_as_they_are():
    class Chipset:
        def power_down(self):
            return "down"

    class Device:
        chipset = Chipset()
    tame_acr122(Device)
    assert Device.chipset.power_down() == "down"
