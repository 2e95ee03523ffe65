"""What a serial port and a socket have in common: bytes both ways, and how they are lost."""

import abc
from collections.abc import Callable

from edge.bus.url import LineUrl
from edge.controller.trouble import LineDown


class DescriptorPort(abc.ABC):
    """A `RawPort`. `lost` says why it went away, `None` while it is there.

    `on_data` and `on_lost` are called from the loop.
    """

    def __init__(self, url: LineUrl, on_data: Callable[[bytes], None],
                 on_lost: Callable[[], None]) -> None:
        self.url = url
        self.lost: str | None = "not open"
        self._on_data, self._on_lost = on_data, on_lost
        self._unheard = 0  # writes without a byte in return

    def pump(self) -> None:
        """Hand over what the kernel holds now."""
        if self.lost is not None:
            return
        try:
            data = self._receive()
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(str(error))
            return
        if data:
            self._unheard = 0
            self._on_data(data)
        elif (why := self._ended()) is not None:
            self._lose(why)

    def write(self, data: bytes) -> None:
        """Give a whole frame to the kernel. Raises `LineDown`."""
        if self.lost is not None:
            raise self._down(self.lost)
        self._unheard += 1
        if (why := self._deaf()) is not None:
            self._lose(why)
            raise self._down(why)
        try:
            written = self._send(data)
        except OSError as error:
            self._lose(str(error))
            raise self._down(str(error)) from error
        if written != len(data):  # 260 bytes always fit into what drains
            self._lose(f"took {written} of {len(data)} bytes")
            raise self._down(f"{written} of {len(data)} bytes taken")

    @abc.abstractmethod
    def close(self) -> None:
        """Idempotent; `lost` says "closed", if nothing else."""

    @abc.abstractmethod
    def _receive(self) -> bytes: ...

    @abc.abstractmethod
    def _send(self, data: bytes) -> int: ...

    @abc.abstractmethod
    def _ended(self) -> str | None:
        """Why nothing was there to read, if that is the end."""

    @abc.abstractmethod
    def _deaf(self) -> str | None:
        """Why nobody may hear what is written; looked at before each write."""

    @abc.abstractmethod
    def _down(self, got: str) -> LineDown: ...

    def _lose(self, why: str) -> None:
        self.lost = why
        self.close()
        self._on_lost()
