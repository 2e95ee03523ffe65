"""`forecourt meter ...` as a process of its own, against virtual meters of this one."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from hil_tests.virtual.line import Line
from hil_tests.virtual.meter import VirtualMeter
from hil_tests.virtual.meter_physics import MeterPhysics

DEADLINE_S = 90.0


class Done(NamedTuple):
    status: int | None
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def meter(unit: int, slug: str, **more: Any) -> VirtualMeter:
    """Under load, with a history."""
    physics = MeterPhysics(import_wh=1_234_567.0)
    physics.set_load((6.0, 7.0, 8.0))
    physics.jump(0)
    return VirtualMeter(unit, slug, physics=physics, **more)


@contextlib.asynccontextmanager
async def line_with(folder: Path, there: Mapping[int, tuple[str, int | None]]) -> AsyncIterator[Line]:
    """A pty with these meters: unit -> model and the baud that it is set to."""
    line = Line(folder / "tty", baud=9600, bits_per_char=10)
    await line.start()
    try:
        for unit, (slug, baud) in there.items():
            line.attach(meter(unit, slug, baud=baud))
        yield line
    finally:
        await line.stop()


async def launched(*words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "edge.station.cli", "meter", *words, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "NO_COLOR": "1"})


async def ended(process: asyncio.subprocess.Process) -> Done:
    """What it said, to its end. A traceback is nobody's business but ours."""
    try:
        out, err = await asyncio.wait_for(process.communicate(), DEADLINE_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert b"Traceback" not in err, err.decode()
    return Done(process.returncode, out.decode(), err.decode())


async def run(*words: str) -> Done:
    return await ended(await launched(*words))


async def interrupted(process: asyncio.subprocess.Process, after: str) -> Done:
    """Ctrl-C once it has printed a line with `after` in it."""
    assert process.stdout is not None
    said = b""
    async with asyncio.timeout(DEADLINE_S):
        while after.encode() not in said:
            line = await process.stdout.readline()
            assert line, (said, await process.communicate())
            said += line
    process.send_signal(signal.SIGINT)
    done = await ended(process)
    return done._replace(out=said.decode() + done.out)
