"""`forecourt faults`: what a code means, what to measure and what to do; and which faults stand now.

Works without a controller; with one it asks the service socket for the latest state, once. To end a
fault after its remedy: `forecourt faults clear`.
"""

import argparse
import asyncio
import sys
from pathlib import Path

import msgspec

from edge.controller.catalogue import CATALOGUE
from edge.controller.faults import FaultCode, FaultKind
from edge.controller.snapshot import Snapshot
from edge.link.errors import LinkError
from edge.ui import clear_command
from edge.ui.faults_text import fault_code, labelled, since_words, standing
from edge.ui.service_link import (
    ANSWER_S,
    SOCKET,
    NoController,
    add_options,
    controller,
    language_of,
)
from edge.ui.texts import Texts


def main(argv: list[str]) -> int:
    """Exit status 0; 2: wrong arguments, a code that is not in the catalogue among them."""
    if argv[:1] == ["clear"]:
        return clear_command.main(argv[1:])
    args = _parser().parse_args(argv)
    codes = tuple(FaultCode) if args.code is None else (args.code,)
    path: Path = args.run_dir / SOCKET
    snapshot = asyncio.run(_ask(path))
    texts = Texts(args.language or language_of(snapshot))
    if args.json:
        print(msgspec.json.encode(_data(texts, codes, snapshot)).decode())
        return 0
    rows = _standing_rows(texts, codes, snapshot, path)
    rows += _list(texts) if args.code is None else _one(texts, CATALOGUE[args.code])
    print("\n".join(rows))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="forecourt faults", description=__doc__)
    parser.add_argument("code", nargs="?", type=fault_code, metavar="CODE",
                        help="a code, as F201 (default: all, a row each)")
    parser.add_argument("--json", action="store_true", help="machine readable")
    add_options(parser)
    return parser


async def _ask(path: Path, answer_s: float = ANSWER_S) -> Snapshot | None:
    """The latest state of the controller at this socket; None if none answers, or not to us."""
    try:
        async with controller(path, answer_s) as link:
            return await link.look()
    except (NoController, LinkError):
        return None


def _data(texts: Texts, codes: tuple[FaultCode, ...], snapshot: Snapshot | None) -> dict[str, object]:
    now = None if snapshot is None else [f for f in standing(snapshot) if f.code in codes]
    return {"standing": now, "faults": [_row(texts, CATALOGUE[code]) for code in codes]}


def _row(texts: Texts, kind: FaultKind) -> dict[str, object]:
    key = f"fault.{kind.code.value}"
    cause, measure, remedy = texts.service(kind.code)
    return {**msgspec.structs.asdict(kind), "driver": texts.text(key), "do": texts.text(f"{key}.do"),
            "cause": cause, "measure": measure, "remedy": remedy}


def _standing_rows(texts: Texts, codes: tuple[FaultCode, ...], snapshot: Snapshot | None,
                   path: Path) -> list[str]:
    """What stands of these codes, or that nobody knows."""
    if snapshot is None:
        return [texts.text("service.silent", path=path), ""]
    rows = [row for f in standing(snapshot) if f.code in codes
            for row in labelled(texts.text("service.now"), since_words(texts, f, snapshot))]
    return [*(rows or [texts.text("service.none")]), ""]


def _list(texts: Texts) -> list[str]:
    return [f"{code}  {texts.text(f'severity.{kind.severity}'):<11} {texts.text(f'fault.{code}')}"
            for code, kind in CATALOGUE.items()]


def _one(texts: Texts, kind: FaultKind) -> list[str]:
    text, key = texts.text, f"fault.{kind.code.value}"
    names = ", ".join((kind.name, kind.component, *([kind.mrec] if kind.mrec else []), *kind.everest))
    cause, measure, remedy = texts.service(kind.code)
    pairs = (
        ("service.severity", text(f"severity.{kind.severity}")),
        ("service.stops", text(f"stops.{kind.stops}")), ("service.until", text(f"until.{kind.until}")),
        ("service.driver", text(f"{key}.do")), ("service.cause", cause), ("service.measure", measure),
        ("service.remedy", remedy), ("service.names", names))
    return [f"{kind.code.value}  {text(key)}", ""] + [
        row for label, words in pairs for row in labelled(text(label), words)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
