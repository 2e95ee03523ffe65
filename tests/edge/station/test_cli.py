"""The program itself, as a process: what no command of it can answer for."""

import os
import subprocess
import sys

import pytest

PROGRAM = (sys.executable, "-m", "edge.station.cli")
CLOSED_PIPE = 128 + 13  # as a shell tells of SIGPIPE


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_who_has_seen_enough_is_no_error(unbuffered):
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run([*PROGRAM, "meter", "models"], stdout=write_end, stderr=subprocess.PIPE,
                          env={**os.environ, "PYTHONUNBUFFERED": unbuffered}, timeout=60, check=False)
    os.close(write_end)
    assert (done.returncode, done.stderr) == (CLOSED_PIPE, b"")
