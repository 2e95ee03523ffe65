"""What commands about the list need of `site.toml`: read by itself, however wrong the rest may be."""

import tomllib
from pathlib import Path
from typing import Any

from edge.controller.struct import Value

SITE_FILE = Path("/etc/forecourt/site.toml")
STATE_DIR = "/var/lib/forecourt"


class SiteError(ValueError):
    """The site's file does not say what is needed. The message says what, and where."""


class SiteWords(Value):
    """`operator_keys`: public keys (`ed25519:...`) of those who may sign lists for this site."""

    id: str
    state: Path
    operator_keys: tuple[str, ...]


def site_words(path: Path) -> SiteWords:
    """Raises SiteError, OSError."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SiteError(f"{path}: no valid TOML: {error}") from None
    site_id = _of(table, "site", "id", "")
    state = _of(table, "paths", "state", STATE_DIR)
    keys = _of(table, "cards", "operator_keys", [])
    if not isinstance(site_id, str) or not site_id:
        raise SiteError(f"{path}: [site] id: expected the site's id")
    if not isinstance(state, str):
        raise SiteError(f"{path}: [paths] state: expected a folder")
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise SiteError(f"{path}: [cards] operator_keys: expected a list of keys as \"ed25519:...\"")
    return SiteWords(id=site_id, state=path.absolute().parent / state, operator_keys=tuple(keys))


def _of(table: dict[str, Any], section: str, key: str, usual: Any) -> Any:
    found = table.get(section)
    return found.get(key, usual) if isinstance(found, dict) else usual
