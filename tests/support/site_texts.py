"""The example of a site's file, changed in places, and what is wrong with it then."""

import shutil
from pathlib import Path

import pytest

from edge.station.config import ConfigErrors, load

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
EXAMPLE = (EXAMPLES / "site.toml").read_text(encoding="utf-8")


def written(folder: Path, text: str) -> Path:
    shutil.copy(EXAMPLES / "tariff.json", folder / "tariff.json")
    file = folder / "site.toml"
    file.write_text(text, encoding="utf-8")
    return file


def changed(*changes: tuple[str, str]) -> str:
    """The example with the first occurrence of each text replaced."""
    text = EXAMPLE
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after, 1)
    return text


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        load(written(folder, text))
    return [str(problem) for problem in caught.value.problems]
