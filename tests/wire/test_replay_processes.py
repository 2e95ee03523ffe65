"""Recordings that are replayed by several processes at once."""

import json
from pathlib import Path

import pytest
from golden import FOLDER, STORIES

from edge.recorder.command import FEW, main
from edge.recorder.segment import SUFFIX

pytestmark = pytest.mark.wire


def test_many_segments_are_replayed_side_by_side(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"{n:08d}-b00001{SUFFIX}" for n in range(1, FEW + 3)]
    for n, name in enumerate(names):
        (tmp_path / name).write_bytes((FOLDER / [*STORIES][n % 2]).read_bytes())
    assert main([str(tmp_path), "--json", "--jobs", "2"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["name"] for one in told[:-1]] == names, "in order, whoever was first"
