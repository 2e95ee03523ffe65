"""`forecourt sync`: the process that tells the cloud."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from cloud_sync.process import Options, SyncProcess


def main(argv: list[str]) -> int:
    """Run until SIGTERM or SIGINT; exit status 0. It waits for the controller and for the broker.

    Exit status 1: `sync.db`, the broker's URL or the certificate files cannot be used.
    """
    args = _parser().parse_args(argv)
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s",
                        level=logging.DEBUG if args.verbose else logging.INFO)
    options = Options(run_dir=args.run_dir, state_dir=args.state_dir, resend_s=args.resend_s,
                      window=args.window)
    try:
        asyncio.run(_run(options, args.ready_file))
    except (OSError, ValueError) as error:
        logging.getLogger(__name__).debug("where", exc_info=True)
        print(f"forecourt sync: {error}", file=sys.stderr)
        return 1
    return 0


async def _run(options: Options, ready_file: Path | None) -> None:
    process = SyncProcess(options, on_ready=lambda: _say_ready(ready_file))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.stop)
    await process.run()


def _say_ready(ready_file: Path | None) -> None:
    print("forecourt sync: ready", file=sys.stderr, flush=True)
    if ready_file is not None:
        ready_file.write_text(f"{os.getpid()}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="forecourt sync", description="Carry the journal's rows to the cloud over MQTT.")
    parser.add_argument("--run-dir", type=Path, default=Path("/run/forecourt"), metavar="DIR",
                        help="where the controller's sync.sock is (default %(default)s)")
    parser.add_argument("--state-dir", type=Path, default=Path("/var/lib/forecourt"), metavar="DIR",
                        help="where sync.db is kept (default %(default)s)")
    parser.add_argument("--resend-s", type=float, default=30.0, metavar="S",
                        help="send again when nothing was acknowledged so long (default %(default)s)")
    parser.add_argument("--window", type=int, default=100, metavar="N",
                        help="messages on their way to the broker at most (default %(default)s)")
    parser.add_argument("--ready-file", type=Path, metavar="FILE",
                        help="written with our pid once the controller has answered")
    parser.add_argument("--verbose", action="store_true", help="log each step")
    return parser
