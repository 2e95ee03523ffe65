"""The hash chain of the journal's rows, so that whoever holds rows can check them.

Pure. The journal computes it, sync and the cloud check it.
"""

import hashlib

import msgspec

NO_ROW = bytes(32)
"""Stands for the hash before the first row of a stream."""


def row_hash(prev: bytes, epoch: str, stream: str, seq: int, type_: str, utc: str | None, boot: int,
             mono_ns: int, clock_ok: bool, data: bytes) -> bytes:
    """sha256(prev || msgpack[epoch, stream, seq, type, utc, boot, mono_ns, clock_ok] || data).

    `prev` is the hash of the row before in the same epoch and stream, `NO_ROW` at seq 1; 32 bytes.
    """
    head = msgspec.msgpack.encode((epoch, stream, seq, type_, utc, boot, mono_ns, clock_ok))
    return hashlib.sha256(b"".join((prev, head, data))).digest()
