"""The signed local list as it is carried: one manifest message and chunks, in a file or over MQTT.

A file is `MAGIC` and then parts, each a length of four bytes (big-endian) and its bytes. Part 0 is the
manifest message: the Ed25519 signature (64 bytes) over the JSON that follows it. The others are the
chunks in their order. MQTT carries the same parts, one a message. docs/cards.md has the table.
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import msgspec

from edge.controller.struct import Value
from edge.controller.trouble import DeviceError
from edge.rfid.tokens.list_sign import SIGNATURE_BYTES, VerifyKey, is_signed

FORMAT = 1
MAGIC = b"FCLIST1\n"
MAX_PART = 256_000  # bytes as carried; brokers commonly take 256 kB
MAX_CHUNKS = 3_700  # as many hashes as a manifest of MAX_PART holds
MAX_ENTRIES = 5_000_000
_LENGTH_BYTES = 4

Hex32 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
KeyId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]
VERSION_END = 2**53
Version = Annotated[int, msgspec.Meta(ge=1, lt=VERSION_END)]
Utc = Annotated[str, msgspec.Meta(
    pattern=r"^20\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(\.\d{3})?Z$")]


class ListRefused(DeviceError):
    """A list that is not applied. The message says what, where (chunk, entry), got and expected."""


class Sealed(Value):
    """The key of all chunks, for one site: X25519 with an ephemeral key, HKDF, AES-256-GCM. In hex."""

    to: KeyId
    ephemeral: Hex32
    wrapped: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{96}$")]  # key and tag


class Manifest(Value):
    """Everything that decides. `base`: the version that a differential list changes."""

    format: int
    site: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    version: Version
    base: Version | None
    kind: Literal["full", "differential"]
    issued_utc: Utc
    entries: Annotated[int, msgspec.Meta(ge=0, le=MAX_ENTRIES)]
    chunks: Annotated[tuple[Hex32, ...], msgspec.Meta(max_length=MAX_CHUNKS)]  # sha256 as carried
    signed_by: KeyId
    sealed: Sealed | None

    @property
    def full(self) -> bool:
        """Whether it replaces all that was there."""
        return self.kind == "full"


class _Peek(msgspec.Struct):
    """What a message claims, for the words of a refusal only."""

    format: int = FORMAT
    signed_by: str = "nobody"


_manifest = msgspec.json.Decoder(Manifest)


def open_message(message: bytes, keys: Mapping[str, VerifyKey], where: str) -> Manifest:
    """The manifest of a message that one of `keys` (by id) has signed; raises ListRefused.

    The signature comes first: nothing that a stranger wrote is believed.
    """
    signature, body = message[:SIGNATURE_BYTES], message[SIGNATURE_BYTES:]
    signer = next((key_id for key_id, key in keys.items() if is_signed(key, signature, body)), None)
    if signer is None:
        raise _unsigned(body, keys, where)
    try:
        manifest = _manifest.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        claimed = _peek(body).format
        got = f"format {claimed}" if claimed != FORMAT else str(error)
        raise ListRefused("read the list", where=where, got=got,
                          expected=f"a manifest of format {FORMAT}") from None
    _check(manifest, signer, where)
    return manifest


def _peek(body: bytes) -> _Peek:
    try:
        return msgspec.json.decode(body, type=_Peek)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Peek()


def _unsigned(body: bytes, keys: Mapping[str, VerifyKey], where: str) -> ListRefused:
    known = ", ".join(keys) or "none: operator_keys of the site file is empty"
    signer = _peek(body).signed_by[:16]
    if signer in keys:
        return ListRefused("verify the list", where=where, got="a signature that does not fit",
                           expected=f"the list as key {signer} signed it; fetch it again")
    return ListRefused("verify the list", where=where, got=f"a list signed by {signer!r}",
                       expected=f"a key of the site file ({known})")


def _check(manifest: Manifest, signer: str, where: str) -> None:
    wrong: tuple[str, str] | None = None
    if manifest.format != FORMAT:
        wrong = f"format {manifest.format}", f"format {FORMAT}"
    elif manifest.signed_by != signer:
        wrong = f"signed_by {manifest.signed_by}", f"the key that signed it, {signer}"
    elif manifest.full != (manifest.base is None):
        wrong = f"kind {manifest.kind} with base {manifest.base}", "a base for a differential list only"
    elif manifest.base is not None and manifest.base >= manifest.version:
        wrong = f"version {manifest.version} on base {manifest.base}", "a version above its base"
    elif (manifest.entries == 0) != (not manifest.chunks):
        wrong = f"{manifest.entries} entries in {len(manifest.chunks)} chunks", "no empty chunk"
    if wrong:
        raise ListRefused("read the list", where=where, got=wrong[0], expected=wrong[1])


class ListFile:
    """A list in a file, read a chunk at a time. Use `with ListFile.open(...)`."""

    def __init__(self, stream: BinaryIO, name: str, manifest: Manifest, message: bytes,
                 offsets: list[int]) -> None:
        self._stream, self._offsets = stream, offsets
        self.name, self.manifest, self.message = name, manifest, message

    @property
    def hash(self) -> bytes:
        """SHA-256 of the manifest: which list this is."""
        return hashlib.sha256(self.message[SIGNATURE_BYTES:]).digest()

    @property
    def size(self) -> int:
        """In bytes, as carried."""
        return os.fstat(self._stream.fileno()).st_size

    @classmethod
    def open(cls, path: Path, keys: Mapping[str, VerifyKey]) -> "ListFile":
        """Verifies the signature and that the file is whole. Raises ListRefused, OSError."""
        stream = path.open("rb")
        try:
            if stream.read(len(MAGIC)) != MAGIC:
                raise ListRefused("read the list", where=path.name, got="another kind of file",
                                  expected=f"a file that begins with {MAGIC.decode().strip()}")
            message, end = _part(stream, len(MAGIC), f"{path.name}, manifest")
            manifest = open_message(message, keys, f"{path.name}, manifest")
            offsets = []
            for index in range(len(manifest.chunks)):
                offsets.append(end)
                end = _skip(stream, end, _where(path.name, index))
            size = os.fstat(stream.fileno()).st_size
            if size != end:
                raise ListRefused("read the list", where=path.name, got=f"{size} bytes",
                                  expected=f"{end}: nothing after the last chunk")
        except BaseException:
            stream.close()
            raise
        return cls(stream, path.name, manifest, message, offsets)

    def __enter__(self) -> "ListFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def chunk(self, index: int) -> bytes:
        """As carried; raises ListRefused unless it is the one that was signed."""
        where = _where(self.name, index)
        data, _ = _part(self._stream, self._offsets[index], where)
        return checked(self.manifest, index, data, where)


def checked(manifest: Manifest, index: int, data: bytes, where: str) -> bytes:
    """The chunk itself; raises ListRefused for another."""
    got = hashlib.sha256(data).hexdigest()
    if got != manifest.chunks[index]:
        raise ListRefused("verify the list", where=where, got=f"sha256 {got[:16]}...",
                          expected=f"{manifest.chunks[index][:16]}... of the manifest; fetch it again")
    return data


def write_list(path: Path, message: bytes, chunks: Callable[[int], bytes], count: int) -> None:
    """Writes a file of these parts, whole or not at all. Raises OSError."""
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("wb") as stream:
        stream.write(MAGIC)
        for index in range(-1, count):
            part = message if index < 0 else chunks(index)
            stream.write(len(part).to_bytes(_LENGTH_BYTES, "big") + part)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)


def _where(name: str, index: int) -> str:
    return f"{name}, chunk {index + 1}"


def _length(stream: BinaryIO, offset: int, where: str) -> int:
    stream.seek(offset)
    head = stream.read(_LENGTH_BYTES)
    length = int.from_bytes(head, "big")
    if len(head) < _LENGTH_BYTES or not 0 < length <= MAX_PART:
        got = f"{length} bytes" if len(head) == _LENGTH_BYTES else "the end of the file"
        raise ListRefused("read the list", where=where, got=got, expected=f"1 to {MAX_PART} bytes")
    return length


def _skip(stream: BinaryIO, offset: int, where: str) -> int:
    return offset + _LENGTH_BYTES + _length(stream, offset, where)


def _part(stream: BinaryIO, offset: int, where: str) -> tuple[bytes, int]:
    length = _length(stream, offset, where)
    data = stream.read(length)
    if len(data) != length:
        raise ListRefused("read the list", where=where, got=f"{len(data)} bytes",
                          expected=f"{length}: the file is cut off")
    return data, offset + _LENGTH_BYTES + length
