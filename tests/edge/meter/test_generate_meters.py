"""docs/meters.md is the files of the models, and nothing else."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from edge.meter.catalogue import models, twins, why_not_billable

SCRIPT = Path(__file__).parents[3] / "scripts" / "generate_meters.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_meters", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def page(script: ModuleType) -> str:
    return script.page()


def test_the_page_is_up_to_date(script, capsys):
    assert script.main(["--check"]) == 0, capsys.readouterr().out


def test_a_page_that_differs_or_is_missing_is_stale(script, page, tmp_path):
    file = tmp_path / "meters.md"
    assert script.is_stale(file)
    assert "13 of 23" in page
    file.write_text(page.replace("13 of 23", "14 of 23"), encoding="utf-8")
    assert script.is_stale(file)


def test_every_model_has_a_row_and_a_section_with_what_a_buyer_must_know(page):
    known = models()
    for model in known:
        section = page.partition(f"\n## {model.slug}\n")[2].partition("\n## ")[0]
        row = next(line for line in page.splitlines() if line.startswith(f"| [`{model.slug}`]"))
        why_not = why_not_billable(model)
        assert row.endswith("| no |" if why_not else "| yes |")
        assert (why_not or f"`{model.billing.quantity}`") in section
        assert all(f"[`{twin}`]" in section for twin in twins(model.slug, known))
        assert ("* one source: " in section) == any(not each.confirmed for each in model.registers)
        assert ("* confirmed: " in section) == any(each.confirmed for each in model.registers)
        assert "Source:" in section
        assert all(f"0x{barrier:04X}" in section for barrier in model.barriers)


def test_phases_of_one_quantity_stand_together(script):
    model = next(each for each in models() if each.slug == "abb-b23")
    assert script._names(model.registers).startswith("energy import (and L1 L2 L3), energy export (and")
    assert "voltage L1 L2 L3, current L1 L2 L3, power (and L1 L2 L3), frequency," in script._names(
        model.registers)
