"""The site's secrets: pepper, key of the list, keys that all its cards share.

Each one is a systemd credential (`forecourt-pepper`, sealed by the TPM where there is one) or a file of
the state folder, readable by its owner alone. A link in the state folder to the credential lets a
technician's commands find it, too. Keys for one purpose are derived, never used twice.
"""

import os
import secrets
import stat
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from edge.rfid.tokens.pepper import PEPPER_BYTES, Pepper
from edge.rfid.tokens.schema import CARDS_FILE

PEPPER, LIST_KEY = "pepper", "list-key"
CREDENTIAL_PREFIX = "forecourt-"
SITE_KEYS = ("uid-key", "sun-meta-key")
"""16 bytes each, put there by the operator: for the true UID of cards with random ids, and for the
encrypted part of SUN messages. A site without such cards has none."""
_AES_BYTES = 16


class VaultError(ValueError):
    """A secret is missing, damaged, open to others, or there twice. The message says what to do."""


class Vault:
    """`Vault.load(state_dir, credentials)`. Shows no secret."""

    def __init__(self, root: bytes, state_dir: Path, credentials: Path | None = None) -> None:
        self._root, self._state_dir, self._credentials = root, state_dir, credentials
        self.pepper = Pepper(root)

    def __repr__(self) -> str:
        return f"Vault({str(self._state_dir)!r}, <secrets>)"

    @classmethod
    def load(cls, state_dir: Path, credentials: Path | None = None) -> "Vault":
        """Reads the pepper; makes one on the first day, whole or not at all, also when two start at
        a time. `credentials`: the folder that systemd gave this service.

        Raises VaultError, and OSError when a folder refuses.
        """
        if not state_dir.is_dir():
            raise VaultError(f"{state_dir}: got no such folder, expected the controller's state folder")
        used = (state_dir / CARDS_FILE).exists()  # looked at first: a pepper comes before its cards
        found = _find(PEPPER, PEPPER_BYTES, state_dir, credentials)
        if found is None and used:
            raise VaultError(
                f"{state_dir / PEPPER}: missing, and {CARDS_FILE} is keyed by it; restore it from the "
                f"backup; if it is the credential {CREDENTIAL_PREFIX}{PEPPER}, it is there only while "
                "the controller runs")
        return cls(found or _make(state_dir / PEPPER), state_dir, credentials)

    def subkey(self, label: str) -> bytes:
        """32 bytes by HKDF-SHA256 (RFC 5869), for one purpose."""
        return HKDF(SHA256(), 32, None, f"forecourt {label}".encode()).derive(self._root)

    @property
    def row_key(self) -> bytes:
        """Of what is encrypted in rows (`Rows`)."""
        return self.subkey("rows 1")

    def list_key(self) -> bytes:
        """The X25519 private key that lists are encrypted to, 32 bytes; made when first asked for."""
        found = _find(LIST_KEY, 32, self._state_dir, self._credentials)
        return found or _make(self._state_dir / LIST_KEY)

    def site_key(self, name: str) -> bytes | None:
        """One of `SITE_KEYS`, 16 bytes; None where the site has none."""
        return _find(name, _AES_BYTES, self._state_dir, self._credentials)


def _find(name: str, size: int, state_dir: Path, credentials: Path | None) -> bytes | None:
    kept, path = None, state_dir / name
    if path.exists():
        # Of a credential that is linked to, the group's bits show systemd's ACL for one user.
        _private(path, 0o007 if path.is_symlink() else 0o077)
        kept = _checked(path, size)
    if credentials is None or not (sealed := credentials / f"{CREDENTIAL_PREFIX}{name}").exists():
        return kept
    _private(sealed, 0o007)
    given = _checked(sealed, size)
    if kept is not None and not secrets.compare_digest(kept, given):
        raise VaultError(f"{path} and the credential {sealed.name} differ; keep the one that is in the "
                         "backup and remove the other")
    return given


def _private(path: Path, others: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & others:
        raise VaultError(f"{path}: mode {mode:04o}, expected 0600; run chmod 600, and think about who "
                         "has read it")


def _checked(path: Path, size: int) -> bytes:
    secret = path.read_bytes()
    if len(secret) != size:
        raise VaultError(f"{path}: {len(secret)} bytes, expected {size}; restore it from the backup: "
                         "what was encrypted or keyed by it is lost without")
    return secret


def _make(path: Path) -> bytes:
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(fd, "wb") as stream:
            stream.write(secrets.token_bytes(PEPPER_BYTES))
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(draft, path)  # fails when another process was first: then its secret holds
        except FileExistsError:
            pass
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return _checked(path, PEPPER_BYTES)
