"""Device errors: exceptions that an adapter raises and that the shell turns into an event.

A *fault* is a value (`faults.py`), a *config error* is collected before anything is energised;
neither is an exception of this family.
"""


class DeviceError(Exception):
    """A device did not do what was asked. The message says what, where, got and expected."""

    def __init__(self, what: str, *, where: str, got: str, expected: str) -> None:
        super().__init__(f"{what} at {where}: got {got}, expected {expected}")
        self.what, self.where, self.got, self.expected = what, where, got, expected


class DeviceTimeout(DeviceError, TimeoutError):
    """No (complete) answer in time."""


class DeviceRefused(DeviceError):
    """The device answered, and the answer was no. `code`: of a Modbus exception, if it was one."""

    def __init__(self, what: str, *, where: str, got: str, expected: str,
                 code: int | None = None) -> None:
        super().__init__(what, where=where, got=got, expected=expected)
        self.code = code


class BadAnswer(DeviceError, ValueError):
    """An answer that is not the answer to what was asked (CRC, unit, function, count, content)."""


class LineDown(DeviceError, ConnectionError):
    """The line itself (port, socket, adapter) cannot be used now."""
