"""What whoever started this process wants to hear: ready, how it goes, alive, about to end.

The protocol of sd_notify(3): datagrams of `KEY=value` lines to the socket in NOTIFY_SOCKET. Nothing is
said where nobody listens, and nothing here ever waits or fails: a supervisor that is gone must not take
the controller with it.
"""

import contextlib
import logging
import os
import socket
from collections.abc import MutableMapping

_FEEDS_A_PERIOD = 4  # two would do (sd_watchdog_enabled(3)); a loop is late now and then

log = logging.getLogger(__name__)


class Notifier:
    """`watchdog_s`: a process that is silent for so long is killed; None: nobody looks."""

    def __init__(self, address: str | None = None, watchdog_s: float | None = None) -> None:
        """`address`: a path, or "@" and an abstract name; anything else is left alone."""
        self.watchdog_s = watchdog_s
        self._address: str | bytes | None = None
        self._socket: socket.socket | None = None
        self._complained = False
        self._status = ""
        if not address:
            return
        if address[0] not in "/@":  # vsock: a virtual machine tells its host, and we are none
            log.warning("NOTIFY_SOCKET: got %s, expected a path or an abstract name", address)
            return
        self._address = b"\0" + os.fsencode(address[1:]) if address[0] == "@" else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)

    @property
    def feed_s(self) -> float | None:
        """How often the watchdog is to be fed; None: not at all."""
        return None if self.watchdog_s is None else self.watchdog_s / _FEEDS_A_PERIOD

    def ready(self) -> None:
        """It serves now."""
        self._tell("READY=1")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._tell("WATCHDOG=1")

    def starting(self, why: str, most_s: float) -> None:
        """The start takes longer, `most_s` from now at most unless said again; why, in words."""
        self._tell(f"EXTEND_TIMEOUT_USEC={round(most_s * 1e6)}")
        self.status(why)

    def stopping(self) -> None:
        """It ends, in order or not."""
        self._tell("STOPPING=1")

    def status(self, words: str) -> None:
        """One line for a person (`systemctl status`); said again only when it changes."""
        if words != self._status and self._tell("STATUS=" + " ".join(words.split())):
            self._status = words

    def close(self) -> None:
        """Nothing more is said."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _tell(self, line: str) -> bool:
        if self._socket is None or self._address is None:
            return False
        try:
            self._socket.sendto(line.encode(), self._address)
        except BlockingIOError:
            return False  # it has not read for a while: the next one will do
        except OSError as error:
            if not self._complained:
                log.warning("NOTIFY_SOCKET: %s", error)
            self._complained = True
            return False
        return True


def from_environment(environment: MutableMapping[str, str], pid: int) -> Notifier:
    """As the environment says, which forgets it: what we start ourselves is not whom it is meant for.

    WATCHDOG_USEC counts only if WATCHDOG_PID is absent or `pid`.
    """
    address = environment.pop("NOTIFY_SOCKET", None)
    period, whose = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", None)
    watchdog_s = None
    with contextlib.suppress(ValueError):
        if int(period) > 0 and (whose is None or int(whose) == pid):
            watchdog_s = int(period) / 1e6
    return Notifier(address, watchdog_s)
