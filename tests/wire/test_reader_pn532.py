"""The real pn532 driver and pyserial, against a chip that is played on a pseudo terminal.

Proves what a UDP radio cannot: a serial cable that is pulled out (termios.error, which is no OSError).
"""

import contextlib
import errno
import os
import pathlib
import pty
import select
import threading
import tty

import pytest

from edge.controller.trouble import LineDown
from edge.rfid.frontend import Card, Frontend

pytestmark = pytest.mark.wire

UID, ATS = bytes.fromhex("04A3C6CAE26180"), bytes.fromhex("067777710280")
DIAGNOSE, GET_VERSION, READ_REGISTER, POWER_DOWN = 0x00, 0x02, 0x06, 0x16
IN_COMMUNICATE, IN_LIST = 0x42, 0x4A
ACK, START = b"\x00\x00\xff\x00\xff\x00", b"\x00\x00\xff"


class PlayedPn532(threading.Thread):
    """Answers the commands of nfcpy's driver (NXP UM0701-02). `card`: one lies on it."""

    def __init__(self):
        super().__init__(daemon=True)
        self._chip, host = pty.openpty()
        tty.setraw(host)
        self.path = os.ttyname(host)
        self._host = host  # kept open: the line stays up while no driver has it
        self.card, self.wedged, self._plugged, self._heard = False, False, True, b""
        self.start()

    def unplug(self):
        """As pulling a USB serial adapter: reads and writes of the driver fail."""
        if self._plugged:
            self._plugged = False
            self.join()
            os.close(self._host)
            os.close(self._chip)

    def run(self):
        while self._plugged:
            if select.select([self._chip], [], [], 0.02)[0]:
                self._heard += os.read(self._chip, 1024)
                while self._plugged and self._one_command():
                    pass

    def _one_command(self):
        at = self._heard.find(START)
        frame = self._heard[at:] if at >= 0 else b""
        if len(frame) >= 6 and frame[3] == 0:  # the host's ACK: stop what you do
            self._heard = frame[6:]
            return True
        if len(frame) < 8:
            return False
        long = frame[3:5] == b"\xff\xff"
        begin, size = (8, int.from_bytes(frame[5:7], "big")) if long else (5, frame[3])
        if len(frame) < begin + size + 2:
            return False
        command, self._heard = frame[begin + 1:begin + size], frame[begin + size + 2:]
        if not self.wedged:
            body = bytes([0xD5, command[0] + 1]) + self._answer(command[0], command[1:])
            os.write(self._chip, ACK + START + head(len(body)) + body + bytes([-sum(body) & 0xFF, 0]))
        return True

    def _answer(self, command, data):
        if command == GET_VERSION:
            return b"\x32\x01\x06\x07"
        if command == READ_REGISTER:
            return bytes(len(data) // 2)
        if command == IN_LIST:
            found = b"\x01\x01\x03\x44\x20" + bytes([len(UID)]) + UID
            return found if self.card and data[1] == 0 else b"\x00"
        if command == IN_COMMUNICATE:
            return b"\x00" + ATS if self.card and data[:1] == b"\xe0" else b"\x01"
        if command == DIAGNOSE:
            return data  # the communication line test is an echo
        return b"\x00" if command == POWER_DOWN else b""


def head(size):
    """Length and its checksum; the long form from 256 on."""
    if size < 256:
        return bytes([size, -size & 0xFF])
    high, low = divmod(size, 256)
    return bytes([0xFF, 0xFF, high, low, -(high + low) & 0xFF])


@pytest.fixture
def chip():
    chip = PlayedPn532()
    yield chip
    chip.unplug()


def connect_to(chip):
    """A pseudo terminal has no name that nfcpy's paths can spell."""
    def connect(path):
        import nfc.clf
        import nfc.clf.pn532
        import nfc.clf.transport

        clf = nfc.clf.ContactlessFrontend()
        clf.device = nfc.clf.pn532.init(nfc.clf.transport.TTY(chip().path))
        return clf
    return Frontend("tty:played:pn532", virtual=False, connect=connect)


@pytest.fixture
def frontend(chip):
    frontend = connect_to(lambda: chip)
    frontend.open()
    yield frontend
    frontend.close()


def test_a_card_is_seen_and_selected(chip, frontend):
    assert frontend.sense() is None
    chip.card = True
    card = frontend.sense()
    assert card == Card(uid=UID, sak=0x20, atqa=b"\x44\x03")
    assert frontend.select(card) == ATS


def test_a_pulled_cable_is_a_lost_line_and_leaves_no_open_port_behind(chip, frontend):
    assert frontend.sense() is None
    before = open_terminals()
    chip.unplug()
    for _ in range(3):
        with pytest.raises(LineDown):
            frontend.sense()
    frontend.close()
    assert len(open_terminals()) < len(before)


def test_a_wedged_chip_is_a_lost_line_and_can_be_opened_again(chip, frontend):
    chip.wedged = True
    with pytest.raises(LineDown):
        frontend.sense()
    frontend.close()
    with pytest.raises(LineDown):
        frontend.open()
    chip.wedged = False
    frontend.open()
    chip.card = True
    assert frontend.sense() is not None


def test_a_reader_plugged_in_again_works(chip):
    chips = [chip]
    frontend = connect_to(lambda: chips[-1])
    frontend.open()
    chip.unplug()
    with pytest.raises(LineDown):
        frontend.sense()
    with pytest.raises(LineDown):
        frontend.open()
    chips.append(PlayedPn532())
    try:
        frontend.open()
        assert frontend.sense() is None
        chips[-1].card = True
        assert frontend.sense() is not None
    finally:
        frontend.close()
        chips[-1].unplug()


def open_terminals():
    found = []
    for fd in pathlib.Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if "/dev/pts/" in str(fd.readlink()):
                found.append(fd)
    return found


def test_the_played_chip_breaks_as_a_real_line_does(chip):
    host = os.open(chip.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        chip.unplug()
        with pytest.raises(OSError) as caught:
            os.write(host, b"\x55")
        assert caught.value.errno == errno.EIO
    finally:
        os.close(host)
