"""`forecourt doctor`: what is wrong with this site, on one page, with what to do about it.

Exit status: 0 all well, 1 something needs attention, 2 something stops charging, 3 the controller does
not answer (the page says then what its files and the computer tell).
"""

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec

from edge.controller.struct import Value
from edge.doctor import computer, judge, processes, without
from edge.doctor.asking import Answer, Presence, ask
from edge.doctor.deadline import NoAnswer, said
from edge.doctor.finding import Finding, exit_status, worst_first
from edge.doctor.page import page
from edge.doctor.site_file import SITE_FILE, SiteFacts, facts_of
from edge.doctor.words import span
from edge.link.health import Health

REMEDIES_S = 15.0


class Examination(Value):
    """What was found, worst first; `health` of the controller, if it answered."""

    utc: str
    software: str
    site_file: str
    answered: bool
    status: int
    heading: str
    findings: tuple[Finding, ...]
    health: Health | None = None


def main(argv: list[str]) -> int:
    """See the module's docstring."""
    args = _parser().parse_args(argv)
    found = examine(facts_of(args.site), args.run_dir)
    if args.json:
        print(msgspec.json.encode(found).decode())
    else:
        print(as_page(found, colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR")))
    return found.status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="forecourt doctor", description=__doc__)
    add_options(parser)
    parser.add_argument("--json", action="store_true", help="machine readable")
    return parser


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which site is meant."""
    parser.add_argument("--site", type=Path, default=SITE_FILE, metavar="site.toml",
                        help="the site's file (default: %(default)s)")
    parser.add_argument("--run-dir", type=Path, metavar="DIR",
                        help="folder of the controller's sockets (default: as the site's file says)")


def examine(facts: SiteFacts, run_dir: Path | None) -> Examination:
    """All questions at once, each with its deadline."""
    folder = run_dir or Path(facts.run)
    with ThreadPoolExecutor(max_workers=4) as pool:
        asked = pool.submit(ask, folder)
        words = pool.submit(remedies)
        seen = pool.submit(computer.examine, Path(facts.state))
        answer = asked.result()
        about = about_site(facts, answer, folder, words.result() if answer.now else {})
        findings = tuple(worst_first([*about, *seen.result()]))
    answered = answer.now is not None or answer.presence is Presence.SAFE_STOP
    return Examination(
        utc=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        software=version("forecourt"), site_file=facts.path, answered=answered,
        status=exit_status(findings, answered=answered), findings=findings, health=answer.now,
        heading=_heading(facts, answer.now))


def about_site(facts: SiteFacts, answer: Answer, run_dir: Path,
               words: judge.Remedies) -> list[Finding]:
    """From the controller if it answers, else from what lies on the disk."""
    if answer.now is None:
        return without.examine(facts, answer, run_dir)
    return [*judge.examine(answer.now, answer.before, words), *processes.examine(answer.now)]


def _heading(facts: SiteFacts, health: Health | None) -> str:
    if health is None:
        return f"forecourt doctor: {facts.path}, software {version('forecourt')}"
    virtual = ", virtual" if health.virtual else ""
    return (f"forecourt doctor: {health.site_id}{virtual}, software {health.software}, "
            f"up {span(health.uptime_s)}")


def as_page(found: Examination, *, colour: bool) -> str:
    """For people."""
    return page(f"{found.heading}, {found.utc}", found.findings, answered=found.answered, colour=colour)


def remedies() -> judge.Remedies:
    """From the catalogue of words, which is the screens': `forecourt faults` reads it. Empty if not."""
    try:
        status, shown, _ = said([*without.PROGRAM, "faults", "--json",
                                 "--language", "en", "--run-dir", os.devnull], REMEDIES_S)
        if status != 0:
            return {}
        faults = msgspec.json.decode(shown.encode(), type=_Faults).faults
    except (NoAnswer, msgspec.MsgspecError):
        return {}
    return {fault.code: fault.remedy for fault in faults}


class _Fault(msgspec.Struct):
    code: str
    remedy: str


class _Faults(msgspec.Struct):
    faults: list[_Fault]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
