"""A recording of one meter for a bug report: JSON lines, first the head, then what happened in order.

| `kind` | members |
|---|---|
| `head` | `version`, `model`, `unit`, `line` ("9600 8N1", "tcp", "rtu+tcp"), `utc` |
| `exchange` | `at_s`, `request` and `answer` (PDUs in hex), or `trouble` in place of the answer |
| `bytes` | `at_s`, `direction` ("sent", "heard"), `data` in hex: only from a port of our own |
| `values` | `at_s`, `values` as `meter read --json` has them, `errors`: what came of the exchanges |

It holds registers of the meter and how the line was set, and neither paths nor addresses of the site.
Whoever gets the file decodes it again, without the meter: `replayed`.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from edge.bus.pdu import READS, registers_of
from edge.bus.port import Bus, BusClass
from edge.commissioning.values import Shown, shown
from edge.controller.struct import Tagged
from edge.controller.trouble import DeviceError, DeviceRefused
from edge.meter.catalogue import load
from edge.meter.meter import Meter

VERSION = 1


class Head(Tagged, tag="head"):
    """What was recorded."""

    version: int
    model: str
    unit: int
    line: str
    utc: str


class Exchange(Tagged, tag="exchange"):
    """One question, and what came of it."""

    at_s: float
    request: str
    answer: str = ""
    trouble: str = ""


class Bytes(Tagged, tag="bytes"):
    """What passed on the wire."""

    at_s: float
    direction: str
    data: str


class Values(Tagged, tag="values"):
    """What the exchanges since the last of these were decoded to."""

    at_s: float
    values: Shown
    errors: list[str]


Entry = Head | Exchange | Bytes | Values


class BadRecording(ValueError):
    """A file that is no recording, or one of another version."""


def written(entry: Entry) -> bytes:
    """One line."""
    return msgspec.json.encode(entry) + b"\n"


def read(path: Path) -> tuple[Head, list[Entry]]:
    """Head and what follows. Raises `BadRecording`, `OSError`."""
    entries: list[Entry] = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            entries.append(msgspec.json.decode(line, type=Entry))
        except msgspec.MsgspecError as error:
            raise BadRecording(f"{path}, line {number}: got no entry ({error}), expected a whole file "
                               "of `forecourt meter record`") from error
    if not entries or not isinstance(entries[0], Head) or entries[0].version != VERSION:
        raise BadRecording(f"{path}: got no head of version {VERSION} in the first line, "
                           "expected a file of `forecourt meter record`")
    return entries[0], entries[1:]


async def replayed(head: Head, entries: list[Entry]) -> Iterator[tuple[Values, Shown]]:
    """Of each reading: what was recorded, and what the exchanges decode to now.

    Raises `ValueError` for a model that we do not know.
    """
    model, bus = load(head.model), _Recorded()
    found: list[tuple[Values, Shown]] = []
    for entry in entries:
        if isinstance(entry, Exchange):
            bus.take(entry)
        elif isinstance(entry, Values) and entry.values:
            meter = Meter(bus, head.unit, model, model.slug, lambda: 0)
            try:
                values = shown(model, await meter.read_values())
            except DeviceError:
                values = {}
            found.append((entry, values))
    return iter(found)


class _Recorded(Bus):
    """Answers from what was recorded, whatever the blocks that are asked for; refuses the rest."""

    def __init__(self) -> None:
        self._words: dict[tuple[int, int], int] = {}  # function, address -> word

    def take(self, entry: Exchange) -> None:
        request, answer = bytes.fromhex(entry.request), bytes.fromhex(entry.answer)
        if not answer or request[0] not in READS:
            return
        first = int.from_bytes(request[1:3], "big")
        for n, word in enumerate(registers_of(answer)):
            self._words[request[0], first + n] = word

    def turnaround_s(self, unit: int) -> float | None:
        """As if it took no time."""
        del unit
        return None

    async def transact(self, unit: int, pdu: bytes, klass: BusClass, *,
                       timeout_s: float | None = None) -> bytes:
        """See `Bus`."""
        del klass, timeout_s
        first, count = int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
        words = [self._words.get((pdu[0], first + n)) for n in range(count)]
        known = [word for word in words if word is not None]
        if len(known) < count:
            raise DeviceRefused("not recorded", where=f"unit {unit}", got="no such registers",
                                expected=f"{count} from {first}", code=2)
        data = b"".join(word.to_bytes(2, "big") for word in known)
        return bytes((pdu[0], len(data))) + data
