import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]


def torn(folder, every):
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "support" / "torn_list.py"), str(folder), str(every)],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'support'}"}, text=True,
        capture_output=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("full: killed at")


@pytest.mark.stories
def test_an_update_killed_at_some_places_leaves_the_old_list_or_the_new_one_whole(tmp_path):
    torn(tmp_path, 17)


@pytest.mark.stories
@pytest.mark.slow
def test_an_update_killed_at_any_place_leaves_the_old_list_or_the_new_one_whole(tmp_path):
    torn(tmp_path, 1)
