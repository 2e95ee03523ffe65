"""One outlet around a pilot board in real MicroPython: frames built here, a contactor that follows."""

import os
import select
import threading
import time

from edge.outlet import registers as r

UNIT = 11
DEADLINE_S = 20.0
A, B, C, D, E = None, 2740, 882, 246, 0  # what a car puts on the pilot, in ohm
FOLLOWS_S = 0.015  # the contactor


def crc(data):
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ 0xA001 if register & 1 else register >> 1
    return register.to_bytes(2, "little")


def words(*values):
    return b"".join((value & 0xFFFF).to_bytes(2, "big") for value in values)


def until(condition, deadline_s=DEADLINE_S):
    """Seconds until `condition()`."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < deadline_s, "it did not happen"
        time.sleep(0.001)
    return time.monotonic() - began


class Outlet:
    """A board, its contactor (a thread), the Pi's relay, and a master on the line.

    The contactor needs PERMIT and `request`; `welded` holds its main contacts.
    """

    def __init__(self, board, unit=UNIT):
        self.board = board
        self.unit = unit
        self.request = False
        self.welded = False
        self.shunt_pulses = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._closing.set()
        self._thread.join()

    def _follow(self):
        board, pins, closed, coil, shunt = self.board, (None, None), False, False, False
        moved = time.monotonic()
        while not self._closing.wait(0.001):
            fed = self.request and board.permit
            if fed != coil:
                coil, moved = fed, time.monotonic()
            if time.monotonic() - moved >= FOLLOWS_S:
                closed = coil
            if pins != (pins := (self.request, closed or self.welded)):
                board.set_pin("request", pins[0])
                board.set_pin("mirror", pins[1])
            self.shunt_pulses += board.shunt and not shunt
            shunt = board.shunt

    # --- the line

    def ask(self, pdu, unit=None):
        """One request; the answer's PDU. Repeats after silence, as a master does."""
        unit = self.unit if unit is None else unit
        request = bytes([unit]) + pdu
        request += crc(request)
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            os.write(self.board.uart_fd, request)
            if (reply := self._reply(0.5)) is not None:
                assert reply[0] == unit
                return reply[1:-2]
        raise AssertionError(f"no answer to {request.hex(' ')}; console: {self.board.console}")

    def tell(self, pdu, unit):
        """A request that nobody should answer; True if nobody did."""
        request = bytes([unit]) + pdu
        os.write(self.board.uart_fd, request + crc(request))
        return self._reply(0.3) is None

    def _reply(self, silence_s):
        reply = b""
        while select.select([self.board.uart_fd], [], [], silence_s)[0]:
            reply += os.read(self.board.uart_fd, 512)
            if len(reply) > 4 and crc(reply[:-2]) == reply[-2:]:
                return reply
        return None

    def read(self, address, count=1):
        answer = self.ask(b"\x03" + words(address, count))
        assert answer[:2] == bytes([3, 2 * count])
        got = [int.from_bytes(answer[2 + 2 * i:4 + 2 * i], "big") for i in range(count)]
        return got[0] if count == 1 else got

    def signed(self, address):
        return (self.read(address) ^ 0x8000) - 0x8000

    def u32(self, address):
        high, low = self.read(address, 2)
        return high << 16 | low

    def write(self, address, *values):
        """FC16; 0 or the exception code."""
        pdu = b"\x10" + words(address, len(values)) + bytes([2 * len(values)]) + words(*values)
        answer = self.ask(pdu)
        return answer[1] if answer[0] & 0x80 else 0

    def write_one(self, address, value):
        """FC06; 0 or the exception code."""
        answer = self.ask(b"\x06" + words(address, value))
        return answer[1] if answer[0] & 0x80 else 0

    def command(self, code, sequence=0, current_da=0, ttl_ms=0):
        return self.write(r.COMMAND, code, sequence, current_da, ttl_ms)

    def settle(self, *, failsafe_da=0, hold_s=60, ttl_ms=5000, ventilation=0, f_ms=300, weld_ms=900):
        """Write the settings block; a weld is suspected late, as this machine may stall."""
        block = (self.read(r.SETTINGS_SEQ) + 1, failsafe_da, hold_s, ttl_ms, ventilation, f_ms, weld_ms)
        assert self.write(r.SETTINGS, *block) == 0

    # --- what the board says and does

    @property
    def bits(self):
        return self.read(r.PERMIT_BITS)

    @property
    def state(self):
        return self.bits >> 8 & 0x7

    @property
    def faults(self):
        return self.read(r.FAULT_BITS)

    def see(self, load, state):
        """Put a load on the pilot and wait until the board says so."""
        self.board.set_cp(load)
        until(lambda: self.state == state)

    def offer(self, current_da=160):
        """From nothing to PWM with a car in B."""
        self.see(A, r.PILOT_A)
        until(lambda: self.bits & r.PERMIT_TEST_OK)
        self.see(B, r.PILOT_B)
        assert self.command(r.COMMAND_OFFER, 0, current_da) == 0
        until(lambda: self.bits & r.PERMIT_DIODE_OK)

    def grant(self, current_da=160, ttl_ms=5000):
        """0 or the exception code."""
        return self.command(r.COMMAND_GRANT, self.read(r.GRANT_SEQ) + 1, current_da, ttl_ms)

    def charge(self, current_da=160, ttl_ms=5000):
        """From nothing to a closed contactor."""
        self.offer(current_da)
        self.see(C, r.PILOT_C)
        assert self.grant(current_da, ttl_ms) == 0, f"refused: {self.read(r.REFUSED_BITS):#x}"
        self.request = True
        until(lambda: self.bits & r.PERMIT_MIRROR_CLOSED)

    def opened(self, within_s):
        """Seconds until PERMIT falls; the relay follows, as the Pi's would."""
        taken_s = until(lambda: not self.board.permit, within_s)
        self.request = False
        until(lambda: not self.bits & (r.PERMIT_MIRROR_CLOSED | r.PERMIT_REQUEST))
        return taken_s
