"""What commands at a card reader need of `site.toml`: read by themselves, however wrong the rest is."""

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec

SITE_FILE = Path("/etc/forecourt/site.toml")
RUN_DIR, STATE_DIR = Path("/run/forecourt"), Path("/var/lib/forecourt")


class SiteFileError(ValueError):
    """The file does not say what is needed. The message says what, and where."""


class _Reader(msgspec.Struct, frozen=True):
    id: str
    path: str


class _Site(msgspec.Struct, frozen=True):
    virtual: bool = False


class _Paths(msgspec.Struct, frozen=True):
    run: str = str(RUN_DIR)
    state: str = str(STATE_DIR)


class Proofs(msgspec.Struct, frozen=True):
    """`[proofs]`, as `edge.station.config_proofs` has it."""

    authorities: dict[str, Annotated[str, msgspec.Meta(pattern="^04[0-9A-Fa-f]{128}$")]] = {}
    uid_applications: tuple[str, ...] = ("D2760000850101",)
    uid_key_no: int = 1


class _File(msgspec.Struct, frozen=True):
    site: _Site = _Site()
    paths: _Paths = _Paths()
    reader: tuple[_Reader, ...] = ()
    proofs: Proofs = msgspec.field(default_factory=Proofs)


class Here(msgspec.Struct, frozen=True):
    """A site at hand. `readers`: paths by their ids."""

    run: Path = RUN_DIR
    state: Path = STATE_DIR
    readers: dict[str, str] = {}
    virtual: bool = False
    proofs: Proofs = msgspec.field(default_factory=Proofs)


def read_site(path: Path | None) -> Here:
    """Of the usual file where none is named; the usual folders where that is missing, too.

    Raises SiteFileError, OSError.
    """
    file = path or SITE_FILE
    if path is None and not file.exists():
        return Here()
    try:
        found = msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), _File)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise SiteFileError(f"{file}: {error}") from None
    folder = file.absolute().parent
    return Here(run=folder / found.paths.run, state=folder / found.paths.state,
                readers={one.id: one.path for one in found.reader}, virtual=found.site.virtual,
                proofs=found.proofs)
