"""Whoever writes cards may die at any statement: what was said to be done is there, whole."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.stories

TORN = Path(__file__).parents[3] / "support" / "torn_cards.py"


def test_a_store_that_dies_anywhere_is_the_old_one_or_the_new_one(tmp_path):
    done = subprocess.run([sys.executable, TORN, tmp_path], check=True, stdout=subprocess.PIPE,
                          text=True, timeout=120, cwd=TORN.parents[2])
    found = json.loads(done.stdout)
    assert found["wrong"] == []
    assert found["places"] > 60
