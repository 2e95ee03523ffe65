"""`forecourt card WORD ...`: a table of words. Each one's module is loaded when it is called."""

import importlib
import sys
from collections.abc import Mapping

#: word: (module, what it does). The module has `main(argv) -> int`; `argv` begins with the word.
#: It names its own exit status; 2 is "cannot be done" in all of them.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "add": ("edge.rfid.hand_command", "add a card, or change what is known of it"),
    "block": ("edge.rfid.hand_command", "keep a card and refuse it"),
    "unblock": ("edge.rfid.hand_command", "take back a block; what the list says holds again"),
    "remove": ("edge.rfid.hand_command", "forget a card; its sessions can still be billed"),
    "list": ("edge.rfid.list_command", "show the cards; apply, make, show: the operator's signed list"),
    "read": ("edge.enrolment.read_command", "show one card: its number in all forms, what it proves"),
    "watch": ("edge.enrolment.watch_command", "show every tap, and what was decided"),
    "enrol": ("edge.enrolment.enrol_command", "put the next card, or one just refused, onto the list"),
    "import": ("edge.rfid.import_command", "enter the cards of a sheet (CSV)"),
}
_USAGE = "usage: forecourt card COMMAND ... (COMMAND --help tells more)"


def main(argv: list[str]) -> int:
    """As the command that was called; SystemExit 0 for help, and 2 for a word that there is not."""
    if argv and argv[0] in COMMANDS:
        return int(importlib.import_module(COMMANDS[argv[0]][0]).main(argv))
    helped = argv[:1] in (["-h"], ["--help"])
    out = sys.stdout if helped else sys.stderr
    print(_USAGE, *(f"  {word:<8} {text}" for word, (_, text) in COMMANDS.items()), sep="\n", file=out)
    if argv and not helped:
        print(f"forecourt card: there is no {argv[0]!r}", file=sys.stderr)
    raise SystemExit(0 if helped else 2)
