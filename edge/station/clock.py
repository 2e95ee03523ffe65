"""Stamps events: the only place of the controller that reads a clock or mints an id."""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from edge.controller.events import Header

#: No controller of this software was alive before: a wall clock that says so was never set.
BUILT_UTC = "2026-01-01T00:00:00.000Z"


def iso(moment: datetime) -> str:
    """UTC as rows hold it: milliseconds and Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def computer_boot(path: Path = Path("/proc/sys/kernel/random/boot_id")) -> str | None:
    """Linux draws an id at each start of the computer (random(4)); None where there is none."""
    try:
        return path.read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


class Clock:
    """`clock_ok`: the wall clock is not behind what this site has already recorded.

    A Pi without battery starts in the past until NTP answers. Whether NTP *has* answered is not
    looked at yet; what is known is that the clock cannot be before `floor_utc`.
    """

    def __init__(self, *, boot: int, floor_utc: str | None,
                 mono_ns: Callable[[], int] = time.monotonic_ns,
                 utc: Callable[[], datetime] = lambda: datetime.now(UTC),
                 fresh_id: Callable[[], str] = lambda: secrets.token_hex(8),
                 draw: Callable[[], float] = lambda: secrets.randbits(32) / 2**32) -> None:
        """`draw`: a number from 0 to 1, drawn by the computer's noise, not seeded alike everywhere."""
        self._boot, self._floor = boot, max(floor_utc or "", BUILT_UTC)
        self.mono_ns, self._utc, self._fresh_id, self._draw = mono_ns, utc, fresh_id, draw

    def utc_s(self) -> int | None:
        """Seconds since 1970, for those who only date by it; None while it is not to be believed."""
        now = self._utc()
        return int(now.timestamp()) if iso(now) >= self._floor else None

    def header(self) -> Header:
        """Now."""
        utc = iso(self._utc())
        return Header(mono_ns=self.mono_ns(), boot=self._boot, fresh_id=self._fresh_id(), utc=utc,
                      clock_ok=utc >= self._floor, random=self._draw())
