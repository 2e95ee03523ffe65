"""The base of our widgets: rows of styled text at fixed cells. No markup, wrapping or scrolling."""

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.strip import Strip
from textual.widget import Widget

Piece = tuple[str, RichStyle]


class Painted(Widget, can_focus=False, inherit_bindings=False):
    """Paints `pieces(y)`; `changed` asks for a repaint only if what is shown is new.

    One repaint of an unchanged screen costs about 5 ms of a slow Pi's core, so none is made.
    """

    shown: object = None

    def changed(self, value: object) -> bool:
        """Remember `value`; True (and a repaint is due) if it differs from the last one."""
        if value == self.shown:
            return False
        self.shown = value
        self.refresh()
        return True

    def pieces(self, y: int) -> Sequence[Piece]:
        """Row `y` as text with styles; shorter is filled up, longer is cut."""
        raise NotImplementedError

    def ground(self) -> RichStyle:
        """The style of cells without text."""
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:
        """Textual's hook: one row of cells."""
        width = self.size.width
        strip = Strip([Segment(text, style) for text, style in self.pieces(y)])
        return strip.adjust_cell_length(width, self.ground())
