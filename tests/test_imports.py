"""The house holds, and each of its checks can fail: on a tree with exactly one thing wrong."""

from pathlib import Path

import house
import pytest
from house import (
    CORE,
    LIBRARIES,
    MAY_CATCH_ALL,
    MAY_IMPORT,
    MAY_RECKON_NOW,
    ROOT,
    TOPS,
    catch_alls,
    dotted,
    loaded_by,
    reckons_now,
    sizes,
    strange_libraries,
    strange_to_the_board,
    too_large,
    unmirrored,
    wrong_arrows,
)


def test_every_import_follows_an_arrow_of_the_plan() -> None:
    assert wrong_arrows(ROOT) == []


def test_every_room_of_the_table_is_there() -> None:
    assert [room for room in MAY_IMPORT if room is not house.AROUND
            and not (ROOT / room).exists() and not (ROOT / f"{room}.py").exists()] == []


def test_every_library_stays_in_its_room() -> None:
    assert strange_libraries(ROOT) == []


def test_the_firmware_imports_only_what_a_board_has() -> None:
    assert strange_to_the_board(ROOT) == []


def test_everything_is_caught_only_where_the_house_says() -> None:
    assert catch_alls(ROOT) == set(MAY_CATCH_ALL), "be narrower, or name it there with its reason"


def test_the_core_reckons_with_now_only_where_the_house_says() -> None:
    assert reckons_now(ROOT) == set(MAY_RECKON_NOW), "use Turn.past or Turn.reached (decision 0029)"


def test_modules_and_functions_are_small() -> None:
    modules, functions = sizes(ROOT)
    print("largest:", *modules[:3], *functions[:3], sep="\n  ")
    assert too_large(ROOT) == []


def test_tests_mirror_the_source() -> None:
    assert unmirrored(ROOT) == []


def test_packages_and_the_core_load_no_library() -> None:
    packages = [file for top in TOPS for file in sorted((ROOT / top).rglob("__init__.py"))
                if "shim" not in file.parts]
    core = sorted((ROOT / CORE).glob("*.py"))
    for module, loaded in loaded_by(*(dotted(file) for file in [*packages, *core])).items():
        assert not {name.split(".")[0] for name in loaded} & LIBRARIES.keys(), module


def test_the_command_line_loads_no_other_room() -> None:
    loaded = loaded_by("edge.station.cli")["edge.station.cli"]
    assert [n for n in loaded if n.startswith(TOPS)] == ["edge", "edge.station", "edge.station.cli"]


@pytest.mark.parametrize(("process", "never"), [
    ("edge.station.run", {"paho", "textual", "sqlalchemy", "nfc"}),  # the controller
    ("edge.station.check", {"serial", "nfc", "RPi", "paho", "textual", "aiohttp", "sqlite3"}),
    ("edge.rfid.reader", {"serial", "pymodbus", "RPi", "paho", "textual", "sqlite3", "aiohttp"}),
    ("edge.ui.command", {"serial", "pymodbus", "nfc", "RPi", "paho", "sqlite3"}),
    ("cloud_sync.command", {"serial", "pymodbus", "nfc", "RPi", "textual", "sqlalchemy"}),
    ("cloud_sync.ingest.command", {"serial", "pymodbus", "nfc", "RPi", "textual", "aiohttp"}),
])
def test_a_process_does_not_load_what_another_one_owns(process: str, never: set[str]) -> None:
    loaded = {name.split(".")[0] for name in loaded_by(process)[process]}
    assert not loaded & never


# Each check on a tree of its own, in which exactly one thing is wrong.

def tree(root: Path, **files: str) -> Path:
    """Write `edge__bus__x="import os"` as edge/bus/x.py."""
    for name, text in files.items():
        file = root / f"{name.replace('__', '/')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(("file", "text"), [
    ("edge__controller__x", "from edge.bus.port import Bus"),
    ("edge__bus__x", "import edge.meter.meter"),
    ("edge__bus__x", "from edge import meter"),
    ("edge__bus__x", "from ..meter import meter"),
    ("edge__bus__x", "def f():\n    from edge.journal.row import Row"),
    ("edge__bus__x", "import importlib\nimportlib.import_module('edge.station.run')"),
    ("edge__station__cli", "from edge.station.run import main"),
    ("edge__ui__x", "from cloud_sync.topics import ack"),
    ("cloud_sync__x", "from edge.journal.store import Store"),
    ("cloud_sync__x", "from cloud_sync.ingest.store import Store"),
    ("cloud_sync__ingest__x", "from edge.link.client import LinkClient"),
    ("hil_tests__bench", "from edge.controller.core import step"),
    ("hil_tests__virtual__meter", "from edge.link.client import LinkClient"),
    ("hil_tests__virtual__demo", "from edge.billing.cdr import cdr"),
    ("hil_tests__virtual__board", "import firmware.core"),
    ("hil_tests__scenarios__x", "from hil_tests.virtual.rig import VirtualRig"),
])
def test_a_wrong_arrow_is_found(tmp_path: Path, file: str, text: str) -> None:
    assert len(wrong_arrows(tree(tmp_path, **{file: text}))) == 1


def test_right_arrows_pass(tmp_path: Path) -> None:
    assert wrong_arrows(tree(
        tmp_path, edge__meter__x="from edge.bus.port import Bus\nfrom edge.meter.model import M",
        edge__station__x="from edge.ui import command", edge__rfid__x="from .path import path_problem",
        hil_tests__virtual__demo="from edge.link.client import LinkClient",
        hil_tests__virtual__meter="from hil_tests.virtual.line import Line")) == []


@pytest.mark.parametrize(("file", "text", "said"), [
    ("edge__meter__x", "from pymodbus.pdu import X", "lives in edge/bus"),
    ("edge__bus__x", "def f():\n    import RPi.GPIO", "lives in edge/outlet"),
    ("edge__station__x", "import sqlite3", "lives in cloud_sync, edge/journal, edge/rfid"),
    ("cloud_sync__x", "import sqlalchemy", "lives in cloud_sync/ingest"),
    ("edge__bus__x", "import requests", "no room of the plan hides"),
])
def test_a_library_in_a_second_room_is_found(tmp_path: Path, file: str, text: str, said: str) -> None:
    (found,) = strange_libraries(tree(tmp_path, **{file: text}))
    assert said in found


def test_a_library_that_no_board_has_is_found(tmp_path: Path) -> None:
    found = strange_to_the_board(tree(tmp_path, firmware__core="import typing\nimport pilot",
                                      firmware__pilot="import machine"))
    assert found == ["firmware/core.py: imports typing"]


@pytest.mark.parametrize(("handler", "is_found"), [
    ("except Exception: pass", True), ("except: pass", True), ("except BaseException: log()", True),
    ("except (OSError, Exception): pass", True), ("except builtins.Exception: pass", True),
    ("except BaseException: close(); raise", False), ("except OSError: pass", False),
])
def test_a_catch_all_is_found(tmp_path: Path, handler: str, is_found: bool) -> None:
    text = f"def f():\n    try: g()\n    {handler}\n"
    assert catch_alls(tree(tmp_path, edge__x=text)) == ({("edge/x.py", "f")} if is_found else set())


@pytest.mark.parametrize("text", [
    "turn.now_ns - since_ns", "since_ns + wait_ns <= turn.now_ns", "turn.at.mono_ns - since_ns > 5",
    "now_ns < until_ns", "not (since_ns + 5 > max(turn.now_ns, 0))"])
def test_reckoning_with_now_is_found(tmp_path: Path, text: str) -> None:
    own = "turn.set(evse_id, seen_ns=turn.now_ns + 5)\n    later = reading.mono_ns > board.mono_ns"
    assert reckons_now(tree(tmp_path, edge__controller__x=f"def f():\n    {own}\n")) == set()
    found = tree(tmp_path, edge__controller__rules__y=f"def f():\n    {own}\n    return {text}\n")
    assert reckons_now(found) == {("edge/controller/rules/y.py", "f")}


def test_suppressing_everything_is_found(tmp_path: Path) -> None:
    text = "def f():\n    with contextlib.suppress(Exception):\n        g()\n"
    assert catch_alls(tree(tmp_path, edge__x=text)) == {("edge/x.py", "f")}


def test_what_is_too_large_is_found(tmp_path: Path) -> None:
    tree(tmp_path, edge__x="def f():\n" + "    pass\n" * 60, edge__y="pass\n" * 401,
         edge__z="def f():\n" + "    pass\n" * 59)
    assert [line.partition(" lines")[0] for line in too_large(tmp_path)] == ["edge/y.py: 401",
                                                                            "edge/x.py:f: 61"]


def test_tests_of_no_room_are_found(tmp_path: Path) -> None:
    tree(tmp_path, tests__edge__bus__test_x="", tests__edge__buss__test_x="", edge__bus__x="")
    assert unmirrored(tmp_path) == ["tests/edge/buss: there is no edge/buss/ to test"]


def test_a_library_that_a_package_loads_is_seen() -> None:
    assert "sqlite3" in loaded_by("edge.journal.schema")["edge.journal.schema"]
