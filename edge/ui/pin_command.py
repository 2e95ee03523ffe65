"""`forecourt pin`: have the controller keep the minutes around now of its flight recorder."""

import argparse
import asyncio
import sys

from edge.controller.snapshot import Snapshot
from edge.ui.service_link import Controller, add_options, with_controller
from edge.ui.texts import Texts

ACTION = "recorder.pin"


def main(argv: list[str]) -> int:
    """Exit status 0: they are kept; 1: refused, or nobody could be asked; 2: wrong arguments."""
    parser = argparse.ArgumentParser(prog="forecourt pin", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD",
                        help="what happened; stands beside the recording")
    add_options(parser)
    args = parser.parse_args(argv)

    async def job(link: Controller, texts: Texts, _: Snapshot) -> int:
        print(await pin(link, texts, " ".join(args.words)))
        return 0
    return asyncio.run(with_controller(args.run_dir, args.language, job))


async def pin(link: Controller, texts: Texts, words: str) -> str:
    """Ask for it; returns what follows. Raises `LinkError`."""
    await link.ask(ACTION, words=words)
    return texts.text("pin.done")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
