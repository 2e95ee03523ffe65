"""What can be said of a site whose controller does not answer: its files, and who holds them.

Reads only. The journal's file is opened (read only) if nobody else has it.
"""

import os
import pwd
import sys
from collections.abc import Iterator
from pathlib import Path

from edge.controller.effects import Stream
from edge.doctor import computer
from edge.doctor.asking import Answer, Presence, knock
from edge.doctor.deadline import NoAnswer, said, within
from edge.doctor.finding import Finding, attention, ok, wrong
from edge.doctor.processes import motionless
from edge.doctor.site_file import SiteFacts
from edge.journal.errors import JournalDamaged, JournalError
from edge.journal.verify import verify

JOURNAL = "journal.db"
CHECK_S, JOURNAL_S, DISK_S = 15.0, 20.0, 3.0
HANGS = "The card is slow or hangs: `dmesg | tail`."
PROGRAM = (sys.executable, "-m", "edge.station.cli")
#: A larger one takes longer to walk than anybody waits for a page: `forecourt journal verify` does.
LARGE_JOURNAL = 100_000_000
_START = "`sudo systemctl start forecourt`, then `journalctl -u forecourt -n 50`."
_GROUPS = ("forecourt-clients", "forecourt-service")


def examine(facts: SiteFacts, answer: Answer, run_dir: Path,
            root: Path = computer.ROOT) -> list[Finding]:
    """Every part that leaves a trace on the disk."""
    state = Path(facts.state)
    try:
        lock = state / f"{JOURNAL}.lock"
        holder = within(lambda: computer.holder_of(lock, root), DISK_S, facts.state)
        kept = within(lambda: [*journal(state, holder), *set_aside(state)], JOURNAL_S, facts.state)
    except NoAnswer as error:
        holder, kept = None, [wrong("journal", str(error), HANGS)]
    return [*presence(answer, holder, root), *site_file(facts), *leftovers(run_dir, answer),
            *computer.devices(facts.devices, root), *kept]


def presence(answer: Answer, holder: int | None, root: Path = computer.ROOT) -> Iterator[Finding]:
    """Why nobody answers."""
    if answer.presence is Presence.FORBIDDEN:
        missing = ", ".join(_GROUPS)
        yield wrong("controller", f"{answer.path}: you ({_user()}) may not connect",
                    f"Run it with sudo, or get into the groups {missing}: `sudo usermod -aG "
                    f"{','.join(_GROUPS)} {_user()}`, then log in again.")
        return
    if answer.presence is Presence.SAFE_STOP:
        yield wrong("safe stop", answer.error, "Every contactor stays open. Read why it failed: "
                    "`journalctl -u forecourt -n 200`; mend that, then `forecourt faults clear F606`. "
                    "If it is not plain, send a bundle made by `forecourt diagnostics`.")
        return
    pid = answer.pid or holder
    if answer.pid is None and holder is not None and not motionless(holder, root):
        yield wrong("controller", f"pid {holder} has the journal and no socket yet: it starts",
                    "Look again in a minute; a start that mends a damaged journal takes several: "
                    "`systemctl status forecourt` says so. Restarting it makes it begin anew.")
    elif answer.presence is Presence.REFUSES:
        yield wrong("controller", f"pid {pid} answers, and not with its figures: {answer.error}",
                    "Controller and command are of different versions: restart the controller when no "
                    "car charges.")
    elif pid is None:
        yield wrong("controller", "it does not run: nobody holds its socket or its journal", _START)
    else:
        why = motionless(pid, root)
        does = f"is {why}" if why else "runs, and does not answer within its time"
        yield wrong("controller", f"pid {pid} {does}", f"`kill -CONT {pid}` if somebody stopped it; "
                    "else `sudo systemctl restart forecourt`. Without it each board falls back to its "
                    "failsafe current and opens within about a minute.")


def site_file(facts: SiteFacts) -> Iterator[Finding]:
    """`forecourt check`, as a program of its own."""
    part, run = "site file", f"`forecourt check {facts.path}` tells all of it; correct the file."
    if facts.error:
        yield wrong(part, f"{facts.path}: {facts.error}", "Give its place with --site, or write one: "
                    "docs/install.md, section 4.")
        return
    try:
        status, _, errors = said([*PROGRAM, "check", facts.path], CHECK_S)
    except NoAnswer as error:
        yield attention(part, str(error), run)
        return
    if status == 0:
        yield ok(part, f"{facts.path} is valid")
    else:
        lines = errors.strip().splitlines() or [f"exit status {status}"]
        more = f" (and {len(lines) - 2} more)" if len(lines) > 2 else ""
        yield wrong(part, f"{lines[0]}{more}", run)


def leftovers(run_dir: Path, answer: Answer) -> Iterator[Finding]:
    """Sockets of a controller that was killed."""
    if answer.presence not in (Presence.LEFT_OVER, Presence.ABSENT):
        return
    try:
        names = sorted(path.name for path in run_dir.glob("*.sock"))
    except OSError:
        names = []
    dead = [name for name in names if knock(run_dir / name, 0.5)[0] is Presence.LEFT_OVER]
    if dead:
        yield attention("sockets", f"{', '.join(dead)} in {run_dir}: left over from a controller that "
                        "was killed", "Nothing to do: the next start replaces them. Why it was killed: "
                        "`journalctl -u forecourt -n 100`, `dmesg | grep -i kill`.")


def journal(state: Path, holder: int | None) -> Iterator[Finding]:
    """Its chain, if nobody has it open and it is small enough for a page."""
    path = state / JOURNAL
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        yield attention("journal", f"there is none at {path}", "Right for a new site: the first start "
                        "makes it. Else look whether the disk is mounted and --site names this site.")
        return
    except OSError as error:
        yield attention("journal", f"{path}: {error.strerror}", "Run it with sudo.")
        return
    if holder is not None:
        yield ok("journal", f"held by pid {holder}, so not looked at")
    elif size > LARGE_JOURNAL:
        yield ok("journal", f"{size / 1e6:.0f} MB; `forecourt journal verify {path}` walks its chain")
    else:
        yield _chain(path)


def _chain(path: Path) -> Finding:
    salvage = ("Leave the file where it is: the next start sets it aside and saves what can be read. "
               "Make a bundle with `forecourt diagnostics`; replace the card.")
    try:
        found = verify(path)
    except JournalDamaged as error:
        return wrong("journal", f"damaged: {error}", salvage)
    except JournalError as error:
        return attention("journal", str(error), "Run it with sudo.")
    if found.breaks:
        first = found.breaks[0]
        return wrong("journal", f"its chain breaks in {first.stream} at row {first.seq}: {first.why}",
                     salvage)
    rows = ", ".join(f"{stream} {found.rows[stream]}" for stream in Stream)
    return ok("journal", f"whole, epoch {found.epoch}, boot {found.boot}; rows {rows}")


def set_aside(state: Path) -> Iterator[Finding]:
    """Damaged journals that were kept."""
    try:
        names = sorted(path.name for path in state.glob(f"{JOURNAL}.damaged-*")
                       if not path.name.endswith(("-wal", "-shm")))
    except OSError:
        return
    if names:
        yield attention("set aside", ", ".join(names), "What could be read is in the new journal. Copy "
                        "them to a safe place before anybody deletes them: bills of some sessions may "
                        "be only there.")


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
