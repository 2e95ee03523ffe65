"""The small messages beside the rows: acknowledgement and state. Unknown members are ignored."""

from typing import Annotated, Literal

import msgspec

NO_HASH = "0" * 64
"""Of a stream of which nothing is held yet (seq 0)."""


class Ack(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """The ingest holds every row of `stream` up to and including `seq`; `hash` is that row's.

    `resume`: the ingest has just come up and does not know what was lost meanwhile: send on from there.
    """

    epoch: str
    stream: str
    seq: Annotated[int, msgspec.Meta(ge=0)]
    hash: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    resume: bool = False


class SiteState(msgspec.Struct, kw_only=True, frozen=True):
    """Retained: what the site last said of itself, or its will said for it."""

    site: str
    state: Literal["online", "offline"]
    epoch: str
