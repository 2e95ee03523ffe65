"""A PN532 on a serial port, also one that an earlier process left at a high baud rate.

nfcpy's driver raises the rate to 921600 when it opens and only its close() lowers it again; a process
that was killed leaves a chip that does not hear the 115200 of the next one. Such a chip is called back:
it is told in its own rate to return to 115200. (NXP UM0701-02: 6.2.1 frames, 7.2.6 SetSerialBaudRate.)
"""

import errno
import os
from typing import Any

RATES = (921600, 460800, 230400)  # those that the driver may have chosen
_WAKE_UP = bytes(10)
_TO_115200 = bytes.fromhex("0000ff03fdd41004 1800")
_DONE = bytes.fromhex("d511")
_READ_MS = 100


def connect_pn532(path: str) -> Any:
    """An nfcpy ContactlessFrontend on `tty:NAME:pn532`; raises OSError, and what pyserial raises."""
    from nfc.clf.transport import TTY

    ports: list[str] = (TTY.find(path) or ([],))[0]
    for port in ports[:-1]:  # a name without a number stands for all such ports
        try:
            return open_pn532(port)
        except OSError:
            continue
    if not ports:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    return open_pn532(ports[-1])


def open_pn532(port: str) -> Any:
    """An nfcpy ContactlessFrontend on the device `port`; raises as `connect_pn532`."""
    import nfc.clf

    try:
        device = _init(port)
    except OSError:
        if not any(_call_back(port, rate) for rate in RATES):
            raise
        device = _init(port)
    device._path = port
    frontend = nfc.clf.ContactlessFrontend()
    frontend.device = device
    return frontend


def _init(port: str) -> Any:
    """nfcpy's own, which leaves the port open when it fails."""
    from nfc.clf import pn532
    from nfc.clf.transport import TTY

    transport = TTY(port)
    try:
        return pn532.init(transport)
    except BaseException:
        _let_go(transport)
        raise


def _call_back(port: str, rate: int) -> bool:
    """Whether a chip at this rate was brought to 115200."""
    from nfc.clf.pn532 import Chipset
    from nfc.clf.transport import TTY

    transport = TTY(port)
    try:
        transport.open(port, rate)
        transport.write(_WAKE_UP + bytes(Chipset.ACK))  # ends whatever it was told last
        transport.write(_WAKE_UP + _TO_115200)
        if transport.read(_READ_MS) != Chipset.ACK or transport.read(_READ_MS)[5:7] != _DONE:
            return False
        transport.write(Chipset.ACK)  # only now does the chip change
        transport.tty.flush()
        return True
    except (OSError, IndexError):  # silence; noise, as of a chip at another rate
        return False
    finally:
        _let_go(transport)


def _let_go(transport: Any) -> None:
    """As its close(), which fails on a port that was pulled out, and keeps it open."""
    port, transport.tty = transport.tty, None
    if port is not None:
        port.close()
