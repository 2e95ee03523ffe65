"""What sync asks of the controller, on `sync.sock`: action by action, arguments and answer.

| action | arguments | answer |
|---|---|---|
| `journal.read` | `JournalRead` | `JournalRows` |
| `journal.acked` | `JournalAcked` | `accepted`, or refused: not our row |
| `journal.heads` | none | `JournalHeads` |
| `site.describe` | none | `SiteDescription` |
| `sync.status` | `SyncStatus` | `accepted` |
| `command.request` | `CommandRequest` | `accepted`, `refused` or `result` |

The server pushes `journal.grown` (`dict[str, int]`: stream to last committed seq).
"""

from typing import Annotated

import msgspec

from edge.controller.struct import Value

READ = "journal.read"
ACKED = "journal.acked"
HEADS = "journal.heads"
DESCRIBE = "site.describe"
STATUS = "sync.status"
COMMAND = "command.request"

MAX_ROWS = 500
"""Of one `journal.read`. The answer may hold fewer rows than asked for although more exist,
because it also stays below `MAX_READ_BYTES`; it holds none only when there are none."""
MAX_READ_BYTES = 1024 * 1024
"""Of `data` in one answer (base64 makes 4/3 of it; the client takes frames of 4 MB)."""


StreamName = Annotated[str, msgspec.Meta(pattern="^(tx|ev|tm)$")]
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""What SQLite can hold."""
HexHash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class JournalRead(Value):
    """Rows of `stream` with seq > `after`, oldest first."""

    stream: StreamName
    after: Seq
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_ROWS)] = MAX_ROWS


class WireRow(Value):
    """A journal row. `data` travels as base64, so its bytes arrive exactly as they were hashed.

    `prev` is the hash of the row before, `hash` that of this one: 64 hex digits each
    (`edge.controller.chain.row_hash`).
    """

    seq: int
    type: str
    utc: str | None
    boot: int
    mono_ns: int
    clock_ok: bool
    data: bytes
    prev: HexHash
    hash: HexHash


class JournalRows(Value):
    """Consecutive rows: seq `after` + 1 on; or `tail` + 1 on, if those before are no longer held.

    `tail`: the last row of the stream that is no longer held (0: none is missing).
    """

    epoch: str
    stream: StreamName
    rows: tuple[WireRow, ...]
    tail: int = 0


class JournalAcked(Value):
    """The cloud holds `stream` up to and including `seq`. `hash`: that row's, 64 hex digits."""

    epoch: str
    stream: StreamName
    seq: Seq
    hash: HexHash


class StreamHead(Value):
    """`seq`: last committed row (0: none); `acked`: last row that the cloud acknowledged; `tail`: last
    row that is no longer held (0: none is missing)."""

    seq: int
    acked: int
    tail: int = 0


class JournalHeads(Value):
    """Every stream of the journal."""

    epoch: str
    boot: int
    streams: dict[str, StreamHead]


class CloudDescription(Value):
    """Where the cloud is. File names are absolute paths; `None`: not configured."""

    url: str
    ca: str | None = None
    cert: str | None = None
    key: str | None = None


class SiteDescription(Value):
    """What sync must know of the site. `cloud` None: the site has none, sync idles."""

    site_id: str
    epoch: str
    cloud: CloudDescription | None = None


class SyncStatus(Value):
    """What sync says of its line. `pending`: rows per stream that are not acknowledged yet.
    `answers_cards`: it can be asked about cards now (`edge.link.card_protocol`).
    """

    connected: bool
    last_ack_age_s: float | None
    pending: dict[StreamName, Seq]
    answers_cards: bool = False


class CommandRequest(Value):
    """A command from the cloud that sync has checked (signature, site, expiry, duplicate).

    The call that carries it has the command's id, role and expiry; here is what it asks.
    """

    action: str
    args: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict)
