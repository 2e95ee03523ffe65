import io

import pytest
import segno

from edge.ui.screen_model import Tone
from edge.ui.widgets import palette
from edge.ui.widgets.block_digits import ROWS, block_rows, block_width, runs
from edge.ui.widgets.qr import qr_rows


def test_every_glyph_has_five_rows_of_one_width_and_they_all_differ() -> None:
    drawn = {char: block_rows(char) for char in "0123456789,.- "}
    for rows in drawn.values():
        assert len(rows) == ROWS
        assert len({len(row) for row in rows}) == 1
    assert len(set(drawn.values())) == len(drawn)


@pytest.mark.parametrize(("text", "columns"), [("23,4", 26), ("23.4", 26), ("123,4", 34),
                                               ("114,70", 42), ("-", 4)])
def test_the_width_of_a_figure(text: str, columns: int) -> None:
    assert block_width(text) == columns


def test_a_character_without_a_glyph_is_an_error() -> None:
    with pytest.raises(KeyError):
        block_rows("a")


def test_runs_cover_the_row() -> None:
    assert runs("##  ##") == [(True, 2), (False, 2), (True, 2)]
    assert runs("") == []


def test_a_telephone_code_is_as_high_as_the_design_grid() -> None:
    rows = qr_rows("TEL:+46100000000")
    assert len(rows) == 15
    assert {len(row) for row in rows} == {29}


def test_the_half_blocks_are_the_modules_of_the_code() -> None:
    text = "TEL:+46100000000"
    out = io.StringIO()
    segno.make(text, micro=False, error="l").save(out, kind="txt", border=4)
    modules = out.getvalue().splitlines()
    upper = {" ": "0", "▀": "1", "▄": "0", "█": "1"}
    lower = {" ": "0", "▀": "0", "▄": "1", "█": "1"}
    drawn: list[str] = []
    for row in qr_rows(text):
        drawn += ["".join(upper[c] for c in row), "".join(lower[c] for c in row)]
    assert drawn[:29] == modules


def luminance(colour: str) -> float:
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(("ink", "paper"), [
    *palette.BANDS.values(), (palette.WHITE, palette.GREY), (palette.WHITE, palette.RED),
    (palette.DIM, palette.BLACK), (palette.YELLOW, palette.BLACK),
])
def test_every_pair_of_colours_has_the_contrast_to_read_it_outdoors(ink: str, paper: str) -> None:
    light, dark = sorted((luminance(ink), luminance(paper)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 6.0


def test_every_tone_has_a_band() -> None:
    assert set(palette.BANDS) == set(Tone)
