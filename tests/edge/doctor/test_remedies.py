"""Remedies name commands: each of them is one that this software has."""

import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NAMED = re.compile(r"`forecourt ([a-z]+)((?: [a-z][a-z-]*)?)")


def named() -> set[tuple[str, str]]:
    """Command and what follows it, if that may be a subcommand, as remedies say it."""
    texts = [*(ROOT / "edge/doctor").glob("*.py"), *(ROOT / "edge/ui/locale").rglob("*.po")]
    return {(command, sub.strip()) for text in texts
            for command, sub in NAMED.findall(text.read_text(encoding="utf-8"))}


@pytest.mark.parametrize(("command", "sub"), sorted(named()))
def test_every_command_that_a_remedy_names_is_there(command, sub, capsys):
    (point,) = entry_points(group="forecourt.commands", name=command)
    with pytest.raises(SystemExit) as ended:
        point.load()([*([sub] if sub else []), "--help"])
    assert ended.value.code == 0, capsys.readouterr().err
