"""What the kernel is asked for, and what it may say."""

import errno
import os
import pty
import struct

import pytest
import serial.rs485

from edge.bus.serial_port import SerialPort
from edge.bus.tty_modes import (
    ASYNC_LOW_LATENCY,
    TIOCGRS485,
    TIOCGSERIAL,
    TIOCSRS485,
    TIOCSSERIAL,
    set_low_latency,
    set_rs485,
)
from edge.bus.url import parse_url
from edge.controller.trouble import LineDown


class Driver:
    """Keeps what it is told, but for the bits in `stubborn`."""

    def __init__(self, size, stubborn_off=0, stubborn_on=0, at=0):
        self.kept, self.off, self.on, self.at = bytearray(size), stubborn_off, stubborn_on, at
        self.calls = []

    def __call__(self, fd, request, argument):
        self.calls.append(request)
        if request in (TIOCGRS485, TIOCGSERIAL):
            argument[:len(self.kept)] = self.kept
            return 0
        self.kept[:] = argument
        (flags,) = struct.unpack_from("=I", self.kept, self.at)
        struct.pack_into("=I", self.kept, self.at, flags & ~self.off | self.on)
        return 0


def test_the_rs485_structure_is_that_of_the_kernel_and_of_pyserial():
    import serial.serialposix as posix
    driver = Driver(32)
    set_rs485(3, hear_ourselves=False, call=driver)
    assert driver.calls == [TIOCSRS485, TIOCGRS485] == [posix.TIOCSRS485, posix.TIOCGRS485]
    words = struct.unpack("=8I", driver.kept)
    assert words == (posix.SER_RS485_ENABLED | posix.SER_RS485_RTS_ON_SEND, 0, 0, 0, 0, 0, 0, 0)
    assert serial.rs485.RS485Settings().rts_level_for_tx and not serial.rs485.RS485Settings().loopback
    set_rs485(3, hear_ourselves=True, call=driver)
    assert struct.unpack_from("=I", driver.kept)[0] & posix.SER_RS485_RX_DURING_TX


@pytest.mark.parametrize(("driver", "hear", "said"), [
    (Driver(32, stubborn_off=1), False, "did not switch it on"),
    (Driver(32, stubborn_on=16), False, "echo=1"), (Driver(32, stubborn_off=16), True, "echo=0"),
])
def test_a_driver_that_does_otherwise_is_found_out(driver, hear, said):
    with pytest.raises(OSError, match=said):
        set_rs485(3, hear_ourselves=hear, call=driver)


@pytest.mark.wire
async def test_a_port_without_rs485_mode_says_so_and_stays_free(tmp_path):
    master, slave = pty.openpty()
    path = os.ttyname(slave)
    try:
        port = SerialPort(parse_url(f"rtu:{path}?rs485=1"), lambda _: None, lambda: None)
        with pytest.raises(LineDown, match=r"RS-485 mode at .*has no RS-485 mode.*expected rs485=0"):
            await port.open()
        assert port.lost is not None
        other = SerialPort(parse_url(f"rtu:{path}"), lambda _: None, lambda: None)
        await other.open()
        assert other.low_latency is False, "a pty has no such thing, and that is no error"
        other.close()
    finally:
        os.close(master)
        os.close(slave)


def test_low_latency_is_asked_for_and_what_the_kernel_says_is_told(tmp_path):
    timer, device = str(tmp_path / "{name}"), "/dev/ttyUSB7"
    driver = Driver(128, at=16)
    driver.kept[0:4] = b"\x0e\x00\x00\x00"
    assert set_low_latency(3, device, driver, timer)
    assert driver.calls == [TIOCGSERIAL, TIOCSSERIAL, TIOCGSERIAL]
    assert driver.kept[0] == 0x0E, "everything else went back as it came"
    assert struct.unpack_from("=i", driver.kept, 16)[0] == ASYNC_LOW_LATENCY
    assert not set_low_latency(3, device, Driver(128, ASYNC_LOW_LATENCY, at=16), timer)

    def refuses(fd, request, argument):
        raise OSError(errno.ENOTTY, "no")
    assert not set_low_latency(3, device, refuses, timer)
    (tmp_path / "ttyUSB7").write_text("16\n")
    assert set_low_latency(3, device, refuses, timer), "an FTDI adapter's own timer, written as root"
    assert (tmp_path / "ttyUSB7").read_text() == "1"
    (tmp_path / "ttyUSB7").write_text("rubbish")
    assert not set_low_latency(3, device, driver, timer)
