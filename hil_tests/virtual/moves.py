"""A black box in the cabinet: every move of a relay, coil or contact, with its time and cause.

One JSON object a line: `mono_ns` (CLOCK_MONOTONIC, the same for all processes of the machine), `evse`,
`what` ("relay": the Pi's line; "permit": the board's half; "coil": both in series; "contact": the
main contacts; "breaker": the one in front of them), `level` and `cause`. Tests read it to see that no
coil moved without a decision. The file also holds what no relay did: "pwm" (an offer on the pilot)
and "s2" (the car asks).
"""

import json
import time
from pathlib import Path
from typing import Any


class MoveLog:
    """Keeps the moves in memory and, if a path is given, on disk."""

    def __init__(self, path: Path | None = None) -> None:
        self.moves: list[dict[str, Any]] = []
        self._file = None if path is None else path.open("a", encoding="utf-8", buffering=1)

    def add(self, evse: str, what: str, level: bool, cause: str) -> None:
        """Something moved just now."""
        move = {"mono_ns": time.monotonic_ns(), "evse": evse, "what": what, "level": level,
                "cause": cause}
        self.moves.append(move)
        self._write(move)

    def signal(self, evse: str, what: str, level: bool) -> None:
        """A signal changed just now: for the file only, a benchmark measures from it."""
        self._write({"mono_ns": time.monotonic_ns(), "evse": evse, "what": what, "level": level})

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(line) + "\n")
