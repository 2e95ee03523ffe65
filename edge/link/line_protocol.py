"""What a technician's command asks of the controller about its lines, on `service.sock`.

| action | arguments | answer |
|---|---|---|
| `lines` | none | `Lines` |
| `line.transact` | `Transact` | `Transacted`, or refused: no such line, not a read, one is in flight |

A read that failed on the line is an answer too: it carries what kind of trouble it was, so that a
command can say of a meter behind a controller what it would say of one on its own port.
"""

from typing import Annotated, Literal

import msgspec

from edge.controller.struct import Value
from edge.controller.trouble import BadAnswer, DeviceError, DeviceRefused, DeviceTimeout, LineDown

LINES = "lines"
TRANSACT = "line.transact"

READ_FUNCTIONS = (3, 4, 43)
"""Modbus functions that change nothing (43 with MEI type 14: a device's identity)."""
MAX_TIMEOUT_S = 0.25
"""Longer than any meter we know takes, and what a revoke may have to wait for at the most."""

TroubleKind = Literal["timeout", "bad_answer", "refused", "line_down"]


class LineAt(Value):
    """One line. `figures`: its `edge.bus.figures.LineFigures`, which this room does not know."""

    bus: str
    url: str
    figures: msgspec.Raw = msgspec.Raw(b"null")


class Lines(Value):
    """Every line of the controller."""

    lines: tuple[LineAt, ...]


class Transact(Value):
    """One read. `pdu`: the request in hex, without unit and CRC. `timeout_s`: how long to wait for the
    first bit of the answer; the controller waits at least as long as it knows the unit to need.
    """

    bus: str
    unit: Annotated[int, msgspec.Meta(ge=1, le=247)]
    pdu: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{2}){1,5}\Z")]
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=10)] | None = None


class Trouble(Value):
    """A `DeviceError` on its way."""

    kind: TroubleKind
    what: str
    where: str
    got: str
    expected: str
    code: int | None = None  # of a Modbus exception


class Transacted(Value):
    """The answer PDU in hex, or the trouble; and the unit's turnaround as the owner knows it."""

    pdu: str = ""
    turnaround_s: float | None = None
    trouble: Trouble | None = None


_KINDS: tuple[tuple[TroubleKind, type[DeviceError]], ...] = (
    ("timeout", DeviceTimeout), ("bad_answer", BadAnswer), ("refused", DeviceRefused),
    ("line_down", LineDown))


def carried(error: DeviceError) -> Trouble:
    """A device error as it travels; of a kind that we do not know: as a line that is down."""
    kind = next((name for name, type_ in _KINDS if isinstance(error, type_)), _KINDS[-1][0])
    return Trouble(kind=kind, what=error.what, where=error.where, got=error.got,
                   expected=error.expected,
                   code=error.code if isinstance(error, DeviceRefused) else None)


def raised(trouble: Trouble) -> DeviceError:
    """What `carried` was made from."""
    at = {"where": trouble.where, "got": trouble.got, "expected": trouble.expected}
    if trouble.kind == "refused":
        return DeviceRefused(trouble.what, code=trouble.code, **at)
    return dict(_KINDS)[trouble.kind](trouble.what, **at)
