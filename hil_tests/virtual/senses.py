"""What the cabinet offers to the Pi's senses: contacts at its lines, temperatures in files."""

import os
from collections.abc import Callable
from pathlib import Path

from hil_tests.virtual.cabinet_config import InputSpec, SensorSpec

CONTACTS = ("well", "active", "broken")
TROUBLES = ("gone", "garbage", "checksum", "power_on", "hangs")
_RAW = "72 01 4b 46 7f ff 0e 10 57"


class Contact:
    """A contact at a line of the Pi: well, or what it watches for is there, or its wire is broken."""

    def __init__(self, spec: InputSpec, drive: Callable[[int, bool | None], None]) -> None:
        """`drive(pin, level)` sets the line; None leaves it to its pull."""
        self.spec, self._drive = spec, drive
        self._state = "well"
        self._tripped = False  # by what it is an auxiliary contact of
        self._tell()

    def set(self, state: str) -> None:
        """One of `CONTACTS`."""
        if state not in CONTACTS:
            raise ValueError(f"state: got {state!r}, expected one of {', '.join(CONTACTS)}")
        self._state = state
        self._tell()

    def follow(self, tripped: bool) -> None:
        """What it belongs to has moved."""
        if tripped != self._tripped:
            self._tripped = tripped
            self._tell()

    def _tell(self) -> None:
        active = self._state == "active" or self._tripped
        level = active is self.spec.active_high
        self._drive(self.spec.gpio, None if self._state == "broken" else level)


class Thermometer:
    """A file as the kernel's driver shows it. Its content changes in one piece."""

    def __init__(self, spec: SensorSpec) -> None:
        """Writes nothing yet: `show` does."""
        self.spec, self._file = spec, Path(spec.file)

    def show(self, celsius: float, trouble: str | None = None) -> None:
        """This temperature, or one of `TROUBLES` in its place."""
        if trouble is not None and trouble not in TROUBLES:
            raise ValueError(f"trouble: got {trouble!r}, expected one of {', '.join(TROUBLES)}")
        self._file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._file.with_name(self._file.name + ".new")
        fresh.unlink(missing_ok=True)
        if trouble == "gone":
            self._file.unlink(missing_ok=True)
            return
        if trouble == "hangs":
            os.mkfifo(fresh)  # whoever opens it waits for a writer that never comes
        else:
            fresh.write_text(self._text(celsius, trouble), encoding="ascii")
        fresh.replace(self._file)

    def _text(self, celsius: float, trouble: str | None) -> str:
        if trouble == "garbage":
            return "??\n"
        millidegrees = 85000 if trouble == "power_on" else round(celsius * 1000)
        if self.spec.form != "w1_slave":
            return f"{millidegrees}\n"
        verdict = "NO" if trouble == "checksum" else "YES"
        return f"{_RAW} : crc=57 {verdict}\n{_RAW} t={millidegrees}\n"
