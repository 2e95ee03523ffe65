"""The line that a command works on: its own port, or a running controller's."""

import contextlib
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

from edge.bus.figures import LineFigures
from edge.bus.open import open_bus
from edge.bus.owner import LineOwner
from edge.bus.port import Bus
from edge.bus.url import LineUrl
from edge.commissioning.through import find
from edge.controller.trouble import LineDown

SITE_FILE, RUN_DIR = Path("/etc/forecourt/site.toml"), Path("/run/forecourt")


class Line(Bus, Protocol):
    """A `Bus` that knows itself. `url`: as it is set, which may be otherwise than was asked for.
    `controlled`: by a controller, through which we go.
    """

    url: LineUrl
    controlled: bool

    @property
    def where(self) -> str: ...

    def turnaround_s(self, unit: int) -> float | None:
        """As far as it was measured."""
        ...

    async def figures(self) -> LineFigures | None:
        """Its counters now, as far as anybody tells them."""
        ...


class OwnLine:
    """A `Line` on a port of our own."""

    controlled = False

    def __init__(self, owner: LineOwner, url: LineUrl) -> None:
        self.url, self.owner = url, owner
        self.transact = owner.transact

    @property
    def where(self) -> str:
        """For messages."""
        return self.owner.where

    def turnaround_s(self, unit: int) -> float | None:
        """See `Line`."""
        return self.owner.turnaround_s(unit)

    async def figures(self) -> LineFigures:
        """See `Line`."""
        return self.owner.figures()


@contextlib.asynccontextmanager
async def open_line(url: LineUrl, run_dir: Path) -> AsyncIterator[Line]:
    """The line at `url`: through the controller whose it is, else opened here.

    Raises `LineDown` where it cannot be had.
    """
    owned = await find(run_dir, url)
    if owned is not None:
        client, through = owned
        try:
            yield through
        finally:
            await client.close()
        return
    async with own_line(url) as line:
        yield line


@contextlib.asynccontextmanager
async def own_line(url: LineUrl) -> AsyncIterator[OwnLine]:
    """A port of our own, opened now. Raises `LineDown`."""
    owner = open_bus(written(url))
    await owner.start()
    try:
        if owner.down is not None:
            raise LineDown("line", where=owner.where, got=owner.down, expected="a port to open")
        yield OwnLine(owner, url)
    finally:
        await owner.close()


def written(url: LineUrl) -> str:
    """With everything that it says."""
    more = [f"&{name}=1" for name, on in (("echo", url.echo), ("rs485", url.rs485)) if on]
    return "".join((str(url), *more))


def run_dir_of(site: Path | None) -> Path:
    """Where the controller of a site has its sockets; of the usual one, if no file says otherwise."""
    file = site or SITE_FILE
    try:
        table: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
        run = table.get("paths", {}).get("run")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, AttributeError):
        return RUN_DIR
    return file.absolute().parent / run if isinstance(run, str) else RUN_DIR


def set_as(url: LineUrl) -> str:
    """How a line is set, in a technician's words: "9600 8N1"; a gateway's is its own affair."""
    if not url.path:
        return f"{url.host}:{url.port}"
    return f"{url.baud} 8{url.parity}{url.stop}"


