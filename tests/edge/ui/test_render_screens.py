import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from edge.controller.snapshot import Screen

SCRIPT = Path(__file__).parents[3] / "scripts" / "render_screens.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("render_screens", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_is_a_sample_of_every_screen(script: ModuleType) -> None:
    assert {screen.value for screen in Screen} <= script.samples().keys()
    assert set(script.SHEET) <= script.samples().keys()


async def test_a_page_is_painted_at_the_pixels_of_the_panel(script: ModuleType) -> None:
    snapshot, action = script.samples()["charging"]
    app: Any = script.DriverApp(script.SampleSource(snapshot), monotonic_s=lambda: 0.0)
    image = await script.draw_page(script.Painter(), app, action)
    assert image.size == (800, 480)
    assert image.getpixel((792, 60)) == (0x00, 0x60, 0xA8)  # the band: charging is blue
    assert image.getpixel((20, 100)) == (255, 255, 255)  # the first block digit
    assert image.getpixel((400, 360)) == (0xB3, 0x26, 0x1E)  # Stop
