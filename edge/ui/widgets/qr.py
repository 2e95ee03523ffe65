"""A QR code in half blocks: two modules a cell, dark on white, with its quiet zone."""

from collections.abc import Sequence

import segno
from rich.style import Style as RichStyle

from edge.ui.widgets.painted import Painted, Piece
from edge.ui.widgets.palette import BLACK, WHITE, on

_QUIET = 4  # modules, ISO/IEC 18004
_HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def qr_rows(text: str) -> tuple[str, ...]:
    """`text` as rows of half blocks, dark modules as ink. Up to 25 capitals: 29 columns, 15 rows."""
    code = segno.make(text, micro=False, boost_error=True, error="l")
    modules = [[bool(cell) for cell in row] for row in code.matrix_iter(border=_QUIET)]
    if len(modules) % 2:
        modules.append([False] * len(modules[0]))
    return tuple("".join(_HALVES[pair] for pair in zip(upper, lower, strict=True))
                 for upper, lower in zip(modules[::2], modules[1::2], strict=True))


class Qr(Painted):
    """As large as its code."""

    DEFAULT_CSS = "Qr { width: 29; height: 15; }"

    _rows: tuple[str, ...] = ()

    def show(self, text: str) -> None:
        """Show the code of `text`; "" empties it."""
        if self.changed(text):
            self._rows = qr_rows(text) if text else ()

    def ground(self) -> RichStyle:
        return on(BLACK, WHITE)

    def pieces(self, y: int) -> Sequence[Piece]:
        return [(self._rows[y], self.ground())] if y < len(self._rows) else []
