"""A PN532 chip behind a serial port, on a pseudo terminal: nfcpy's real driver talks to it.

Source: NXP UM0701-02, as far as nfcpy 1.0.4 uses it: frames, baud rates, power down, registers of the
radio, InListPassiveTarget, InDataExchange and InCommunicateThru at 106 kbit/s type A. The card in the
field and what goes wrong in the air: `air`. Times of radio and serial line are not played.
"""

import os
import pty
import select
import termios
import threading
import time
import tty

from hil_tests.virtual.card import ANTICOLLISION, CASCADE_TAG, ISO_DEP, REQA, SELECT, SELECT_ALL
from hil_tests.virtual.field import Air, Answer

BAUDS = (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1288000)
_SPEEDS = {getattr(termios, f"B{baud}"): baud for baud in BAUDS if hasattr(termios, f"B{baud}")}
FIRST_BAUD = 115200
ACK, START, ERROR = b"\x00\x00\xff\x00\xff\x00", b"\x00\x00\xff", b"\x00\x00\xff\x01\xff\x7f\x81\x00"
_WAKING = 5  # bytes that a chip which sleeps needs to hear before a frame
DIAGNOSE, GET_VERSION, READ_REGISTER, WRITE_REGISTER = 0x00, 0x02, 0x06, 0x08
SET_BAUD, SET_PARAMETERS, SAM_CONFIGURATION, POWER_DOWN = 0x10, 0x12, 0x14, 0x16
RF_CONFIGURATION, IN_DATA_EXCHANGE, IN_COMMUNICATE_THRU, IN_LIST = 0x32, 0x40, 0x42, 0x4A
RX_MODE, FIFO_DATA = 0x6303, 0x6339
_CRC_CHECKED = 0x80
_AUTOMATIC_RATS = 0x10  # on until SetParameters; nfcpy turns it off
_FIELD, _FIELD_ON, _TIMINGS = 0x01, 0x01, 0x02  # of RFConfiguration
OK, TIMEOUT, CRC_ERROR = b"\x00", b"\x01", b"\x02"


class Pn532Chip:
    """One chip with a thread of its own. `wedged`: it answers nothing any more, until it is set back.

    `baud`: what it hears and speaks; a host at another rate hears nothing. `path`: its terminal.
    """

    def __init__(self, *, baud: int = FIRST_BAUD) -> None:
        """`baud`: at which a process that was killed left it. Starts at once."""
        self.air = Air()
        self.wedged = False
        self.baud, self._next_baud = baud, baud
        self.commands = 0  # that it has obeyed
        self.misheard = 0  # bytes that came at another rate, or while it slept
        self.asleep = False
        self._parameters = _AUTOMATIC_RATS
        self._wait_s = 0.0512  # how long it waits for a card
        self._registers: dict[int, int] = {}
        self._heard = b""
        self._chip, self._host = pty.openpty()  # the host's end stays open: the line stays up
        tty.setraw(self._host)
        self.path = os.ttyname(self._host)
        self._plugged = True
        self._thread = threading.Thread(target=self._run, name="pn532", daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """As pulling a USB serial adapter: reads and writes of the driver fail from now on."""
        if self._plugged:
            self._plugged = False
            self._thread.join()
            os.close(self._host)
            os.close(self._chip)

    def power_cycle(self) -> None:
        """Its supply was off and came back; the serial adapter stayed where it is."""
        self.air.power_off()
        self.baud = self._next_baud = FIRST_BAUD
        self.asleep = self.wedged = False
        self._parameters, self._heard = _AUTOMATIC_RATS, b""
        self._registers.clear()

    def _run(self) -> None:
        while self._plugged:
            if select.select([self._chip], [], [], 0.02)[0]:
                self._take(os.read(self._chip, 4096))

    def _take(self, data: bytes) -> None:
        host_baud = _SPEEDS.get(termios.tcgetattr(self._host)[5], 0)
        if self._next_baud != self.baud and (host_baud == self._next_baud or data.endswith(ACK)):
            self.baud = self._next_baud  # the host's ACK may be lost when it opens the port anew
            data = data.removeprefix(ACK)
        elif host_baud != self.baud:
            self.misheard += len(data)
            return
        if self.asleep:
            self.asleep = False
            if data.find(START) < _WAKING:
                self.misheard += len(data)
                return
        self._heard += data
        while self._plugged and self._one_frame():
            pass

    def _one_frame(self) -> bool:
        at = self._heard.find(START)
        frame = self._heard[at:] if at >= 0 else b""
        if len(frame) >= len(ACK) and frame[3:5] == b"\x00\xff":  # stop what you do
            self._heard = frame[len(ACK):]
            return True
        if len(frame) < 8:
            return False
        long = frame[3:5] == b"\xff\xff"
        begin, size = (8, int.from_bytes(frame[5:7], "big")) if long else (5, frame[3])
        if len(frame) < begin + size + 2:
            return False
        body, self._heard = frame[begin:begin + size], frame[begin + size + 2:]
        if not self.wedged and sum(frame[begin:begin + size + 1]) & 0xFF == 0 and len(body) >= 2:
            self._say(ACK)
            answer = self._answer(body[1], body[2:])
            self._say(ERROR if answer is None else _framed(bytes([0xD5, body[1] + 1]) + answer))
        return True

    def _say(self, data: bytes) -> None:
        if not self.wedged:
            os.write(self._chip, data)

    def _answer(self, command: int, data: bytes) -> bytes | None:
        """What follows the answer's code; None: a command that it does not know."""
        self.commands += 1
        if command == IN_LIST:
            return self._list(data)
        if command in (IN_COMMUNICATE_THRU, IN_DATA_EXCHANGE):
            return self._thru(data if command == IN_COMMUNICATE_THRU else data[1:])  # less its target
        if command == DIAGNOSE:
            return data if data[:1] == b"\x00" else OK  # the communication line test is an echo
        if command == GET_VERSION:
            return b"\x32\x01\x06\x07"
        if command == READ_REGISTER:
            return bytes(self._registers.get(address, 0) for address in _words(data, 2))
        return b"" if self._settled(command, data) else OK if command == POWER_DOWN else None

    def _settled(self, command: int, data: bytes) -> bool:
        """Commands that have nothing to say."""
        if command == WRITE_REGISTER:
            self._registers.update((word >> 8, word & 0xFF) for word in _words(data, 3))
        elif command == SET_BAUD:
            self._next_baud = BAUDS[data[0]]
        elif command == SET_PARAMETERS:
            self._parameters = data[0]
        elif command == RF_CONFIGURATION:
            if data[0] == _FIELD and not data[1] & _FIELD_ON:
                self.air.power_off()
            elif data[0] == _TIMINGS:
                self._wait_s = 100e-6 * 2 ** (data[3] - 1)
        elif command == POWER_DOWN:
            self.asleep = True
            self.air.power_off()
            return False
        else:
            return command == SAM_CONFIGURATION
        return True

    def _list(self, data: bytes) -> bytes:
        """InListPassiveTarget: at most one card, type A at 106 kbit/s."""
        self._registers[RX_MODE] = _CRC_CHECKED
        if len(data) < 2 or data[1] != 0:
            return b"\x00"
        self._registers[FIFO_DATA] = REQA[0]  # stays there when nobody answers
        atqa = self._exchange(REQA)
        if atqa is None:
            return b"\x00"
        self._registers[FIFO_DATA] = SELECT[0]
        found = self._selected()
        if found is None:
            return b"\x00"
        uid, sak = found
        ats = b""
        if sak & ISO_DEP and self._parameters & _AUTOMATIC_RATS:
            ats = self._exchange(b"\xe0\x50") or b""
        return b"\x01\x01" + atqa[::-1] + bytes([sak, len(uid)]) + uid + ats

    def _selected(self) -> tuple[bytes, int] | None:
        uid = b""
        for level in SELECT:
            part = self._exchange(bytes([level, ANTICOLLISION]))
            if part is None or len(part) != 5:
                return None
            sak = self._exchange(bytes([level, SELECT_ALL]) + part)
            if sak is None:
                return None
            if part[0] != CASCADE_TAG:
                return uid + part[:4], sak[0]
            uid += part[1:4]
        return None

    def _thru(self, data: bytes) -> bytes:
        """A frame, and what came back with its status."""
        answer = self._heard_of(data)
        if answer is None:
            return TIMEOUT
        if self._registers.get(RX_MODE, 0) & _CRC_CHECKED:
            return CRC_ERROR if answer.spoilt or not answer.frame else OK + answer.frame
        crc = _crc_a(answer.frame) if len(answer.frame) > 1 else b""  # four bits have none
        return OK + answer.frame + (crc[::-1] if answer.spoilt else crc)

    def _exchange(self, frame: bytes) -> bytes | None:
        answer = self._heard_of(frame)
        return None if answer is None or answer.spoilt or not answer.frame else answer.frame

    def _heard_of(self, frame: bytes) -> Answer | None:
        answer = self.air.exchange(frame)
        if answer is None or not answer.late_s:
            return answer
        time.sleep(min(answer.late_s, self._wait_s))
        return answer if answer.late_s <= self._wait_s else None


def _framed(body: bytes) -> bytes:
    """Length and checksums around a body; the long form from 256 on."""
    if len(body) < 256:
        head = bytes([len(body), -len(body) & 0xFF])
    else:
        size = len(body).to_bytes(2, "big")
        head = b"\xff\xff" + size + bytes([-sum(size) & 0xFF])
    return START + head + body + bytes([-sum(body) & 0xFF, 0])


def _words(data: bytes, size: int) -> list[int]:
    return [int.from_bytes(data[at:at + size], "big") for at in range(0, len(data), size)]


def _crc_a(data: bytes) -> bytes:
    """ISO/IEC 14443-3, annex B: low byte first."""
    crc = 0x6363
    for byte in data:
        byte = (byte ^ crc) & 0xFF
        byte = (byte ^ byte << 4) & 0xFF
        crc = crc >> 8 ^ byte << 8 ^ byte << 3 ^ byte >> 4
    return crc.to_bytes(2, "little")
