"""What goes into a bundle, in two passes: gathered first and learned from, then masked and rendered.

Each part may fail by itself: then it is left out, and the manifest says so. Reads only.
"""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec

from edge.controller.effects import Stream
from edge.doctor.command import Examination, as_page
from edge.doctor.computer import ROOT, UNITS
from edge.doctor.deadline import NoAnswer, said, within
from edge.doctor.flight_mask import learn_segment, masked_segment
from edge.doctor.masking import Mask
from edge.doctor.site_file import SiteFacts
from edge.doctor.site_mask import learn_site, masked_site
from edge.doctor.versions import versions
from edge.doctor.without import JOURNAL
from edge.journal.errors import JournalError
from edge.journal.glance import Glance, GlancedRow, glance
from edge.recorder.pins import FOLDER as PINNED
from edge.recorder.pins import notes_in
from edge.recorder.ring import FOLDER, Kept, segments_in
from edge.recorder.segment import Unreadable

MOST_ROWS = 2000
MOST_LOG_BYTES = 4_000_000
MOST_LOG_LINES = 20_000
JOURNAL_S, LOG_S, FLIGHT_S, LIST_S = 20.0, 30.0, 120.0, 5.0
RECORDED_S = 600
SEGMENT_S = 60
MOST_SEGMENTS = RECORDED_S // SEGMENT_S + 1

T = TypeVar("T")


class Collection:
    """One bundle in the making. `files` and `left_out` grow; nothing in `files` is unmasked."""

    def __init__(self, facts: SiteFacts, found: Examination, *, hours: float, logs: list[Path],
                 pins: list[str], root: Path = ROOT) -> None:
        self._facts, self._found, self._state = facts, found, Path(facts.state)
        self._hours, self._logs, self._pins, self._root = hours, logs, pins, root
        self.mask = Mask()
        self.files: dict[str, bytes] = {}
        self.left_out: list[str] = []
        self.notes: list[str] = []

    def gather(self) -> None:
        """Everything there is, masked."""
        journal = self._try("journal", lambda: within(self._journal, JOURNAL_S, "journal"))
        logs = self._try("logs", self._read_logs) or {}
        segments = self._try("flight recording", lambda: within(self._segments, LIST_S, "recording"))
        learn_site(self.mask, self._facts.text)
        self._learn(journal)
        readable = [kept for kept in segments or [] if self._learn_segment(kept)]
        self._doctor()
        if self._facts.text:
            self.files["site.toml"] = masked_site(self.mask, self._facts.text).encode()
        else:
            self.left_out.append(f"site.toml: {self._facts.error}")
        self.files["versions.json"] = _pretty(versions(self._root))
        if journal is not None:
            self._put_journal(journal)
        self._try("state folder", lambda: within(self._listing, LIST_S, "state folder"))
        for name, text in logs.items():
            self.files[f"logs/{name}"] = self.mask.free(text).encode()
        self._put_segments(readable)

    def _try(self, part: str, call: Callable[[], T]) -> T | None:
        try:
            return call()
        except (NoAnswer, JournalError, OSError, ValueError) as error:
            self.left_out.append(f"{part}: {self.mask.free(str(error))}")
            return None

    def _journal(self) -> Glance:
        return glance(self._state / JOURNAL, MOST_ROWS)

    def _learn(self, journal: Glance | None) -> None:
        if journal is None:
            return
        for rows in journal.rows.values():
            for row in rows:
                self.mask.learn_row(row.data)
        for body in journal.sessions.values():
            self.mask.learn_row(body)

    def _put_journal(self, journal: Glance) -> None:
        since = (datetime.now(UTC) - timedelta(hours=self._hours)).isoformat(timespec="seconds")
        self.left_out += (f"journal, {trouble}" for trouble in journal.troubles)
        self.files["journal.json"] = _pretty({"meta": journal.meta, "streams": journal.heads})
        for stream in (Stream.TX, Stream.EV):
            rows = [row for row in journal.rows[stream] if row.utc is None or row.utc >= since]
            self.files[f"rows/{stream}.jsonl"] = _lines([self._row(row) for row in rows])
        self.files["rows/sessions.jsonl"] = _lines([self.mask.row(body)
                                                    for body in journal.sessions.values()])
        self.notes.append("rows/: `hash` is of the row before it was masked")

    def _row(self, row: GlancedRow) -> dict[str, object]:
        return {"seq": row.seq, "type": row.type, "utc": row.utc, "boot": row.boot,
                "mono_ns": row.mono_ns, "clock_ok": row.clock_ok, "hash": row.hash.hex(),
                "data": self.mask.row(row.data)}

    def _doctor(self) -> None:
        """The page as it was seen, and all its figures."""
        self.files["doctor.txt"] = (self.mask.free(as_page(self._found, colour=False)) + "\n").encode()
        figures = msgspec.json.decode(msgspec.json.encode(self._found))
        self.files["doctor.json"] = _pretty(self.mask.structure(figures))

    def _read_logs(self) -> dict[str, str]:
        """Of systemd's journal where there is one, and the files that were asked for."""
        found = {}
        for path in self._logs:
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - MOST_LOG_BYTES))
                found[path.name] = file.read().decode("utf-8", "replace")
        if shutil.which("journalctl") is None or not (self._root / "run/systemd/system").is_dir():
            self.left_out.append("journalctl: this computer has none; --log FILE adds a log")
            return found
        for unit in UNITS:
            _, shown, _ = said(["journalctl", "--no-pager", "--no-hostname", "--output=short-iso",
                                f"--unit={unit}", f"--since=-{self._hours:g}h",
                                f"--lines={MOST_LOG_LINES}"], LOG_S)
            found[f"{unit}.log"] = shown[-MOST_LOG_BYTES:]
        return found

    def _listing(self) -> None:
        """Names and sizes of what lies in the state folder, journals that were set aside among it."""
        rows = []
        for path in sorted(self._state.rglob("*")):
            status = path.lstat()
            when = datetime.fromtimestamp(status.st_mtime, UTC).isoformat(timespec="seconds")
            rows.append({"name": str(path.relative_to(self._state)), "bytes": status.st_size,
                         "mode": f"{status.st_mode & 0o7777:04o}", "changed": when})
        self.files["state.json"] = _pretty(rows)
        starts = Path(self._facts.run) / "starts.json"
        if starts.is_file():
            self.files["starts.json"] = self.mask.free(starts.read_text("utf-8", "replace")).encode()

    def _segments(self) -> list[Kept]:
        """The last ten minutes, and the pins that were asked for. Lists all pins."""
        flight = self._state / FOLDER
        if not flight.is_dir():
            raise OSError(f"{flight}: there is none")
        notes = notes_in(flight / PINNED)
        self.files["flight/pins.json"] = _pretty(
            {name: msgspec.to_builtins(note) for name, note in notes.items()})
        found = {kept.path.name: kept for kept in segments_in(flight)[-MOST_SEGMENTS:]}
        for name in self._pins:
            if name not in notes:
                self.left_out.append(f"pin {name}: expected one of {', '.join(notes) or 'none'}")
                continue
            found |= {kept.path.name: kept for kept in segments_in(flight / PINNED / name)}
        return sorted(found.values())

    def _learn_segment(self, kept: Kept) -> bool:
        try:
            within(lambda: learn_segment(self.mask, kept.path), FLIGHT_S, kept.path.name)
        except (Unreadable, NoAnswer, ValueError) as error:
            self.left_out.append(f"flight recording: {error}")
            return False
        return True

    def _put_segments(self, segments: list[Kept]) -> None:
        paths = {kept.number: kept.path for kept in segments}
        for kept in segments:
            try:
                data = masked_segment(self.mask, kept.path, paths.get(kept.number + 1))
            except (Unreadable, ValueError) as error:  # or it went while we looked at the others
                self.left_out.append(f"flight recording: {error}")
                continue
            self.files[f"flight/{kept.path.name}"] = data
        if segments:
            self.notes.append("flight/: cards and names are replaced; `forecourt replay` replays it")


def _pretty(found: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(found)) + b"\n"


def _lines(rows: list[object]) -> bytes:
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
