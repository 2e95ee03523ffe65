"""A serial port as a non-blocking file descriptor on the loop. The only place that knows pyserial."""

import asyncio
import os
import stat
import termios
from collections.abc import Callable
from typing import TYPE_CHECKING

from edge.bus.descriptor import DescriptorPort
from edge.bus.tty_modes import set_low_latency, set_rs485
from edge.bus.url import LineUrl
from edge.controller.trouble import LineDown

if TYPE_CHECKING:
    from serial import Serial

_UNHEARD = 1  # writes without a byte in return; to look costs microseconds
_PTY_MAJORS = range(136, 144)  # Linux, Unix98 pty slaves (Documentation/admin-guide/devices.txt)


class SerialPort(DescriptorPort):
    """Opens, reads and writes one tty."""

    def __init__(self, url: LineUrl, on_data: Callable[[bytes], None],
                 on_lost: Callable[[], None]) -> None:
        super().__init__(url, on_data, on_lost)
        self._serial: Serial | None = None
        self._fd = -1
        self.low_latency: bool | None = None  # what the kernel said; None: never asked
        self._opened: os.stat_result | None = None

    async def open(self) -> None:
        """Take the port exclusively. Raises `LineDown`."""
        import serial
        parity = "N" if _is_pty(self.url.path) else self.url.parity  # Linux refuses parity on a pty
        try:
            self._serial = serial.Serial(
                self.url.path, baudrate=self.url.baud, parity=parity, stopbits=self.url.stop,
                timeout=0, write_timeout=0, exclusive=True)
        except (OSError, ValueError, termios.error) as error:
            raise self._down(str(error)) from error
        self._fd = self._serial.fileno()
        os.set_blocking(self._fd, False)
        if self.url.rs485:
            try:
                set_rs485(self._fd, hear_ourselves=self.url.echo)
            except OSError as error:
                self._shut()
                raise LineDown("RS-485 mode", where=self.url.path, got=str(error),
                               expected="rs485=0, or a port whose driver switches by RTS") from error
        self.low_latency = set_low_latency(self._fd, self.url.path)
        self._opened, self._unheard = os.fstat(self._fd), 0
        self.lost = None
        asyncio.get_running_loop().add_reader(self._fd, self.pump)

    def _receive(self) -> bytes:
        return os.read(self._fd, 4096)

    def _ended(self) -> str | None:
        return "hung up (unplugged?)" if _hung_up(self._fd) else None

    def _deaf(self) -> str | None:
        """An adapter that came back under another number may leave a descriptor that takes everything
        and hears nothing: after a silence it is seen whether the path still leads to it.
        """
        if self._unheard > _UNHEARD and self._replaced():
            return "another device is behind the path now"
        return None

    def _send(self, data: bytes) -> int:
        return os.write(self._fd, data)

    def close(self) -> None:
        """Give the port back. Idempotent."""
        if self._serial is None:
            return
        asyncio.get_running_loop().remove_reader(self._fd)
        self._shut()

    def _replaced(self) -> bool:
        self._unheard = 0
        try:
            now = os.stat(self.url.path)  # noqa: PTH116
        except OSError:
            return True
        return self._opened is not None and not os.path.samestat(now, self._opened)

    def _shut(self) -> None:
        if self._serial is None:
            return
        port, self._serial, self._fd = self._serial, None, -1
        self.lost = self.lost or "closed"
        try:
            port.close()
        except (OSError, termios.error):
            pass  # a port that was pulled out cannot be flushed; its descriptor is closed all the same

    def _down(self, got: str) -> LineDown:
        return LineDown("serial port", where=self.url.path, got=got, expected="an open port")


def _is_pty(path: str) -> bool:
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return False
    return stat.S_ISCHR(found.st_mode) and os.major(found.st_rdev) in _PTY_MAJORS


def _hung_up(fd: int) -> bool:
    """A readable port without a byte is a hang-up, unless the byte was read by somebody in between."""
    import select
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in poll.poll(0))
