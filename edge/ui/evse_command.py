"""`forecourt evse`: every EVSE in a row, and what a technician may ask the running controller for."""

import argparse
import asyncio
import math
import sys
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from edge.controller.share import MIN_A
from edge.controller.snapshot import EvseView, FaultView, Snapshot
from edge.ui.format import Formatter
from edge.ui.service_link import Controller, add_options, with_controller
from edge.ui.texts import Texts

BECAUSE = "technician"  # whose limit it is, on screens and in the list
NONE = "none"
_NOTHING = "-"

#: The commands on one EVSE that need nothing but its id: the request, what goes with it, help.
ACTIONS: Mapping[str, tuple[str, dict[str, object], str]] = MappingProxyType({
    "stop": ("session.stop", {}, "end the session in order"),
    "pause": ("session.pause", {}, "pause the session in order; its transaction goes on"),
    "resume": ("session.resume", {}, "take the pause back"),
    "out-of-service": ("availability.set", {"operational": False},
                       "take it out of service as soon as no session runs; outlasts a restart"),
    "in-service": ("availability.set", {"operational": True}, "take it back into service"),
    "contactor-replaced": ("contactor.replaced", {},
                           "a new contactor was put in: its counters begin at nothing"),
})
_DONE = MappingProxyType({
    "stop": "evse.stop", "pause": "evse.pause", "resume": "evse.resume", "out-of-service": "evse.out",
    "in-service": "evse.in", "contactor-replaced": "evse.replaced",
})
_HEADS = ("evse.head.id", "evse.head.label", "evse.head.state", "evse.head.charging",
          "evse.head.offer", "evse.head.contactor", "evse.head.wear", "evse.head.faults")


def main(argv: list[str]) -> int:
    """Exit status 0; 1: refused, or nobody could be asked; 2: wrong arguments."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.command == "limit" and args.amperes is None and args.for_s is not None:
        parser.error(f"--for: a limit is taken away for good; leave it out after {NONE!r}")

    async def job(link: Controller, texts: Texts, snapshot: Snapshot) -> int:
        if args.command == "list":
            print(_json(snapshot) if args.json else "\n".join(rows(texts, snapshot)))
        elif args.command == "limit":
            print(await limit(link, texts, snapshot, args.id, args.amperes, args.for_s))
        else:
            print(await act(link, texts, snapshot, args.command, args.id))
        return 0
    return asyncio.run(with_controller(args.run_dir, args.language, job))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="forecourt evse", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    show = commands.add_parser("list", help="state, charging, offer and why, contactor, faults")
    show.add_argument("--json", action="store_true", help="machine readable")
    add_options(show)
    for name, (_, _, words) in ACTIONS.items():
        command = commands.add_parser(name, help=words, description=words)
        command.add_argument("id", metavar="ID", help="of the EVSE, as in the site's file")
        add_options(command)
    less = commands.add_parser("limit", help="offer at most so much; less than 6 A pauses in order")
    less.add_argument("id", metavar="ID", help="an EVSE, or a circuit for all EVSEs below it")
    less.add_argument("amperes", type=_amperes, metavar="AMPERES",
                      help=f"per phase; {NONE!r} takes the limit away")
    less.add_argument("--for", dest="for_s", type=_seconds, metavar="SECONDS",
                      help="then it is forgotten (default: until it is changed)")
    add_options(less)
    return parser


def _amperes(text: str) -> float | None:
    return None if text.lower() == NONE else _number(text, f"0 or more amperes, or {NONE!r}", least=0.0)


def _seconds(text: str) -> float:
    return _number(text, "seconds, more than 0", least=math.ulp(0.0))


def _number(text: str, expected: str, least: float) -> float:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not least <= value < math.inf:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected {expected}")
    return value


async def act(link: Controller, texts: Texts, snapshot: Snapshot, command: str, evse_id: str) -> str:
    """Ask for one of `ACTIONS`; returns what follows now. Raises `LinkError`."""
    action, args, _ = ACTIONS[command]
    await link.ask(action, evse_id=evse_id, **args)
    evse = _evse(snapshot, evse_id)
    busy = command == "out-of-service" and evse is not None and evse.charging_state is not None
    return texts.text("evse.out_later" if busy else _DONE[command], evse=_name(snapshot, evse_id))


async def limit(link: Controller, texts: Texts, snapshot: Snapshot, where: str,
                current_a: float | None, for_s: float | None) -> str:
    """Set or take away a limit, per phase, for `for_s` seconds; returns what follows now."""
    span = {} if for_s is None or current_a is None else {"ttl_s": for_s}
    await link.ask("limit.set", where=where, current_a=current_a, because=BECAUSE, **span)
    name, form = _name(snapshot, where), _formatter(texts, snapshot)
    if current_a is None:
        return texts.text("evse.no_limit", evse=name)
    words = texts.text("evse.limit", evse=name, ampere=form.ampere(current_a))
    if span:
        words += " " + texts.text("evse.limit_span", span=form.duration(int(for_s or 0)))
    return f"{words} {texts.text('evse.limit_pause')}" if current_a < MIN_A else words


def rows(texts: Texts, snapshot: Snapshot) -> list[str]:
    """A head, a row per EVSE in aligned columns, and what stands of no EVSE."""
    form = _formatter(texts, snapshot)
    table = [[texts.text(head) for head in _HEADS],
             *(_cells(texts, form, evse) for evse in snapshot.evses)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
             for row in table]
    of_site = tuple(f for f in snapshot.faults if all(f not in e.faults for e in snapshot.evses))
    if of_site:
        lines += ["", texts.text("evse.site", faults=_codes(of_site))]
    return lines


def _cells(texts: Texts, form: Formatter, evse: EvseView) -> list[str]:
    offer = f"{form.ampere(evse.offered_a)} A {evse.because}".rstrip()
    contactor = {None: "evse.unknown", True: "evse.closed", False: "evse.open"}[evse.contactor_closed]
    return [evse.id, evse.label, evse.state, evse.charging_state or _NOTHING,
            offer if evse.offered_a or evse.because else _NOTHING, texts.text(contactor),
            _wear(texts, form, evse), _codes(evse.faults, evse.id) or _NOTHING]


def _wear(texts: Texts, form: Formatter, evse: EvseView) -> str:
    if evse.wear is None:
        return _NOTHING
    return texts.text("evse.wear", percent=form.percent(f"{evse.wear.share * 100:f}"),
                      cycles=evse.wear.cycles, breaks=evse.wear.load_breaks,
                      hours=evse.wear.closed_s // 3600)


def _codes(faults: tuple[FaultView, ...], here: str = "") -> str:
    """With the place of each that is not `here`."""
    return ", ".join(f.code.value if f.where == here else f"{f.code} {f.where}" for f in faults)


def _json(snapshot: Snapshot) -> str:
    fields = ("id", "label", "state", "screen", "charging_state", "offered_a", "because",
              "contactor_closed", "wear", "faults")
    evses = [{field: getattr(evse, field) for field in fields} for evse in snapshot.evses]
    return msgspec.json.encode({"evses": evses, "faults": snapshot.faults}).decode()


def _formatter(texts: Texts, snapshot: Snapshot) -> Formatter:
    return Formatter(texts.language, snapshot.site.currency, snapshot.site.time_zone)


def _evse(snapshot: Snapshot, evse_id: str) -> EvseView | None:
    return next((e for e in snapshot.evses if e.id == evse_id), None)


def _name(snapshot: Snapshot, place: str) -> str:
    """As people call it; a circuit has only its id."""
    evse = _evse(snapshot, place)
    return place if evse is None or evse.label == place else f"{place} ({evse.label})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
