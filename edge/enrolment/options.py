"""Options and troubles that all commands at a card reader have in common."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from edge.controller.trouble import DeviceError
from edge.enrolment.at_reader import AtReader, at_reader
from edge.enrolment.site import Here, read_site
from edge.link.errors import LinkError, LinkRefused

Job = Callable[[AtReader], Awaitable[int]]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which site, which reader, how long."""
    parser.add_argument("--site", type=Path, metavar="site.toml",
                        help="(default: /etc/forecourt/site.toml)")
    parser.add_argument("--reader", metavar="ID", help="at this one; without it: at any")
    parser.add_argument("--path", help="of a reader, where no controller runs: usb:072f:2200")
    parser.add_argument("--run-dir", type=Path, metavar="DIR", help="of the controller's sockets")
    parser.add_argument("--state-dir", type=Path, metavar="DIR", help="of the list of cards")
    parser.add_argument("--json", action="store_true", help="for a machine")


def here_of(args: argparse.Namespace) -> Here:
    """The site, as the options have it. Raises ValueError, OSError."""
    here = read_site(args.site)
    return msgspec.structs.replace(here, run=args.run_dir or here.run,
                                   state=args.state_dir or here.state)


def run(args: argparse.Namespace, job: Job) -> int:
    """The exit status of `job`; 1 if no card was shown or it was refused, 2 if it cannot be done."""
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    try:
        return asyncio.run(_at(args, job))
    except KeyboardInterrupt:
        return 1
    except LinkRefused as refused:
        print(f"forecourt card: {refused}", file=sys.stderr)
        return 1
    except (LinkError, DeviceError, ValueError, OSError) as error:
        print(f"forecourt card: {error}", file=sys.stderr)
        return 2


async def _at(args: argparse.Namespace, job: Job) -> int:
    def say(text: str) -> None:
        print(text, file=sys.stderr)

    async with at_reader(here_of(args), args.reader, args.path, say) as reader:
        return await job(reader)
