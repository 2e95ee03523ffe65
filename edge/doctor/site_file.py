"""The site's file as the doctor needs it: read by itself, however wrong the rest of it may be."""

import tomllib
from pathlib import Path
from typing import Any

from edge.controller.struct import Value

SITE_FILE = Path("/etc/forecourt/site.toml")
STATE_DIR, RUN_DIR = "/var/lib/forecourt", "/run/forecourt"


class SiteFacts(Value):
    """`error`: why the file could not be read; then the rest is as a usual installation has it."""

    path: str
    text: str = ""
    error: str = ""
    state: str = STATE_DIR
    run: str = RUN_DIR
    devices: tuple[str, ...] = ()  # files that must be there: serial lines, readers
    virtual: bool = False
    cloud: bool = False


def facts_of(path: Path) -> SiteFacts:
    """Never raises."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return SiteFacts(path=str(path), error=getattr(error, "strerror", None) or str(error))
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return SiteFacts(path=str(path), text=text, error=f"no valid TOML: {error}")
    folder = path.absolute().parent

    def place(key: str, usual: str) -> str:
        found = _table(table, "paths").get(key, usual)
        return str(folder / found) if isinstance(found, str) else usual
    return SiteFacts(
        path=str(path), text=text, state=place("state", STATE_DIR), run=place("run", RUN_DIR),
        devices=tuple(_devices(table)), virtual=_table(table, "site").get("virtual") is True,
        cloud="cloud" in table)


def _table(of: dict[str, Any], name: str) -> dict[str, Any]:
    found = of.get(name)
    return found if isinstance(found, dict) else {}


def _devices(table: dict[str, Any]) -> list[str]:
    """Of `rtu:/dev/...?baud=...` and `tty:AMA0:pn532`, which nfcpy looks for in /dev."""
    found = []
    for name, key in (("bus", "url"), ("reader", "path")):
        entries = table.get(name)
        for entry in entries if isinstance(entries, list) else []:
            text = entry.get(key) if isinstance(entry, dict) else None
            if not isinstance(text, str):
                continue
            if text.startswith("rtu:/"):
                found.append(text.removeprefix("rtu:").partition("?")[0])
            elif text.startswith("tty:") and len(text.split(":")) > 1:
                name_of = text.split(":")[1]
                found.append(f"/dev/{name_of if name_of.startswith('tty') else f'tty{name_of}'}")
    return list(dict.fromkeys(found))
