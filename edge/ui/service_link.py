"""The controller as a technician's command meets it: `service.sock`, and words for what goes wrong."""

import argparse
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Protocol

from edge.controller.snapshot import Snapshot
from edge.link.client import LinkClient
from edge.link.errors import LinkError, LinkLost, LinkRefused, LinkTimeout
from edge.ui.texts import FALLBACK, Texts, languages

RUN_DIR = Path("/run/forecourt")
SOCKET = "service.sock"
ANSWER_S = 2.0
ASK_S = 5.0  # longer than the controller itself waits for its core


class Controller(Protocol):
    """What a command needs of it. Both may raise `LinkError`."""

    async def look(self) -> Snapshot:
        """The state now."""
        ...

    async def ask(self, action: str, **args: object) -> None:
        """Raises `LinkRefused` with the controller's reason."""
        ...


#: What a command does with a controller that answered; returns the exit status.
Job = Callable[[Controller, Texts, Snapshot], Awaitable[int]]


class NoController(Exception):
    """Nobody to ask. `key`: of the words that say why, and what to do."""

    def __init__(self, key: str, path: Path) -> None:
        super().__init__(f"{key}: {path}")
        self.key, self.path = key, path

    def words(self, texts: Texts) -> str:
        """Which socket, and what to do about it."""
        return texts.text(self.key, path=self.path)


class ServiceLink:
    """The controller behind a connected client."""

    def __init__(self, client: LinkClient) -> None:
        self._client = client

    async def look(self) -> Snapshot:
        """See `Controller`."""
        return await self._client.ask("status", None, Snapshot, timeout_s=ANSWER_S)

    async def ask(self, action: str, **args: object) -> None:
        """See `Controller`."""
        await self._client.request(action, args, timeout_s=ASK_S)


@contextlib.asynccontextmanager
async def controller(path: Path, answer_s: float = ANSWER_S) -> AsyncIterator[ServiceLink]:
    """Connected to the socket at `path`; raises `NoController` if that cannot be."""
    _check(path)
    client = LinkClient(path)
    try:
        try:
            await client.connect(timeout_s=answer_s)
        except LinkLost:
            raise NoController("service.deaf", path) from None
        yield ServiceLink(client)
    finally:
        await client.close()


def _check(path: Path) -> None:
    """What need not be waited for: a socket that is not there, or not for us."""
    try:
        there = path.is_socket()
    except PermissionError:
        raise NoController("service.forbidden", path) from None
    if not there:
        raise NoController("service.absent", path)
    if not os.access(path, os.W_OK):
        raise NoController("service.forbidden", path)


def trouble(texts: Texts, error: LinkError) -> str:
    """What a technician should know of a request that did not come back as done."""
    match error:
        case LinkRefused():
            return texts.text("service.refused", reason=error)
        case LinkLost() | LinkTimeout():
            return texts.text("service.unsure", reason=error)
        case _:
            return texts.text("service.failed", reason=error)


def language_of(snapshot: Snapshot | None) -> str:
    """The site's first language, or English where nobody says which that is."""
    return snapshot.site.languages[0] if snapshot is not None else FALLBACK


def add_options(parser: argparse.ArgumentParser) -> None:
    """What every command at the service socket understands."""
    parser.add_argument("--language", choices=languages(),
                        help=f"default: the site's first if a controller answers, else {FALLBACK}")
    parser.add_argument("--run-dir", type=Path, default=RUN_DIR, metavar="DIR",
                        help="folder of the controller's sockets (default: %(default)s)")


async def with_controller(run_dir: Path, language: str | None, job: Job) -> int:
    """The exit status of `job`; 1 if nobody answers, or not with a yes, and stderr says why."""
    texts = Texts(language or FALLBACK)
    try:
        async with controller(run_dir / SOCKET) as link:
            snapshot = await link.look()
            texts = Texts(language or language_of(snapshot))
            return await job(link, texts, snapshot)
    except NoController as nobody:
        print(nobody.words(texts), file=sys.stderr)
    except LinkError as error:
        print(trouble(texts, error), file=sys.stderr)
    return 1
