"""A file that is no whole journal is set aside, not a byte of it changed, and a new one may begin.

A database is up to three files, and the power may go between two renames. So a note beside them says
first where they go, and then that they are all there: while it does not, whatever has the old name is
part of the old journal; when it does, it is the new one. Nothing that has a name is overwritten.
"""

from pathlib import Path

import msgspec

from edge.controller.struct import Value
from edge.journal.durable import replace_file, sync_folder
from edge.journal.files import PARTS, free_name


class Note(Value):
    """`to`: the name that the file gets, in the same folder. `why`: what was wrong with it."""

    to: str
    why: str
    moved: bool = False


def note_of(path: Path) -> Path:
    """The file that says so."""
    return path.with_name(path.name + ".aside")


def under_way(path: Path) -> Note | None:
    """What was begun and not ended. A note that cannot be read tells nothing: it is begun anew."""
    try:
        return msgspec.json.decode(note_of(path).read_bytes(), type=Note)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, UnicodeError):
        return Note(to=_free(path), why="the note of what was set aside cannot be read")


def move_aside(path: Path, why: str) -> Note:
    """Rename the journal at `path` and what SQLite has beside it, or end doing so. Raises `OSError`.

    The caller is its `OneOwner`, and takes the note away when the new journal is there.
    """
    note = under_way(path)
    if note is None:
        note = Note(to=_free(path), why=why)
        replace_file(note_of(path), msgspec.json.encode(note))
    if not note.moved:
        for part in PARTS:
            source, to = path.with_name(path.name + part), path.with_name(note.to + part)
            if source.exists():
                source.rename(to if not to.exists() else path.with_name(_free(path) + part))
        sync_folder(path.parent)
        note = msgspec.structs.replace(note, moved=True)
        replace_file(note_of(path), msgspec.json.encode(note))
    return note


def _free(path: Path) -> str:
    return free_name(path, "damaged")
