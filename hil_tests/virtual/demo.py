"""`forecourt demo`: a whole site with virtual hardware, and the driver's screen in this terminal.

`--headless` plays sessions by itself instead: it prints one OCPI CDR a line on stdout and what it
does on stderr, and exits with 0 only if the cloud's database holds exactly the sessions that the rig
saw, with the energy that the meters counted.
"""

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from hil_tests.rig import RigError
from hil_tests.virtual.children import ChildFailed
from hil_tests.virtual.progress import Progress
from hil_tests.virtual.site import VirtualSite
from hil_tests.virtual.site_cards import SITE_CARDS
from hil_tests.virtual.site_file import Choices


def main(argv: list[str]) -> int:
    """0: well; 1: something did not come true, with the reason on stderr; 2: cannot be started."""
    args = _parser().parse_args(argv)
    if not args.headless and not (sys.stdin.isatty() and sys.stdout.isatty()):
        print("forecourt demo: needs a terminal; without one use --headless", file=sys.stderr)
        return 2
    folder = args.keep or Path(tempfile.mkdtemp(prefix="forecourt-demo-"))
    try:
        return asyncio.run(_run(args, folder))
    except KeyboardInterrupt:
        return 130
    except asyncio.CancelledError:  # SIGTERM
        return 143
    except FileNotFoundError as error:  # no mosquitto, no MicroPython: the message says what to run
        print(f"forecourt demo: {error}", file=sys.stderr)
        return 2
    except (ChildFailed, RigError, RuntimeError, OSError, AssertionError) as error:
        print(f"forecourt demo: {error}", file=sys.stderr)
        return 1
    finally:
        if args.keep is None:
            shutil.rmtree(folder, ignore_errors=True)


async def _run(args: argparse.Namespace, folder: Path) -> int:
    from hil_tests.virtual.micropython.runtime import fetch_micropython

    task = asyncio.current_task()
    assert task is not None
    for ending in (signal.SIGTERM, signal.SIGHUP):  # the latter: its terminal was closed
        asyncio.get_running_loop().add_signal_handler(ending, task.cancel)
    progress = Progress(sys.stderr)
    if args.keep is not None and (folder / "state").exists():
        shutil.rmtree(folder / "state")  # a demo starts from nothing; the folder is its own
        (folder / "cloud.db").unlink(missing_ok=True)
    with progress.step("MicroPython"):
        await asyncio.to_thread(fetch_micropython)
    site = VirtualSite(folder, evses=args.evses, choices=Choices(people=True))
    try:
        with progress.step("the virtual site"):
            await site.start_all()
        if args.headless:
            from hil_tests.virtual.headless import play

            return await play(site, args.sessions, progress, as_json=args.json,
                              kill_broker=args.kill_broker)
        await _console(site)
        return 0
    finally:
        with progress.step("good night"):
            await site.stop()
        if args.keep is not None:
            print(f"everything of this site is in {folder}", file=sys.stderr)


async def _console(site: VirtualSite) -> None:
    from hil_tests.virtual.console import Console

    async with site.rig() as rig:
        await Console(site.run_dir, rig, cards=site.cards,
                      others=tuple(card.name for card in SITE_CARDS)).run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="forecourt demo", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--headless", action="store_true", help="no terminal: play sessions")
    parser.add_argument("--sessions", type=_count, default=2, metavar="N",
                        help="how many sessions to play (default %(default)s)")
    parser.add_argument("--json", action="store_true",
                        help="one OCPI 2.2.1 CDR a line on stdout (else a line of text)")
    parser.add_argument("--evses", type=int, choices=range(2, 9), default=2, metavar="2..8",
                        help="how many bays (default %(default)s)")
    parser.add_argument("--keep", type=Path, metavar="DIR",
                        help="keep files and logs there (default: a temporary folder)")
    parser.add_argument("--kill-broker", action="store_true",
                        help="kill -9 the broker during the sessions and start it again later")
    return parser


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= 1000:
        raise argparse.ArgumentTypeError(f"got {count}, expected 1 to 1000")
    return count


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
