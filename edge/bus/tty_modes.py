"""What a Linux tty can be asked for beyond baud and parity: RS-485 direction by RTS, and low latency.

Not tried on hardware: neither a UART with RS-485 support nor an FTDI adapter has been connected yet.
The structures and numbers are those of Linux (`serial_rs485` in uapi/linux/serial.h, `serial_struct`,
asm-generic/ioctls.h) on the architectures that we run on (x86-64, arm, arm64).
"""

import fcntl
import os
import struct
from collections.abc import Callable
from pathlib import Path

TIOCGSERIAL, TIOCSSERIAL = 0x541E, 0x541F
TIOCGRS485, TIOCSRS485 = 0x542E, 0x542F
RS485_ENABLED, RS485_RTS_ON_SEND, RS485_RTS_AFTER_SEND, RS485_RX_DURING_TX = 1, 2, 4, 16
# flags, delay before and after send in ms, then padding: 32 bytes
_RS485 = struct.Struct("=III20x")
# type, line, port (int), irq, flags (int) ...: only the flags matter, and all else goes back as it came
_FLAGS_AT, _SERIAL_SIZE = 16, 128
ASYNC_LOW_LATENCY = 1 << 13
_TIMER = "/sys/class/tty/{name}/device/latency_timer"  # of ftdi_sio, in ms

Ioctl = Callable[[int, int, bytearray], object]


def ioctl(fd: int, request: int, argument: bytearray) -> None:
    """The system's: `argument` both ways. Raises `OSError`."""
    fcntl.ioctl(fd, request, argument, True)


def set_rs485(fd: int, *, hear_ourselves: bool, call: Ioctl = ioctl) -> None:
    """The driver raises RTS while it sends and hears nothing of itself (or does, for `echo=1`).

    Raises `OSError`, whose text says why, where the driver cannot or silently will not.
    """
    flags = RS485_ENABLED | RS485_RTS_ON_SEND | (RS485_RX_DURING_TX if hear_ourselves else 0)
    asked = bytearray(_RS485.pack(flags, 0, 0))
    try:
        call(fd, TIOCSRS485, asked)
        granted = bytearray(_RS485.size)
        call(fd, TIOCGRS485, granted)
    except OSError as error:
        raise OSError(error.errno, f"the driver has no RS-485 mode ({error.strerror})") from error
    now = _RS485.unpack(granted)[0]
    if not now & RS485_ENABLED:
        raise OSError("the driver took the RS-485 mode and did not switch it on")
    if bool(now & RS485_RX_DURING_TX) != hear_ourselves:
        raise OSError(f"the driver insists on RS-485 {'with' if not hear_ourselves else 'without'} "
                      f"an echo, so the URL needs echo={int(not hear_ourselves)}")


def set_low_latency(fd: int, device: str, call: Ioctl = ioctl, timer: str = _TIMER) -> bool:
    """Have bytes handed on at once: an FTDI adapter holds them back for 16 ms otherwise.

    False where the kernel does not let us; that costs time, not correctness.
    """
    settings = bytearray(_SERIAL_SIZE)
    try:
        call(fd, TIOCGSERIAL, settings)
        (flags,) = struct.unpack_from("=i", settings, _FLAGS_AT)
        struct.pack_into("=i", settings, _FLAGS_AT, flags | ASYNC_LOW_LATENCY)
        call(fd, TIOCSSERIAL, settings)
        call(fd, TIOCGSERIAL, settings)
        granted = bool(struct.unpack_from("=i", settings, _FLAGS_AT)[0] & ASYNC_LOW_LATENCY)
    except OSError:
        granted = False
    file = Path(timer.format(name=Path(os.path.realpath(device)).name))
    try:
        if int(file.read_text(encoding="ascii")) > 1:
            file.write_text("1", encoding="ascii")  # as root only
    except FileNotFoundError:
        return granted  # no FTDI adapter: the flag says it all
    except (OSError, ValueError):
        return False
    return True
