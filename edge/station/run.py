"""`forecourt run --site site.toml`: the controller and its readers.

Exit status: 0 asked to end (SIGTERM, SIGINT), 1 a failure, or something that everything rests on
(GPIO, the state folder) is not there: every relay was dropped; 2 the site's file is wrong, nothing
was energised and trying again is no use.
"""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from edge.controller.trouble import DeviceError
from edge.journal.errors import JournalError
from edge.station.config import ConfigErrors, load
from edge.station.config_sections import Site
from edge.station.wiring import running

log = logging.getLogger(__name__)


def main(argv: list[str]) -> int:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="forecourt run", description=__doc__)
    parser.add_argument("--site", type=Path, required=True, metavar="site.toml")
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    options = parser.parse_args(argv)
    logging.basicConfig(level=options.log_level, stream=sys.stderr,
                        format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        site = load(options.site)
        for folder in (site.paths.state, site.paths.run):
            Path(folder).mkdir(parents=True, exist_ok=True)
    except ConfigErrors as errors:
        print(errors, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"forecourt run: {error}", file=sys.stderr)
        return 1
    (Path(site.paths.run) / "ready").unlink(missing_ok=True)
    return asyncio.run(_run(site))


async def _run(site: Site) -> int:
    asked_to_end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked_to_end.set)
    try:
        return await _until(site, asked_to_end)
    except (DeviceError, JournalError, OSError, LookupError) as error:
        print(f"forecourt run: {error}", file=sys.stderr)
        return 1


async def _until(site: Site, asked_to_end: asyncio.Event) -> int:
    async with running(site, version("forecourt")) as station:
        asyncio.get_running_loop().set_exception_handler(
            lambda _loop, context: station.fail(
                context.get("exception") or RuntimeError(context["message"])))
        with _told_ready(Path(site.paths.run) / "ready", station.clock.mono_ns()):
            station.failure.add_done_callback(lambda _failure: asked_to_end.set())
            await asked_to_end.wait()
        if station.failure.done():
            error = station.failure.result()
            log.critical("the station failed, every relay is dropped", exc_info=error)
            return 1
    return 0


@contextlib.contextmanager
def _told_ready(path: Path, mono_ns: int) -> Iterator[None]:
    """A file that is there while the station serves; for those who wait without systemd."""
    path.write_text(f"{mono_ns}\n")
    log.info("ready")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
