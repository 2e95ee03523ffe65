"""The house as a test reads it: its tables, and checks that list what breaks them in a source tree.

Who may import whom, where each library lives, who may catch everything, how large things may be.
"""

import ast
import functools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]

CORE, LINK, VIRTUAL = "edge/controller", "edge/link", "hil_tests/virtual"
AROUND = "around the virtual devices"

#: The plan's table "may import of ours". A room may always import itself. A file belongs to the
#: longest room that its path begins with; a single module may be a room.
MAY_IMPORT: Mapping[str, frozenset[str]] = {
    "edge": frozenset(),
    CORE: frozenset(),
    "edge/billing": frozenset({CORE}),
    "edge/bus": frozenset({CORE}),
    "edge/meter": frozenset({CORE, "edge/bus"}),
    "edge/outlet": frozenset({CORE, "edge/bus"}),
    "edge/rfid": frozenset({CORE}),
    "edge/journal": frozenset({CORE}),
    LINK: frozenset({CORE}),
    "edge/recorder": frozenset({CORE}),
    "edge/commissioning": frozenset({CORE, LINK, "edge/bus", "edge/meter"}),
    "edge/doctor": frozenset({CORE, LINK, "edge/journal", "edge/recorder"}),
    "edge/enrolment": frozenset({CORE, LINK, "edge/rfid"}),
    "edge/station": frozenset({
        CORE, LINK, "edge/billing", "edge/bus", "edge/meter", "edge/outlet", "edge/rfid",
        "edge/journal", "edge/recorder", "edge/enrolment", "edge/ui"}),
    "edge/station/cli": frozenset(),
    "edge/ui": frozenset({CORE, LINK}),
    "cloud_sync": frozenset({CORE, LINK}),
    "cloud_sync/ingest": frozenset({CORE, "cloud_sync"}),  # it runs elsewhere: no local sockets
    "hil_tests": frozenset({LINK, VIRTUAL, "hil_tests/scenarios", AROUND}),
    "hil_tests/scenarios": frozenset({"hil_tests"}),  # the `Rig`, so that they run on any rig
    VIRTUAL: frozenset({"hil_tests", f"{VIRTUAL}/micropython/target"}),
    f"{VIRTUAL}/micropython/target": frozenset(),
    f"{VIRTUAL}/shim": frozenset(),
    AROUND: frozenset({"hil_tests", "hil_tests/scenarios", VIRTUAL, LINK}),
}
#: Modules in the folder of the virtual devices that are none: they may speak to the sockets.
NO_DEVICES = frozenset(f"{VIRTUAL}/{name}" for name in (
    "children", "console", "demo", "headless", "keeper", "progress", "rig", "site", "site_file",
    "split_terminal"))

#: Libraries that hide in a room. Values: rooms of the plan's column "what it hides".
LIBRARIES: Mapping[str, frozenset[str]] = {
    "serial": frozenset({"edge/bus"}),
    "pymodbus": frozenset({"edge/bus"}),
    "nfc": frozenset({"edge/rfid"}),
    "RPi": frozenset({"edge/outlet"}),
    "lgpio": frozenset({"edge/outlet"}),
    "paho": frozenset({"cloud_sync"}),
    "textual": frozenset({"edge/ui"}),
    "rich": frozenset({"edge/ui"}),
    "segno": frozenset({"edge/ui"}),
    "babel": frozenset({"edge/ui"}),
    "sqlite3": frozenset({"edge/journal", "edge/rfid", "cloud_sync"}),
    "sqlalchemy": frozenset({"cloud_sync/ingest"}),
    "aiohttp": frozenset({LINK}),
    "cryptography": frozenset({"edge/rfid", "edge/billing", VIRTUAL}),
}
EVERYWHERE = {"msgspec"}
#: MicroPython's own modules, on the board and on its virtual silicon.
ON_THE_BOARD = {"gc", "sys", "json", "os", "select", "time", "machine", "rp2", "array",
                "uctypes", "micropython"}

#: Rule 14: who may catch everything, and what for. A handler that raises again is none of these.
MAY_CATCH_ALL: Mapping[tuple[str, str], str] = {
    ("edge/rfid/frontend.py", "_wall"): "nfcpy leaks IndexError, AssertionError, termios.error",
    ("edge/station/claiming.py", "make_safe"): "the controller's supervisor: every relay drops",
    ("edge/recorder/replay.py", "taken"): "a recorded step may be the very one that the core failed at",
    ("edge/station/safe_stop.py", "_books"): "a safe stop stands without the journal",
    ("edge/ui/command.py", "_run_once"): "the screen's supervisor: a phone number instead of a trace",
    ("firmware/main.py", "run"): "the board's supervisor: safe outputs, then a clean start",
}

#: Decision 0029: who may reckon with the moment of an event besides `past` and `reached` of a `Turn`,
#: which note what has not come yet. Anybody else's wait would be over up to a second late.
MAY_RECKON_NOW: Mapping[tuple[str, str], str] = {
    (f"{CORE}/turn.py", "past"): "here it is compared, and noted",
    (f"{CORE}/turn.py", "reached"): "likewise",
    (f"{CORE}/resting.py", "few"): "compares with what was noted",
    (f"{CORE}/derate.py", "follow"): "nobody rests while a limit is held (`resting._restless`)",
    (f"{CORE}/intake.py", "_outlet_seen"): "taking a fact in, which every event does",
    (f"{CORE}/intake.py", "_reading_taken"): "likewise",
    (f"{CORE}/clockwork.py", "watch"): "likewise",
    (f"{CORE}/clockwork.py", "move"): "dates a session that is taken up again",
    (f"{CORE}/clockwork.py", "_utc_of"): "dates",
    (f"{CORE}/clockwork.py", "age_s"): "who waits to be resumed does not rest",
    (f"{CORE}/rules/meter.py", "_of"): "tells how long a meter has been silent",
    (f"{CORE}/upkeep.py", "_tripped_now"): "whether it was in this very step",
    (f"{CORE}/wearing.py", "_counted"): "counts seconds when something else has happened",
}

TOPS = ("edge", "cloud_sync", "hil_tests")
MAX_MODULE_LINES, MAX_FUNCTION_LINES = 400, 60


def sources(root: Path, *tops: str) -> Iterator[tuple[str, ast.Module]]:
    """Each module below `root`: its path with slashes, and its tree."""
    for top in tops:
        for file in sorted((root / top).rglob("*.py")):
            yield file.relative_to(root).as_posix(), _parsed(file)


@functools.cache
def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def imported(path: str, tree: ast.Module) -> Iterator[str]:
    """Dotted names that a module imports, at whatever depth; `from a import b` gives `a.b`."""
    package = path.split("/")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            near = package[:len(package) - node.level + 1] if node.level else []
            base = ".".join([*near, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in ("import_module", "__import__") and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    yield str(first.value)


def room_of(path: str) -> str:
    """The room of a module, or of a dotted name written as a path; "" for none."""
    if any(f"{path}/".startswith(f"{module}/") for module in NO_DEVICES):
        return AROUND
    return max((room for room in MAY_IMPORT if f"{path}/".startswith(f"{room}/")), key=len, default="")


def wrong_arrows(root: Path) -> list[str]:
    """Imports of ours that the table does not have."""
    found = []
    for path, tree in sources(root, *TOPS):
        room = room_of(path.removesuffix(".py"))
        for name in imported(path, tree):
            if name.split(".")[0] not in (*TOPS, "firmware"):
                continue
            target = room_of(name.replace(".", "/")) or name
            if target != room and target not in MAY_IMPORT[room]:
                found.append(f"{path}: imports {name}; {room} may import "
                             f"{', '.join(sorted(MAY_IMPORT[room])) or 'nothing'} of ours")
    return found


def strange_libraries(root: Path) -> list[str]:
    """Libraries in a room that is not theirs, and libraries that the plan does not know."""
    found = []
    known = sys.stdlib_module_names - LIBRARIES.keys() | EVERYWHERE | {*TOPS, "firmware"}
    for path, tree in sources(root, *TOPS):
        room = room_of(path.removesuffix(".py"))
        if room == f"{VIRTUAL}/micropython/target":
            continue
        for library in {name.split(".")[0] for name in imported(path, tree)} - known:
            rooms = LIBRARIES.get(library)
            if rooms is None:
                found.append(f"{path}: imports {library}, which no room of the plan hides")
            elif not any(f"{room}/".startswith(f"{allowed}/") for allowed in rooms):
                found.append(f"{path}: imports {library}, which lives in {', '.join(sorted(rooms))}")
    return sorted(found)


def strange_to_the_board(root: Path) -> list[str]:
    """Imports of the firmware that are neither its own modules nor MicroPython's."""
    own = {file.stem for file in (root / "firmware").glob("*.py")}
    return [f"{path}: imports {name}" for path, tree in sources(root, "firmware")
            for name in imported(path, tree) if name.split(".")[0] not in own | ON_THE_BOARD]


def _named(node: ast.AST | None) -> Iterator[str]:
    for part in node.elts if isinstance(node, ast.Tuple) else [node]:
        yield getattr(part, "id", getattr(part, "attr", "")) if part is not None else "BaseException"


def _is_broad(caught: ast.AST | None) -> bool:
    return not {"Exception", "BaseException"}.isdisjoint(_named(caught))


def _where(wrong: Callable[[ast.AST], bool], root: Path, *tops: str) -> set[tuple[str, str]]:
    """(path, innermost function) of whatever is so in a source tree."""
    found: set[tuple[str, str]] = set()

    def look(path: str, node: ast.AST, function: str) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            function = node.name
        if wrong(node):
            found.add((path, function))
        for child in ast.iter_child_nodes(node):
            look(path, child, function)

    for path, tree in sources(root, *tops):
        look(path, tree, "")
    return found


def _catches_all(node: ast.AST) -> bool:
    if isinstance(node, ast.ExceptHandler):
        last = node.body[-1]
        raises_again = isinstance(last, ast.Raise) and last.exc is None
        return not raises_again and _is_broad(node.type)
    return (isinstance(node, ast.Call) and [*_named(node.func)] == ["suppress"]
            and any(_is_broad(argument) for argument in node.args))


def catch_alls(root: Path) -> set[tuple[str, str]]:
    """(path, function) of every handler that catches everything and does not raise it again."""
    return _where(_catches_all, root, *TOPS, "firmware")


def _is_now(node: ast.AST) -> bool:
    return [*_named(node)] == ["now_ns"] or (
        isinstance(node, ast.Attribute) and node.attr == "mono_ns" and [*_named(node.value)] == ["at"])


def _reckons_now(node: ast.AST) -> bool:
    reckons = isinstance(node, ast.Compare) or (
        isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub))
    return reckons and any(_is_now(part) for part in ast.walk(node))


def reckons_now(root: Path) -> set[tuple[str, str]]:
    """(path, function) in the core of every comparison or difference with the moment of an event."""
    return _where(_reckons_now, root, CORE)


def sizes(root: Path) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """(lines, name) of modules and of functions, the largest first."""
    modules, functions = [], []
    for path, tree in sources(root, *TOPS, "firmware"):
        modules.append(((root / path).read_text(encoding="utf-8").count("\n"), path))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                functions.append(((node.end_lineno or 0) - node.lineno + 1, f"{path}:{node.name}"))
    return sorted(modules, reverse=True), sorted(functions, reverse=True)


def too_large(root: Path) -> list[str]:
    """Modules and functions over the house's limits."""
    modules, functions = sizes(root)
    return ([f"{name}: {n} lines, at most {MAX_MODULE_LINES}" for n, name in modules
             if n > MAX_MODULE_LINES]
            + [f"{name}: {n} lines, at most {MAX_FUNCTION_LINES}" for n, name in functions
               if n > MAX_FUNCTION_LINES])


def unmirrored(root: Path) -> list[str]:
    """Folders of tests that mirror no folder of the source."""
    files = [file for top in (*TOPS, "firmware") for file in (root / "tests" / top).rglob("test_*.py")]
    folders = {file.parent.relative_to(root / "tests") for file in files}
    return sorted(f"tests/{folder.as_posix()}: there is no {folder.as_posix()}/ to test"
                  for folder in folders if not (root / folder).is_dir())


def loaded_by(*modules: str) -> dict[str, list[str]]:
    """Which `LIBRARIES` (and rooms) a fresh interpreter has after importing each, one after another."""
    program = ("import importlib, json, sys\nloaded = {}\nfor name in sys.argv[1:]:\n"
               "    importlib.import_module(name)\n    loaded[name] = sorted(sys.modules)\n"
               "print(json.dumps(loaded))")
    done = subprocess.run([sys.executable, "-c", program, *modules], cwd=ROOT, check=True,
                          stdout=subprocess.PIPE, text=True)
    loaded: dict[str, list[str]] = json.loads(done.stdout)
    return loaded


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
