"""Rows of text, with amounts flush right in the design grid."""

from collections.abc import Sequence

from rich.style import Style as RichStyle

from edge.ui.screen_model import TEXT_COLUMNS, Line, Style
from edge.ui.widgets.painted import Painted, Piece
from edge.ui.widgets.palette import TEXT


class TextRows(Painted):
    """As many rows as there is room for."""

    DEFAULT_CSS = "TextRows { height: 1fr; width: 1fr; }"

    _lines: tuple[Line, ...] = ()

    def show(self, lines: tuple[Line, ...]) -> None:
        """Show `lines`, the first one at the top."""
        if self.changed(lines):
            self._lines = lines

    def ground(self) -> RichStyle:
        return TEXT[Style.PLAIN]

    def pieces(self, y: int) -> Sequence[Piece]:
        if y >= len(self._lines):
            return []
        line = self._lines[y]
        columns = min(TEXT_COLUMNS, self.size.width - 2) - len(line.right) if line.right else 0
        return [(f" {line.text.ljust(columns)}{line.right}", TEXT[line.style])]
