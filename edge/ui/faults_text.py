"""How technicians' commands speak of faults: codes as people say them, what stands and since when."""

import argparse
import textwrap
from zoneinfo import ZoneInfo

from edge.controller.faults import FaultCode
from edge.controller.snapshot import FaultView, Snapshot
from edge.ui.format import parse_utc
from edge.ui.texts import Texts

COLUMNS = 100
LABEL_COLUMNS = 12


def fault_code(text: str) -> FaultCode:
    """A code as people say it: F201, f201 or 201. Raises what argparse wants for anything else."""
    try:
        return FaultCode("F" + text.strip().upper().removeprefix("F"))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"got {text!r}, expected one of {', '.join(FaultCode)}") from None


def standing(snapshot: Snapshot) -> tuple[FaultView, ...]:
    """Every fault that stands, once: one that concerns several bays is in the view of each."""
    seen = {(f.code, f.where): f
            for faults in (snapshot.faults, *(e.faults for e in snapshot.evses)) for f in faults}
    return tuple(seen[key] for key in sorted(seen))


def since_words(texts: Texts, fault: FaultView, snapshot: Snapshot) -> str:
    """Code, place, since when, how often and with which detail; in the time of the site."""
    zone = ZoneInfo(snapshot.site.time_zone)

    def when(utc: str | None) -> str:
        known = parse_utc(utc)
        return (texts.text("service.no_time") if known is None
                else f"{known.astimezone(zone):%Y-%m-%d %H:%M:%S}")
    parts = [texts.text("service.since", where=fault.where, since=when(fault.since_utc))]
    if fault.count > 1:
        parts.append(texts.text("service.count", count=fault.count, first=when(fault.first_utc)))
    return f"{fault.code} {', '.join(parts)}" + (f": {fault.detail}" if fault.detail else "")


def labelled(label: str, words: str, columns: int = LABEL_COLUMNS) -> list[str]:
    """A label and its words as rows of at most `COLUMNS`; the words begin at `columns`."""
    return textwrap.wrap(words, COLUMNS, initial_indent=f"{label:<{columns}}",
                         subsequent_indent=" " * columns, break_on_hyphens=False)
