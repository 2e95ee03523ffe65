"""Where the screen gets its snapshots from and sends its requests to: `ui.sock`."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from edge.controller.snapshot import Snapshot
from edge.link.client import LinkClient
from edge.link.errors import LinkError, LinkLost
from edge.link.messages import SNAPSHOT

SOCKET = "ui.sock"


class Source(Protocol):
    """What the driver's app needs of the controller."""

    def snapshots(self) -> AsyncIterator[Snapshot | None]:
        """The latest snapshot each time there is a new one; None: contact was lost. For ever."""
        ...

    async def request(self, action: str, args: Mapping[str, object]) -> bool:
        """Ask the controller; False if it refused or could not be asked. Never raises."""
        ...


class LinkSource:
    """The controller behind a Unix socket: connects again for ever."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / SOCKET
        self._client: LinkClient | None = None

    async def snapshots(self) -> AsyncIterator[Snapshot | None]:
        """See `Source`. What we cannot read counts as lost contact: an older screen, a newer core."""
        decoder = msgspec.json.Decoder(Snapshot)
        self._client = client = LinkClient(self._path)
        try:
            while True:
                await client.connect()
                try:
                    async for push in client.pushes():
                        if push.topic == SNAPSHOT:
                            yield decoder.decode(push.data)
                except LinkLost:
                    yield None
                except msgspec.MsgspecError:
                    await client.close()
                    yield None
                    await asyncio.sleep(1.0)  # it will not be better in the next millisecond
        finally:
            await client.close()

    async def request(self, action: str, args: Mapping[str, object]) -> bool:
        """See `Source`."""
        if self._client is None:
            return False
        try:
            await self._client.request(action, args)
        except LinkError:  # refused, lost, timed out: for a driver all the same
            return False
        return True
