"""A step of the core as bytes, and back exactly: states and events in MessagePack, effects in JSON.

MessagePack keeps what JSON loses (infinity, NaN). The raw JSON inside two events (a CDR, the arguments
of a request) is no MessagePack: it travels as a binary text. Headers are kept in columns, where they
compress well; a fresh id and a random number, which do not, take 8 and 5 bytes.
"""

import binascii
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from edge.controller.effects import Effect
from edge.controller.events import Event, Header, RequestReceived, SessionPriced, Stamped
from edge.controller.state import Site
from edge.controller.struct import Value

DIGEST_BYTES = 16
_RANDOM = 2**32  # the clock draws that finely
_ID_BYTES = 8

#: What came of a step: its effects, or what the core raised.
Outcome = tuple[Effect, ...] | BaseException

_encoder = msgspec.msgpack.Encoder()
_json = msgspec.json.Encoder()
_site = msgspec.msgpack.Decoder(Site)
_event = msgspec.msgpack.Decoder(Event)


class Steps(Value, array_like=True):
    """Some steps of one boot, one after the other; columns of equal length. `outcomes`: by the number
    of the step, where there was one: JSON of the effects, or "!" and what the core raised.
    """

    boot: int
    since_ns: tuple[int, ...]  # the step before; of the first: 0
    utc: tuple[str | None, ...]
    clock_ok: tuple[bool, ...]
    ids: bytes  # 8 of each step; zeros where `odd_ids` has it
    odd_ids: dict[int, str]
    random: tuple[int | float, ...]
    events: tuple[bytes, ...]
    outcomes: dict[int, bytes]


_steps = msgspec.msgpack.Decoder(Steps)


class Step(Value):
    """A step as it was recorded. `outcome` as in `Steps`; nothing: b""."""

    stamped: Stamped
    outcome: bytes = b""


def site_bytes(site: Site) -> bytes:
    """The whole state."""
    return _encoder.encode(site)


def site_of(data: bytes) -> Site:
    """Raises `ValueError`."""
    return _site.decode(data)


def digest(data: bytes) -> bytes:
    """Of a state's bytes."""
    return hashlib.sha256(data).digest()[:DIGEST_BYTES]


def outcome_bytes(outcome: Outcome) -> bytes:
    """The same effects have the same bytes, on every machine."""
    if isinstance(outcome, BaseException):
        return f"!{type(outcome).__name__}: {outcome}".encode()
    return _json.encode(outcome) if outcome else b""


def pack(steps: Sequence[tuple[Stamped, Outcome]]) -> bytes:
    """Steps of one boot, at least one."""
    heads = [stamped.at for stamped, _ in steps]
    outcomes = ((n, outcome_bytes(outcome)) for n, (_, outcome) in enumerate(steps))
    ids = [_short_id(head.fresh_id) for head in heads]
    return _encoder.encode(Steps(
        boot=heads[0].boot,
        since_ns=tuple(_distances(head.mono_ns for head in heads)),
        utc=tuple(head.utc for head in heads),
        clock_ok=tuple(head.clock_ok for head in heads),
        ids=b"".join(short or bytes(_ID_BYTES) for short in ids),
        odd_ids={n: head.fresh_id for n, head in enumerate(heads) if ids[n] is None},
        random=tuple(_short_random(head.random) for head in heads),
        events=tuple(_encoder.encode(_without_json(stamped.event)) for stamped, _ in steps),
        outcomes={n: data for n, data in outcomes if data}))


def unpack(data: bytes) -> Iterator[Step]:
    """What `pack` was given. Raises `ValueError` for anything else."""
    steps, mono_ns = _steps.decode(data), 0
    columns = zip(steps.since_ns, steps.utc, steps.clock_ok, steps.random, steps.events, strict=True)
    for n, (since_ns, utc, clock_ok, random, event) in enumerate(columns):
        mono_ns += since_ns
        fresh_id = steps.odd_ids.get(n)
        if fresh_id is None:
            fresh_id = steps.ids[_ID_BYTES * n:_ID_BYTES * (n + 1)].hex()
        at = Header(
            mono_ns=mono_ns, boot=steps.boot, utc=utc, clock_ok=clock_ok, fresh_id=fresh_id,
            random=random / _RANDOM if isinstance(random, int) else random)
        yield Step(stamped=Stamped(at=at, event=_with_json(_event.decode(event))),
                   outcome=steps.outcomes.get(n, b""))


def _distances(times_ns: Iterable[int]) -> Iterator[int]:
    before_ns = 0
    for at_ns in times_ns:
        yield at_ns - before_ns
        before_ns = at_ns


def _short_id(text: str) -> bytes | None:
    """Only where these bytes give the very same text again."""
    try:
        short = binascii.unhexlify(text)
    except ValueError:
        return None
    return short if len(short) == _ID_BYTES and short.hex() == text else None


def _short_random(value: float) -> int | float:
    scaled = value * _RANDOM
    return int(scaled) if 0 <= scaled < _RANDOM and scaled == int(scaled) else value


def _without_json(event: Event) -> Event:
    """Raw JSON as a MessagePack binary."""
    return _each_raw(event, lambda raw: _encoder.encode(bytes(raw)))


def _with_json(event: Event) -> Event:
    return _each_raw(event, lambda raw: msgspec.msgpack.decode(raw, type=bytes))


def _each_raw(event: Event, change: Callable[[msgspec.Raw], bytes]) -> Event:
    if isinstance(event, SessionPriced):
        return msgspec.structs.replace(event, cdr=msgspec.Raw(change(event.cdr)))
    if isinstance(event, RequestReceived):
        args = {name: msgspec.Raw(change(raw)) for name, raw in event.request.args.items()}
        return msgspec.structs.replace(event, request=msgspec.structs.replace(event.request, args=args))
    return event
