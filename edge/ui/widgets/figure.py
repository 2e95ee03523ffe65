"""The large figure with its unit below and a few short lines at its right."""

from collections.abc import Sequence

from rich.style import Style as RichStyle

from edge.ui.screen_model import SIDE_COLUMN, Line, Style
from edge.ui.widgets.block_digits import ROWS, block_rows, runs
from edge.ui.widgets.painted import Painted, Piece
from edge.ui.widgets.palette import BLACK, TEXT, WHITE, on

_MARGIN = 1


class Figure(Painted):
    """Six rows: block digits, then their unit."""

    DEFAULT_CSS = "Figure { height: 6; width: 1fr; }"

    _digits: tuple[str, ...] = ("",) * ROWS
    _unit = ""
    _side: tuple[Line, ...] = ()

    def show(self, figure: str, unit: str, side: tuple[Line, ...]) -> None:
        """Show `figure` (characters of `block_digits`), its unit and at most five side lines."""
        if self.changed((figure, unit, side)):
            self._digits, self._unit, self._side = block_rows(figure), unit, side

    def ground(self) -> RichStyle:
        return TEXT[Style.PLAIN]

    def pieces(self, y: int) -> Sequence[Piece]:
        plain = TEXT[Style.PLAIN]
        if y == ROWS:
            return [(" " * _MARGIN + self._unit, TEXT[Style.DIM])]
        if y > ROWS:
            return []
        lit = on(BLACK, WHITE)
        row: list[Piece] = [(" " * _MARGIN, plain)]
        row += [(" " * columns, lit if on_ else plain) for on_, columns in runs(self._digits[y])]
        if y < len(self._side):
            used = sum(len(text) for text, _ in row)
            row += [(" " * max(1, SIDE_COLUMN - used), plain),
                    (self._side[y].text, TEXT[self._side[y].style])]
        return row
