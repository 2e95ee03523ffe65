"""The cabinet's control socket: JSON lines on a Unix socket, for rigs, consoles and tests.

Request `{"id": 7, "do": "plug", "args": {"evse": "1"}}`, answer `{"id": 7, "ok": true, "result": ...}`
or `{"id": 7, "ok": false, "error": "..."}`. Requests of one connection are answered as they finish.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from hil_tests.rig import RigError

Handler = Callable[[str, dict[str, Any]], Awaitable[Any]]


class ControlServer:
    """Hands every request to `handler(do, args)`; a `RigError` becomes an answer."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, path: Path) -> None:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._serve, str(path))

    async def stop(self) -> None:
        """Hang up on everybody."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._hold(asyncio.current_task())
        try:
            while line := await reader.readline():
                self._hold(asyncio.create_task(self._answer(line, writer)))
        except (ConnectionError, ValueError, asyncio.CancelledError):
            pass  # the client is gone, sends lines without end, or the cabinet ends
        finally:
            writer.close()

    def _hold(self, task: "asyncio.Task[None] | None") -> None:
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        answer: dict[str, Any] = {"id": None, "ok": False}
        try:
            request = json.loads(line)
            answer["id"] = request.get("id")
            answer["result"] = await self._handler(request["do"], request.get("args", {}))
            answer["ok"] = True
        except RigError as error:
            answer["error"] = str(error)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            answer["error"] = f"bad request: {type(error).__name__}: {error}"
        if not writer.is_closing():
            writer.write(json.dumps(answer).encode() + b"\n")
