"""A TCP relay between a site and its broker: the network, which can be cut.

`reset` is a router that goes down: connections break and new ones are refused. `blackhole` is worse
and more common: everything stays open and nothing arrives, until the cut ends.
"""

import asyncio

_ACCEPT_TURNS = 5  # of the loop, from accept to the call of `_serve`


class Relay:
    """Listens on loopback and passes bytes to `broker_port`, while the network is there."""

    def __init__(self, listen_port: int, broker_port: int) -> None:
        self.listen_port = listen_port
        self._broker_port = broker_port
        self._server: asyncio.Server | None = None
        self._pairs: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()

    async def start(self) -> None:
        """Open the port (0 picks a free one, see `listen_port`)."""
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.listen_port, reuse_address=True)
        self.listen_port = self._server.sockets[0].getsockname()[1]

    async def cut(self, how: str = "reset") -> None:
        """Cut the network: `reset` or `blackhole`."""
        if how == "blackhole":
            self._flowing.clear()
            return
        if how != "reset":
            raise ValueError(f"cut network: got {how!r}, expected 'reset' or 'blackhole'")
        await self.stop()

    async def restore(self) -> None:
        """Undo `cut`. What a blackhole swallowed arrives late, as TCP has it."""
        self._flowing.set()
        if self._server is None:
            await self.start()

    async def stop(self) -> None:
        """Close the port and break every connection."""
        if self._server is not None:
            # What is half accepted when its server closes is forgotten, open (CPython 3.11):
            # accept no more, and let what was accepted become a pair, before closing.
            for listener in self._server.sockets:
                asyncio.get_running_loop().remove_reader(listener.fileno())
            for _ in range(_ACCEPT_TURNS):
                await asyncio.sleep(0)
            self._server.close()
            self._server = None
        pairs = tuple(self._pairs)
        for pair in pairs:
            pair.cancel()
        await asyncio.gather(*pairs, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:  # accepted just before the cut: it is not among the pairs that broke
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._pairs.add(task)
        try:
            await self._join(reader, writer)
            writer.close()
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()  # a broken or cut connection ends here; the other side sees it
        finally:
            self._pairs.discard(task)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flowing.wait()
        back_reader, back_writer = await asyncio.open_connection("127.0.0.1", self._broker_port)
        pumps = [asyncio.create_task(self._pump(reader, back_writer)),
                 asyncio.create_task(self._pump(back_reader, writer))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            back_writer.transport.abort()  # first: a cut may cancel this very await
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            await self._flowing.wait()
            sink.write(data)
            await sink.drain()
