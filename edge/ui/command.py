"""`forecourt ui`: the driver's screen in this terminal, a client of the controller's `ui.sock`."""

import argparse
import logging
import os
import sys
import termios
import threading
import time
from pathlib import Path

from edge.ui.plain_pages import crash_page
from edge.ui.screen_model import ScreenModel
from edge.ui.texts import languages

RUN_DIR = Path("/run/forecourt")
RESTART_S = 5.0
TERMINAL_LOOK_S = 1.0
_log = logging.getLogger("forecourt.ui")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="forecourt ui", description=__doc__)
    parser.add_argument("--run-dir", type=Path, default=RUN_DIR, metavar="DIR",
                        help="folder of the controller's sockets (default: %(default)s)")
    parser.add_argument("--evse", metavar="ID", help="show one bay only (default: all of the site)")
    parser.add_argument("--language", choices=languages(),
                        help="language to start with (default: the first one of the site)")
    parser.add_argument("--log", type=Path, metavar="FILE",
                        help="where errors go (default: stderr if it is not the screen)")
    return parser


def _set_up_log(path: Path | None) -> None:
    """Errors must never be written onto the screen itself."""
    handler: logging.Handler = logging.NullHandler()
    if path is not None:
        handler = logging.FileHandler(path)
    elif not sys.stderr.isatty():
        handler = logging.StreamHandler()
    logging.basicConfig(level=logging.INFO, handlers=[handler],
                        format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def crash_text(model: ScreenModel) -> str:
    """The crash page for a bare terminal: cleared screen, words, no framework."""
    rows = [f"{model.symbol} {model.title}", *(line.text for line in model.lines)]
    return "\x1b[2J\x1b[H" + "\r\n".join(f" {row}" for row in rows) + "\r\n"


def _run_once(args: argparse.Namespace) -> bool:
    """Run the app; True if it failed. The one `except Exception` of this process."""
    from edge.ui.driver_app import DriverApp
    from edge.ui.source import LinkSource

    app = DriverApp(LinkSource(args.run_dir), evse_id=args.evse, language=args.language)
    failure: BaseException | None
    try:
        app.run()
        failure = app.failure
    except Exception as error:  # noqa: BLE001 - people must see a phone number, not a trace
        failure = error
    if failure is None and not app.return_code:
        return False
    _log.error("the screen failed and starts again", exc_info=failure)
    sys.stdout.write(crash_text(crash_page(app.site, app.language_now())))
    sys.stdout.flush()
    return True


def _end_with_the_terminal() -> None:
    """Textual reads the end of a closed terminal for ever, at half a core; nobody is left to see it.

    A hang-up comes as a signal only to those who have a controlling terminal; a look finds it always.
    """
    while True:
        time.sleep(TERMINAL_LOOK_S)
        try:
            termios.tcgetattr(0)
        except (termios.error, OSError):
            _log.error("the terminal is gone")
            os._exit(1)  # there is no screen to put back, and every write would fail


def main(argv: list[str]) -> int:
    """Show the screen until the process is told to end (SIGTERM); start again after a failure.

    Exit status 1: the terminal was closed.
    """
    args = _parser().parse_args(argv)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print("forecourt ui: needs a terminal on stdin and stdout", file=sys.stderr)
        return 2
    _set_up_log(args.log)
    threading.Thread(target=_end_with_the_terminal, name="terminal", daemon=True).start()
    while _run_once(args):
        time.sleep(RESTART_S)
    return 0
