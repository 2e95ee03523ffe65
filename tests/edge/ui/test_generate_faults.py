"""docs/faults.md is the catalogue and the words, and nothing else."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from looped import looped

from edge.controller.catalogue import CATALOGUE
from edge.controller.faults import FaultCode
from edge.ui.texts import Texts

SCRIPT = Path(__file__).parents[3] / "scripts" / "generate_faults.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_faults", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(
        script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main(["--check"]) == 0, capsys.readouterr().out


def test_a_page_that_differs_or_is_missing_is_stale(script: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "faults.md"
    assert script.is_stale(page)
    page.write_text(script.page(), encoding="utf-8")
    assert not script.is_stale(page)
    page.write_text(script.page().replace("10.8", "10.7"), encoding="utf-8")
    assert script.is_stale(page)


@looped("code", FaultCode)
def test_every_fault_has_a_section_with_all_its_words(code: FaultCode, script: ModuleType) -> None:
    _, _, rest = script.page().partition(f"\n## {code}\n")
    section = rest.partition("\n## ")[0]
    kind, english, swedish = CATALOGUE[code], Texts("en"), Texts("sv")
    for words in (english.text(f"fault.{code}"), english.text(f"fault.{code}.do"),
                  swedish.text(f"fault.{code}"), *english.service(code), *kind.everest,
                  english.text(f"stops.{kind.stops}"), english.text(f"until.{kind.until}")):
        assert words in section


def test_nothing_is_both_here_and_not(script: ModuleType) -> None:
    named = {name for kind in CATALOGUE.values() for name in kind.everest}
    assert not named & set(script.NOT_HERE)
    rooms = {name.partition("/")[0] for name in script.NOT_HERE if name.endswith("/*")}
    assert not {name for name in named if name.partition("/")[0] in rooms}
    assert all(script.NOT_HERE.values())
