"""`forecourt ingest`: the cloud's side, from the broker into a database."""

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from cloud_sync.ingest.consumer import Consumer
from cloud_sync.ingest.report import cdr_lines, session_lines
from cloud_sync.ingest.store import Store
from cloud_sync.mqtt import Tls


def main(argv: list[str]) -> int:
    """Exit status 0; 1 when the database, the broker's URL or a file cannot be used."""
    args = _parser().parse_args(argv)
    try:
        return _run(args) if args.action == "run" else _print(args)
    except (SQLAlchemyError, OSError, ValueError) as error:
        print(f"forecourt ingest: {error}", file=sys.stderr)
        return 1


def _run(args: argparse.Namespace) -> int:
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s",
                        level=logging.DEBUG if args.verbose else logging.INFO)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    store = Store(args.db)
    try:
        consumer = Consumer(args.broker, store, tls=Tls(ca=args.ca, cert=args.cert, key=args.key),
                            on_ready=lambda: _say_ready(args.ready_file))
        consumer.run(stop)
    finally:
        store.close()
    return 0


def _print(args: argparse.Namespace) -> int:
    database = make_url(args.db)
    if database.get_backend_name() == "sqlite" and not Path(database.database or "").is_file():
        raise ValueError(f"no database {args.db}")
    store = Store(args.db)
    try:
        lines = cdr_lines if args.action == "cdr" else session_lines
        for line in lines(store.engine, as_json=args.json):
            print(line)
    finally:
        store.close()
    return 0


def _say_ready(ready_file: Path | None) -> None:
    print("forecourt ingest: ready", file=sys.stderr, flush=True)
    if ready_file is not None:
        ready_file.write_text(f"{os.getpid()}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="forecourt ingest", description="Take the sites' rows from the broker into a database.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    run = actions.add_parser("run", help="take rows until SIGTERM")
    run.add_argument("--broker", required=True, metavar="URL", help="mqtt://host[:port] or mqtts://...")
    for name in ("ca", "cert", "key"):
        run.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"PEM file: {name}, for mqtts")
    run.add_argument("--ready-file", type=Path, metavar="FILE",
                     help="written with our pid each time that we are subscribed")
    run.add_argument("--verbose", action="store_true", help="log each step")
    cdr = actions.add_parser("cdr", help="print the charge detail records")
    sessions = actions.add_parser("sessions", help="print the transactions and their starts and stops")
    for action in (run, cdr, sessions):
        action.add_argument("--db", required=True, metavar="URL", help="for example sqlite:///cloud.db")
    for action in (cdr, sessions):
        action.add_argument("--json", action="store_true", help="one JSON object a line")
    return parser
