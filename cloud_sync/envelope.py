"""A journal row as a message, and back: structured CloudEvents 1.0 JSON.

`data` is the row's exact bytes, embedded as they are, because the row's hash covers them. Bytes that
cannot stand inside JSON unchanged (not JSON at all, or with blanks around it) travel in `data_base64`
(CloudEvents JSON format 3.1), so that no row can ever stop the lane behind it.

`sequence` and `monons` are texts: a CloudEvents integer has 32 bits (CloudEvents 1.0, 3.1), and the
sequence extension wants a text that sorts.
"""

import base64
import binascii
from typing import Literal

import msgspec

from cloud_sync.topics import quote_site, unquote_site
from edge.controller.chain import row_hash
from edge.controller.struct import Value
from edge.link.journal_protocol import WireRow

CONTENT_TYPE = "application/cloudevents+json"
SOURCE_PREFIX = "urn:forecourt:site:"
SEQUENCE_DIGITS = 12
HASH_BYTES = 32


class BadEnvelope(ValueError):
    """A message that is no journal row of ours. The message says why."""


class Row(Value):
    """A journal row with its place: what the hash is computed over, and the hash itself."""

    site_id: str
    epoch: str
    stream: str
    seq: int
    type: str
    utc: str | None
    boot: int
    mono_ns: int
    clock_ok: bool
    data: bytes
    prev: bytes
    hash: bytes

    def is_whole(self) -> bool:
        """Whether the hash is that of the content."""
        return self.hash == row_hash(self.prev, self.epoch, self.stream, self.seq, self.type, self.utc,
                                     self.boot, self.mono_ns, self.clock_ok, self.data)


class _Event(msgspec.Struct, kw_only=True, frozen=True):
    """The JSON object. Unknown members are allowed: later versions only add."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: str
    time: str | msgspec.UnsetType = msgspec.UNSET
    datacontenttype: str = "application/json"
    epoch: str
    stream: str
    sequence: str
    boot: int
    monons: str
    clockok: bool
    prevhash: str
    hash: str
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    data_base64: str | msgspec.UnsetType = msgspec.UNSET


def from_wire(site_id: str, epoch: str, stream: str, row: WireRow) -> Row:
    """A row as the controller's socket brings it, with its place."""
    return Row(site_id=site_id, epoch=epoch, stream=stream, seq=row.seq, type=row.type, utc=row.utc,
               boot=row.boot, mono_ns=row.mono_ns, clock_ok=row.clock_ok, data=row.data,
               prev=bytes.fromhex(row.prev), hash=bytes.fromhex(row.hash))


def encode(row: Row) -> bytes:
    """The message of a row."""
    inline = _stands_in_json(row.data)
    site = quote_site(row.site_id)
    return msgspec.json.encode(_Event(
        id=f"{site}/{row.epoch}/{row.stream}/{row.seq}",
        source=SOURCE_PREFIX + site,
        type=row.type,
        time=msgspec.UNSET if row.utc is None else row.utc,
        epoch=row.epoch,
        stream=row.stream,
        sequence=f"{row.seq:0{SEQUENCE_DIGITS}d}",
        boot=row.boot,
        monons=str(row.mono_ns),
        clockok=row.clock_ok,
        prevhash=row.prev.hex(),
        hash=row.hash.hex(),
        data=msgspec.Raw(row.data) if inline else msgspec.UNSET,
        data_base64=msgspec.UNSET if inline else base64.b64encode(row.data).decode(),
    ))


def decode(payload: bytes) -> Row:
    """The row of a message; its hash is not checked here. Raises BadEnvelope."""
    try:
        event = msgspec.json.decode(payload, type=_Event)
        site = event.source.removeprefix(SOURCE_PREFIX)
        row = Row(
            site_id=unquote_site(site), epoch=event.epoch, stream=event.stream,
            seq=_number(event.sequence), type=event.type,
            utc=None if event.time is msgspec.UNSET else event.time,
            boot=event.boot, mono_ns=_number(event.monons), clock_ok=event.clockok, data=_data(event),
            prev=_hash(event.prevhash), hash=_hash(event.hash),
        )
    except (ValueError, RecursionError) as error:  # MsgspecError and UnicodeError are ValueErrors
        raise BadEnvelope(f"no CloudEvent of a journal row: {error}") from error
    if event.id != f"{site}/{row.epoch}/{row.stream}/{row.seq}" or site == event.source:
        raise BadEnvelope(f"id {event.id!r} is not source/epoch/stream/sequence")
    return row


def _stands_in_json(data: bytes) -> bool:
    try:
        data.decode()  # JSON between systems is UTF-8 (RFC 8259, 8.1); msgspec skips over the text
        return bytes(msgspec.json.decode(data, type=msgspec.Raw)) == data
    except (ValueError, RecursionError):
        return False


def _data(event: _Event) -> bytes:
    if event.data is not msgspec.UNSET:
        return bytes(event.data)
    if event.data_base64 is msgspec.UNSET:
        raise BadEnvelope("neither data nor data_base64")
    try:
        return base64.b64decode(event.data_base64, validate=True)
    except binascii.Error as error:
        raise BadEnvelope(f"data_base64: {error}") from error


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 20):
        raise BadEnvelope(f"{text[:40]!r} is no whole number")
    return int(text)


def _hash(text: str) -> bytes:
    value = bytes.fromhex(text)
    if len(value) != HASH_BYTES:
        raise BadEnvelope(f"a hash has {HASH_BYTES} bytes, not {len(value)}")
    return value
