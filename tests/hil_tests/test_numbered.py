"""The table of scenarios in the docs and the scenarios themselves."""

import re
from pathlib import Path

from hil_tests.scenarios.numbered import ONE_BAY, WHOLE_SITE

PROOFS = Path(__file__).parents[2] / "docs" / "proofs.md"


def test_the_docs_table_names_every_scenario_under_its_number():
    named = {}
    for line in PROOFS.read_text(encoding="utf-8").splitlines():
        row = re.match(r"\| (\d+) \|.*\|([^|]*)\|$", line)
        if row is not None:
            named |= dict.fromkeys(re.findall(r"`([^`]+)`", row[2]), int(row[1]))
    assert set(named) == set(ONE_BAY) | set(WHOLE_SITE)
    assert all(int(name[:2]) == number for name, number in named.items())
