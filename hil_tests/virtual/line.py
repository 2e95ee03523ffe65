"""A virtual RS-485 line: a `Wire` with a pty for the master, and devices of other processes on it.

The wire, its slaves and its faults are those of `wire.py`; here are the operating system's ends. The
baud is the one that the master has set its port to: the kernel keeps it for both ends of a pty. (Parity
it refuses, so that is not seen.) Slaves are in-process (`attach`) or raw byte pipes of another process,
such as the UART of a pilot board (`attach_fd`). Imports nothing of the product.
"""

import asyncio
import os
import termios
import tty
from collections.abc import Callable
from pathlib import Path

from hil_tests.virtual.spoil import FAULTS, crc
from hil_tests.virtual.wire import Slave, Traffic, Wire

__all__ = ["FAULTS", "Line", "Slave", "Traffic", "crc"]

_SPEEDS = {getattr(termios, f"B{baud}"): baud
           for baud in (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)}
_CODES = {baud: code for code, baud in _SPEEDS.items()}
_ISPEED, _OSPEED = 4, 5  # places in what `tcgetattr` returns


class Line(Wire):
    """One line. `path`: a stable symlink to the pty, for the master's configuration.

    `baud`: what the port is set to until a master sets it. The rest as of `Wire`.
    """

    def __init__(self, path: Path, *, baud: int = 19200, bits_per_char: int = 11,
                 hear_all: bool = True, paced: bool = True) -> None:
        super().__init__(baud=baud, bits_per_char=bits_per_char, hear_all=hear_all, paced=paced)
        self.path = Path(path)
        self._fds: dict[int, int] = {}  # unit -> descriptor
        self._master_fd = self._slave_fd = -1
        self._send_down = self.connect(self._to_pty)

    async def start(self) -> None:
        """Create the pty and listen."""
        if self._master_fd < 0:
            self.plug()

    async def stop(self) -> None:
        """Close everything; attached descriptors stay their owner's."""
        self.unplug()
        self.close()
        for unit in list(self._fds):
            self.detach(unit)

    def plug(self) -> None:
        """The adapter appears (again): a new pty behind the same path."""
        self._master_fd, self._slave_fd = os.openpty()
        tty.setraw(self._slave_fd, termios.TCSANOW)
        if self.baud in _CODES:
            settings = termios.tcgetattr(self._slave_fd)
            settings[_ISPEED] = settings[_OSPEED] = _CODES[self.baud]
            termios.tcsetattr(self._slave_fd, termios.TCSANOW, settings)
        os.set_blocking(self._master_fd, False)
        fresh = self.path.with_name(self.path.name + ".new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(self._slave_fd))
        fresh.replace(self.path)
        asyncio.get_running_loop().add_reader(self._master_fd, self._from_pty)

    def unplug(self) -> None:
        """The adapter is pulled out: the master's descriptor hangs up and the path is gone."""
        if self._master_fd < 0:
            return
        asyncio.get_running_loop().remove_reader(self._master_fd)
        os.close(self._master_fd)
        os.close(self._slave_fd)
        self._master_fd = self._slave_fd = -1
        self.path.unlink(missing_ok=True)

    def attach_fd(self, fd: int, unit: int, *, baud: int | None = None) -> None:
        """Add a device behind a descriptor (pty, socket): raw bytes both ways, made non-blocking."""
        send = self.attach_talker(unit, lambda data: _write(fd, data), baud=baud)
        os.set_blocking(fd, False)
        self._fds[unit] = fd
        asyncio.get_running_loop().add_reader(fd, self._from_fd, unit, fd, send)

    def detach(self, unit: int) -> None:
        """Take a device off the line."""
        super().detach(unit)
        fd = self._fds.pop(unit, None)
        if fd is not None:
            asyncio.get_running_loop().remove_reader(fd)

    def _from_pty(self) -> None:
        try:
            data = os.read(self._master_fd, 4096)
        except OSError:
            return
        speed = _SPEEDS.get(termios.tcgetattr(self._slave_fd)[_OSPEED])
        if speed is not None and speed != self.baud:
            self.speak(speed)
        self._send_down(data)

    def _to_pty(self, data: bytes) -> None:
        if self._master_fd >= 0:
            _write(self._master_fd, data)

    def _from_fd(self, unit: int, fd: int, send: Callable[[bytes], None]) -> None:
        try:
            data = os.read(fd, 4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # the device's process is gone
            self.detach(unit)
            return
        send(data)


def _write(fd: int, data: bytes) -> None:
    try:
        os.write(fd, data)
    except OSError:
        pass  # who does not listen loses bytes, as on a wire
