"""`forecourt COMMAND ...`: finds the command among the entry points that the rooms declare.

Imports no room: a command's code loads when it is called, so that `forecourt check` works where the
card reader's library does not.
"""

import os
import select
import sys
from importlib.metadata import EntryPoint, entry_points, version

GROUP = "forecourt.commands"
_NOBODY_READS = 128 + 13  # what a shell shows of a program that SIGPIPE has ended


def main() -> None:
    """Entry point of the program; exits with the command's status, 141 if nobody reads its output."""
    try:
        status = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        if not _closed(sys.stdout.fileno()):
            raise  # of something else that the command talked to
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left to be flushed
        status = _NOBODY_READS
    sys.exit(status)


def _closed(descriptor: int) -> bool:
    """Whether it is a pipe that nobody reads, as that of `forecourt meter models | head`."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(what & select.POLLERR for _, what in poll.poll(0))


def run(argv: list[str]) -> int:
    """Run one command line; 2 for one that names no command."""
    commands = {point.name: point for point in entry_points(group=GROUP)}
    if argv in (["--version"], ["-V"]):
        print(version("forecourt"))
        return 0
    if not argv or argv[0] in ("-h", "--help"):
        print(_usage(commands))
        return 0 if argv else 2
    if argv[0] not in commands:
        print(f"forecourt: command: got {argv[0]!r}, expected one of {', '.join(sorted(commands))}",
              file=sys.stderr)
        return 2
    return int(commands[argv[0]].load()(argv[1:]))


def _usage(commands: dict[str, EntryPoint]) -> str:
    return "usage: forecourt COMMAND [OPTION ...]\ncommands: " + ", ".join(sorted(commands))


if __name__ == "__main__":
    main()
