"""A touch target: pressed when the finger goes down and up on it, never by a key."""

from collections.abc import Sequence

from rich.style import Style as RichStyle
from textual.events import Click
from textual.message import Message

from edge.ui.widgets.painted import Painted, Piece
from edge.ui.widgets.palette import BLACK, GREY, RED, WHITE, on

FLASH_S = 0.2
PLAIN = (WHITE, GREY)
STRONG = (WHITE, RED)


class TouchTarget(Painted):
    """Shows one or two centred rows. Keeps no focus: a tapped target must not look different."""

    DEFAULT_CSS = "TouchTarget { width: 1fr; min-width: 0; height: 4; }"

    class Tapped(Message):
        """Somebody touched it. `action` is what it was set up to ask for."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    action = ""
    _rows: tuple[str, ...] = ()
    _colours = PLAIN
    _pressed = False

    def show(self, action: str, rows: tuple[str, ...], colours: tuple[str, str] = PLAIN) -> None:
        """What it asks for, its text and (foreground, background)."""
        if self.changed((action, rows, colours)):
            self.action, self._rows, self._colours = action, rows, colours

    def ground(self) -> RichStyle:
        return on(BLACK, WHITE) if self._pressed else on(*self._colours)

    def pieces(self, y: int) -> Sequence[Piece]:
        first = (self.size.height - len(self._rows)) // 2
        if not first <= y < first + len(self._rows):
            return []
        return [(self._rows[y - first].center(self.size.width), self.ground() + RichStyle(bold=True))]

    def on_click(self, event: Click) -> None:
        """Textual makes a click of down and up on the same widget; sliding off cancels it."""
        event.stop()
        self._flash(True)
        self.set_timer(FLASH_S, lambda: self._flash(False))
        self.post_message(self.Tapped(self.action))

    def _flash(self, pressed: bool) -> None:
        self._pressed = pressed
        self.refresh()
