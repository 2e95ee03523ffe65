"""`forecourt faults`: what a code means, what to measure and what to do; and which faults stand now.

Works without a controller; with one it asks the service socket for the latest state, once.
"""

import argparse
import asyncio
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from edge.controller.catalogue import CATALOGUE
from edge.controller.faults import FaultCode, FaultKind
from edge.controller.snapshot import FaultView, Snapshot
from edge.link.client import LinkClient
from edge.link.errors import LinkError
from edge.ui.format import parse_utc
from edge.ui.texts import FALLBACK, Texts, languages

RUN_DIR = Path("/run/forecourt")
SOCKET = "service.sock"
ANSWER_S = 2.0
COLUMNS = 100
_LABEL = 12


def main(argv: list[str]) -> int:
    """Exit status 0; 2: wrong arguments, a code that is not in the catalogue among them."""
    args = _parser().parse_args(argv)
    codes = tuple(FaultCode) if args.code is None else (args.code,)
    path: Path = args.run_dir / SOCKET
    snapshot = asyncio.run(_ask(path)) if _is_there(path) else None
    texts = Texts(args.language or _language(snapshot))
    if args.json:
        print(msgspec.json.encode(_data(texts, codes, snapshot)).decode())
        return 0
    rows = _standing_rows(texts, codes, snapshot, path)
    rows += _list(texts) if args.code is None else _one(texts, CATALOGUE[args.code])
    print("\n".join(rows))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="forecourt faults", description=__doc__)
    parser.add_argument("code", nargs="?", type=_code, metavar="CODE",
                        help="a code, as F201 (default: all, a row each)")
    parser.add_argument("--language", choices=languages(),
                        help=f"default: the site's first if a controller answers, else {FALLBACK}")
    parser.add_argument("--json", action="store_true", help="machine readable")
    parser.add_argument("--run-dir", type=Path, default=RUN_DIR, metavar="DIR",
                        help="folder of the controller's sockets (default: %(default)s)")
    return parser


def _code(text: str) -> FaultCode:
    """A code as people say it: F201, f201 or 201."""
    try:
        return FaultCode("F" + text.strip().upper().removeprefix("F"))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"got {text!r}, expected one of {', '.join(FaultCode)}") from None


def _is_there(path: Path) -> bool:
    """A controller that does not run need not be waited for. False where we may not even look."""
    try:
        return path.is_socket()
    except PermissionError:
        return False


async def _ask(path: Path, answer_s: float = ANSWER_S) -> Snapshot | None:
    """The latest state of the controller at this socket; None if none answers, or not to us."""
    client = LinkClient(path)
    try:
        await client.connect(timeout_s=answer_s)
        return await client.ask("status", None, Snapshot, timeout_s=answer_s)
    except LinkError:
        return None
    finally:
        await client.close()


def _language(snapshot: Snapshot | None) -> str:
    return snapshot.site.languages[0] if snapshot is not None else FALLBACK


def standing(snapshot: Snapshot) -> tuple[FaultView, ...]:
    """Every fault that stands, once: one that concerns several bays is in the view of each."""
    seen = {(f.code, f.where): f
            for faults in (snapshot.faults, *(e.faults for e in snapshot.evses)) for f in faults}
    return tuple(seen[key] for key in sorted(seen))


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
    rows = [row for f in standing(snapshot) if f.code in codes for row in _stands(texts, f, snapshot)]
    return [*(rows or [texts.text("service.none")]), ""]


def _stands(texts: Texts, fault: FaultView, snapshot: Snapshot) -> Iterator[str]:
    zone = ZoneInfo(snapshot.site.time_zone)

    def when(utc: str | None) -> str:
        known = parse_utc(utc)
        return (texts.text("service.no_time") if known is None
                else f"{known.astimezone(zone):%Y-%m-%d %H:%M:%S}")
    parts = [texts.text("service.since", where=fault.where, since=when(fault.since_utc))]
    if fault.count > 1:
        parts.append(texts.text("service.count", count=fault.count, first=when(fault.first_utc)))
    words = f"{fault.code} {', '.join(parts)}" + (f": {fault.detail}" if fault.detail else "")
    yield from _labelled(texts.text("service.now"), words)


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
        row for label, words in pairs for row in _labelled(text(label), words)]


def _labelled(label: str, words: str) -> list[str]:
    return textwrap.wrap(words, COLUMNS, initial_indent=f"{label:<{_LABEL}}",
                         subsequent_indent=" " * _LABEL, break_on_hyphens=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
