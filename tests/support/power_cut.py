"""What a power cut leaves of a folder: record what processes wrote, then keep, lose or tear the rest.

`record` runs a command under strace and notes each write, truncation, fallocation, new name, rename,
removal and fsync (of files and of the folder), and each line that the command printed: these are what
it was told is durable. `Disk` plays the notes up to a cut and makes of it the files that a power cut
may leave, by a model that is harsher than a journalling file system:

* what was not fsynced is kept, lost or kept by sectors of 512 bytes, each write on its own, so that
  a later one may have overtaken an earlier one;
* a name (created, renamed, removed) is kept or lost on its own, unless the folder was fsynced since;
  fsync of the file does nothing for its name. What was done to one and the same name stays in order.

A sector is never half written, and an fsync that returned is believed: `lying` says otherwise.
"""

import contextlib
import os
import random
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512
_TIMEOUT_S = 300.0

_CALLS = ("openat,creat,pwrite64,write,writev,pwritev,ftruncate,truncate,fallocate,rename,renameat,"
          "renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,fsync,fdatasync,sync_file_range,"
          "copy_file_range,sendfile")
_LINE = re.compile(r"(\d+) +(?:(\w+)\(|<\.\.\. (\w+) resumed>)(.*)")
_RESULT = re.compile(r"\) += (-?\d+)(?:<.*)?(?: .*)?$")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_HANDLE = re.compile(r"(\d+)<((?:\\x[0-9a-f]{2}|[^>])*)>(\(deleted\))?")


@dataclass(frozen=True, slots=True)
class Op:
    """One thing that happened. `kind`: write, size (truncated to `at`), grow (fallocated to `at`), new,
    rename (to `to`), gone, sync, sync folder, told. `name`: of the file in the folder.
    """

    kind: str
    name: str = ""
    at: int = 0
    data: bytes = b""
    to: str = ""


@dataclass(frozen=True)
class Recording:
    """`begin`: the folder's files before, all of them durable."""

    begin: dict[str, bytes]
    ops: tuple[Op, ...]

    def told(self, count: int) -> list[str]:
        """Lines that were printed among the first `count` operations."""
        return [op.data.decode() for op in self.ops[:count] if op.kind == "told"]

    def without_folder_syncs(self) -> "Recording":
        """As if the folder had never been fsynced."""
        return Recording(self.begin, tuple(op for op in self.ops if op.kind != "sync folder"))


def why_not() -> str | None:
    """Why nothing can be recorded here; None: it can."""
    if shutil.which("strace") is None:
        return "strace is missing: nothing can tell what was written before which fsync"
    tried = subprocess.run(["strace", "-f", "-o", "/dev/null", "true"], capture_output=True,
                           check=False)
    return None if tried.returncode == 0 else "strace may not trace here"


def record(folder: Path, argv: Sequence[str], log: Path, *,
           environment: dict[str, str] | None = None) -> Recording:
    """Run `argv`, and all its children, to the end; raises `RuntimeError` if that is no good one."""
    begin = {file.name: file.read_bytes() for file in folder.iterdir()}
    ran = subprocess.run(
        ["strace", "-f", "-y", "-xx", "-s", "2000000", "-o", str(log), "-e", f"trace={_CALLS}",
         "-e", "signal=none", *argv], stdin=subprocess.DEVNULL, capture_output=True,
        timeout=_TIMEOUT_S, check=False, env={**os.environ, **(environment or {})})
    if ran.returncode != 0:
        raise RuntimeError(f"{argv[0]} ended with {ran.returncode}: {ran.stderr.decode()[-2000:]}")
    with log.open(encoding="ascii", errors="replace") as lines:
        ops = tuple(_Reader(folder.resolve(), set(begin)).ops(lines))
    said = b"".join(op.data + b"\n" for op in ops if op.kind == "told")
    if said != ran.stdout:
        raise RuntimeError("the trace does not hold every line that was printed")
    return Recording(begin, ops)


class _Reader:
    """Strace's lines to operations on one folder."""

    def __init__(self, folder: Path, names: set[str]) -> None:
        self._folder, self._names = str(folder), names
        self._begun: dict[str, str] = {}
        self._line = b""
        self._at: dict[str, int] = {}  # where the next plain write of a descriptor goes

    def ops(self, lines: Iterator[str]) -> Iterator[Op]:
        for line in lines:
            whole = self._whole(line.rstrip("\n"))
            if whole is None:
                continue
            call, rest = whole
            result = _RESULT.search(rest)
            if result is not None and int(result[1]) >= 0:
                yield from self._op(call, rest, int(result[1]))

    def _whole(self, line: str) -> tuple[str, str] | None:
        """A call with its result: strace tells it in two parts when another thread comes between.

        All that touches the folder comes from one thread at a time, so that the order of ends is the
        order of the calls.
        """
        found = _LINE.match(line)
        if found is None:
            return None
        pid, call, resumed, rest = found.groups()
        if resumed is not None:
            return resumed, self._begun.pop(pid, "") + rest
        if rest.endswith("<unfinished ...>"):
            self._begun[pid] = rest.removesuffix("<unfinished ...>")
            return None
        return call, rest

    def _op(self, call: str, rest: str, result: int) -> Iterator[Op]:
        if call in ("rename", "renameat", "renameat2", "unlink", "unlinkat", "openat", "creat"):
            if call in ("openat", "creat"):
                self._at[str(result)] = 0
            yield from self._named(call, rest)
            return
        handle = _HANDLE.match(rest)
        if handle is None or handle[3]:
            if any(self._name(text) for text in _texts(rest)):
                raise RuntimeError(f"a call that is not understood: {call}({rest[:200]}")
            return
        if call == "write" and handle[1] == "1":
            yield from self._told(_texts(rest)[0][:result])
            return
        path = _plain(handle[2])
        if path == self._folder and call in ("fsync", "fdatasync"):
            yield Op("sync folder")
        name = self._name(path.encode())
        if name is None or name not in self._names:
            return
        numbers = rest[:_RESULT.search(rest).start()].split(", ")  # type: ignore[union-attr]
        if call == "pwrite64":
            yield Op("write", name, int(numbers[-1]), _texts(rest)[0][:result])
        elif call == "write":  # of a file that is written once, from its beginning
            at = self._at[handle[1]]
            self._at[handle[1]] += result
            yield Op("write", name, at, _texts(rest)[0][:result])
        elif call == "ftruncate":
            yield Op("size", name, int(numbers[-1]))
        elif call == "fallocate":
            if "KEEP_SIZE" not in rest:
                yield Op("grow", name, int(numbers[-2]) + int(numbers[-1]))
        elif call in ("fsync", "fdatasync"):
            yield Op("sync", name)
        else:
            raise RuntimeError(f"a call that is not understood: {call}({rest[:200]}")

    def _named(self, call: str, rest: str) -> Iterator[Op]:
        texts = [name for text in _texts(rest) if (name := self._name(text)) is not None]
        if not texts:
            return
        if call.startswith("rename"):
            old, new = texts
            self._names.discard(old)
            self._names.add(new)
            yield Op("rename", old, to=new)
        elif call.startswith("unlink"):
            self._names.discard(texts[0])
            yield Op("gone", texts[0])
        elif call == "creat" or "O_TRUNC" in rest:
            if texts[0] in self._names:
                yield Op("size", texts[0], 0)
            else:
                yield self._created(texts[0])
        elif "O_CREAT" in rest and texts[0] not in self._names:
            yield self._created(texts[0])

    def _created(self, name: str) -> Op:
        self._names.add(name)
        return Op("new", name)

    def _told(self, data: bytes) -> Iterator[Op]:
        *lines, self._line = (self._line + data).split(b"\n")
        yield from (Op("told", data=line) for line in lines)

    def _name(self, path: bytes) -> str | None:
        """Of a file that stands in the folder itself."""
        folder, _, name = os.fsdecode(path).rpartition("/")
        return name if folder == self._folder and name else None


def _texts(rest: str) -> list[bytes]:
    return [bytes.fromhex(found[1].replace("\\x", "")) for found in _TEXT.finditer(rest)]


def _plain(text: str) -> str:
    return bytes.fromhex(text.replace("\\x", "")).decode() if text.startswith("\\x") else text


@dataclass(slots=True)
class _File:
    """What is durable of it, and what was written since, in order."""

    durable: bytearray = field(default_factory=bytearray)
    since: list[Op] = field(default_factory=list)


class Disk:
    """Plays a recording forward; `cut` may be asked again and again as it goes on."""

    def __init__(self, recording: Recording, *, lying: bool = False) -> None:
        """`lying`: a card that says it has flushed and has not."""
        self._recording, self._lying = recording, lying
        self._files = {n: _File(bytearray(b)) for n, b in enumerate(recording.begin.values())}
        self._durable = dict(zip(recording.begin, self._files, strict=True))
        self._now = dict(self._durable)
        self._named: list[tuple[Op, int]] = []  # since the folder was synced, and the file of each
        self.played = 0

    def play(self, until: int) -> None:
        """Up to the first `until` operations."""
        for op in self._recording.ops[self.played:until]:
            self._play(op)
        self.played = until

    def _play(self, op: Op) -> None:
        match op.kind:
            case "new":
                number = len(self._files)
                self._files[number] = _File()
                self._now[op.name] = number
                self._named.append((op, number))
            case "rename":
                number = self._now[op.to] = self._now.pop(op.name)
                self._named.append((op, number))
            case "gone":
                self._named.append((op, self._now.pop(op.name)))
            case "write" | "size" | "grow":
                self._files[self._now[op.name]].since.append(op)
            case "sync" if not self._lying:
                file = self._files[self._now[op.name]]
                for done in file.since:
                    _apply(file.durable, done)
                file.since.clear()
            case "sync folder" if not self._lying:
                self._durable = dict(self._now)
                self._named.clear()

    def cut(self, rnd: random.Random) -> dict[str, bytes]:
        """The folder's files after a power cut now."""
        names = dict(self._durable)
        for op, number in self._kept_names(rnd, rnd.choice((0.0, 0.5, 1.0))):
            _rename(names, op, number)
        how = rnd.choice((_lost, _kept, _torn, _mostly_kept, _mostly_lost, _up_to_a_moment))
        return {name: bytes(how(self._files[number], rnd)) for name, number in names.items()}


    def _kept_names(self, rnd: random.Random, keep: float) -> list[tuple[Op, int]]:
        """What is done to one name stays in its order: no folder has an entry twice."""
        kept: list[tuple[Op, int]] = []
        needed: set[str] = set()
        for op, number in reversed(self._named):
            if rnd.random() < keep or needed & {op.name, op.to}:
                kept.append((op, number))
                needed |= {op.name, op.to} - {""}
        return kept[::-1]


def _rename(names: dict[str, int], op: Op, number: int) -> None:
    if op.kind in ("rename", "gone") and names.get(op.name) == number:
        del names[op.name]
    if op.kind in ("rename", "new"):
        names[op.to or op.name] = number


def _apply(content: bytearray, op: Op) -> None:
    if op.kind == "size":
        del content[op.at:]
    if op.kind in ("size", "grow"):
        content.extend(bytes(max(0, op.at - len(content))))
        return
    content.extend(bytes(max(0, op.at - len(content))))
    content[op.at:op.at + len(op.data)] = op.data


def _lost(file: _File, rnd: random.Random) -> bytearray:
    return bytearray(file.durable)


def _kept(file: _File, rnd: random.Random) -> bytearray:
    return _by_sectors(file, rnd, 1.0)


def _torn(file: _File, rnd: random.Random) -> bytearray:
    return _by_sectors(file, rnd, 0.5)


def _mostly_kept(file: _File, rnd: random.Random) -> bytearray:
    return _by_sectors(file, rnd, 0.95)


def _mostly_lost(file: _File, rnd: random.Random) -> bytearray:
    return _by_sectors(file, rnd, 0.05)


def _up_to_a_moment(file: _File, rnd: random.Random) -> bytearray:
    content = bytearray(file.durable)
    for op in file.since[:rnd.randint(0, len(file.since))]:
        _apply(content, op)
    return content


def _by_sectors(file: _File, rnd: random.Random, keep: float) -> bytearray:
    content = bytearray(file.durable)
    for op in file.since:
        if keep == 1.0 or op.kind != "write":
            if rnd.random() < keep:
                _apply(content, op)
            continue
        for n in range(0, len(op.data), SECTOR):
            if rnd.random() < keep:
                _apply(content, Op("write", at=op.at + n, data=op.data[n:n + SECTOR]))
    return content


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    """Make `folder` hold these files and nothing else."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
