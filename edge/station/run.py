"""`forecourt run --site site.toml`: the controller and its readers.

Exit status: 0 asked to end (SIGTERM, SIGINT), or a safe stop that was cleared; 1 a failure, or
something that everything rests on (GPIO, the state folder) is not there: every relay was dropped;
2 the site's file is wrong, nothing is energised and trying again is no use.

At SIGTERM cars are told to stop first and contactors open without load, 6 s later at the latest; a
second SIGTERM opens at once. After three failures within ten minutes the next start is a safe stop
(`safe_stop.py`).
"""

import argparse
import asyncio
import contextlib
import faulthandler
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path

from edge.bus.exact_loop import exact_loop
from edge.controller.trouble import DeviceError
from edge.journal.errors import JournalError, JournalInUse
from edge.journal.lock import OneOwner
from edge.station import safe_stop
from edge.station.alarm import Guard, alarms, asked
from edge.station.clock import computer_boot
from edge.station.config import ConfigErrors, load
from edge.station.config_sections import Site
from edge.station.notify import Notifier, from_environment
from edge.station.relays import LOCK, StartLimit, is_buried_alive, left_on, relays_off
from edge.station.starts import FILE, End, StartsFile, words_of
from edge.station.winding_down import wind_down

LAST_S = 8.0
"""From the last relay to the end of the process, then it is ended: `TimeoutStopSec` would kill it."""

_ASKS = (signal.SIGTERM, signal.SIGINT)

log = logging.getLogger(__name__)


class AskedEarly(BaseException):
    """To end, before there is a loop that could hear of it."""


def main(argv: list[str]) -> int:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="forecourt run", description=__doc__)
    parser.add_argument("--site", type=Path, required=True, metavar="site.toml")
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    options = parser.parse_args(argv)
    logging.basicConfig(level=options.log_level, stream=sys.stderr,
                        format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    faulthandler.enable()  # where it was, when it dies in C or by its watchdog
    notifier = from_environment(os.environ, os.getpid())
    signal.pthread_sigmask(signal.SIG_BLOCK, _ASKS)  # nobody dies before relays are his to drop
    try:
        site = load(options.site)
    except ConfigErrors as errors:
        left_on(options.site)
        print(errors, file=sys.stderr)
        return 2
    try:
        for folder in (site.paths.state, site.paths.run):
            Path(folder).mkdir(parents=True, exist_ok=True)
        owner = OneOwner(Path(site.paths.state) / LOCK)
    except JournalInUse as error:  # its relays are not ours, while it can move them
        if is_buried_alive(Path(site.paths.state) / f"{LOCK}.lock"):
            relays_off(site)
        print(f"forecourt run: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        relays_off(site)
        print(f"forecourt run: {error}", file=sys.stderr)
        return 1
    limit = StartLimit(partial(relays_off, site))
    try:
        return _counted(site, notifier, limit)
    finally:
        limit.over()
        owner.release()


def _counted(site: Site, notifier: Notifier, limit: StartLimit) -> int:
    """One run, or a safe stop, whose end is kept. Whatever happens, relays drop first."""
    starts = StartsFile(Path(site.paths.run) / FILE, computer_boot())
    try:
        _hear_early()
        (Path(site.paths.run) / "ready").unlink(missing_ok=True)
        if starts.begin().stopped:
            relays_off(site)
            limit.over()
            _stand(site, notifier, starts)
            how, why = End.ORDERLY, ""
        else:
            with asyncio.Runner(loop_factory=exact_loop) as loop:
                how, why = loop.run(_run(site, notifier, starts, limit))
    except AskedEarly:
        how, why = End.ORDERLY, ""
        relays_off(site)
    except BaseException as error:
        relays_off(site)
        starts.end(End.FAILED, words_of(error))
        raise
    finally:
        faulthandler.cancel_dump_traceback_later()
    if how is not End.ORDERLY:
        relays_off(site)
    starts.end(how, why)
    return 0 if how is End.ORDERLY else 1


def _hear_early() -> None:
    """SIGTERM and SIGINT as an exception, those that came before among them."""
    def early(*_: object) -> None:
        for number in _ASKS:  # once is enough: what follows is dropping relays
            signal.signal(number, signal.SIG_IGN)
        raise AskedEarly

    for number in _ASKS:
        signal.signal(number, early)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASKS)


def _stand(site: Site, notifier: Notifier, starts: StartsFile) -> None:
    log.critical("safe stop: %d failed runs, the last: %s", len(starts.now.failed_s), starts.now.last)
    time.sleep(starts.now.pause_s)
    asyncio.run(safe_stop.stand(site, notifier, starts))


async def _run(site: Site, notifier: Notifier, starts: StartsFile,
               limit: StartLimit) -> tuple[End, str]:
    """How it ended, and of what."""
    guard = Guard(_this_task(), partial(relays_off, site))

    def ask() -> None:
        if guard.starting:  # what hangs now is not waited for
            starts.end(End.ORDERLY)
            faulthandler.dump_traceback_later(LAST_S, exit=True)
        guard.ask()

    with alarms(guard.fail), asked(ask):
        try:
            await _serve(site, guard, notifier, starts, limit)
        except asyncio.CancelledError:
            if not guard.asked.is_set():
                raise
        except (DeviceError, JournalError, OSError) as error:
            print(f"forecourt run: {error}", file=sys.stderr)
            if guard.asked.is_set() and guard.error is None and not isinstance(error, DeviceError):
                return End.ORDERLY, ""  # what cannot be closed, at an end that somebody asked for
            if not guard.starting:
                return End.FAILED, words_of(error)
            relays_off(site)
            await _patiently(guard, starts.now.pause_s)
            return End.MISSING, ""
    return (End.ORDERLY, "") if guard.error is None else (End.FAILED, words_of(guard.error))


def _this_task() -> "asyncio.Task[object]":
    task = asyncio.current_task()
    assert task is not None
    return task


async def _patiently(guard: Guard, pause_s: float) -> None:
    """Wait before the next try; not for somebody who wants it to end."""
    guard.starting = False
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(guard.asked.wait(), pause_s)


async def _serve(site: Site, guard: Guard, notifier: Notifier, starts: StartsFile,
                 limit: StartLimit) -> None:
    from edge.station.wiring import running  # what it imports may fail, and that is a failure, too

    sealed = os.environ.get("CREDENTIALS_DIRECTORY")  # systemd.exec(5), LoadCredentialEncrypted=
    async with running(site, version("forecourt"), guard, notifier, starts.lately(), limit,
                       Path(sealed) if sealed else None) as (station, outlets):
        guard.starting = False
        starts.serves()
        with _told_ready(Path(site.paths.run) / "ready", station.clock.mono_ns()):
            notifier.ready()
            await guard.asked.wait()
        notifier.stopping()
        if guard.error is None:
            station.wind_down()
            await wind_down(outlets, lambda: station.site, station.clock.mono_ns, guard.hurry)
        guard.make_safe()
        if guard.error is None:
            starts.end(End.ORDERLY)  # also if what follows hangs in a disk
        faulthandler.dump_traceback_later(LAST_S, exit=True)


@contextlib.contextmanager
def _told_ready(path: Path, mono_ns: int) -> Iterator[None]:
    """A file that is there while the station serves; for those who wait without systemd."""
    path.write_text(f"{mono_ns}\n")
    log.info("ready")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
