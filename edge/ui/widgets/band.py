"""The band at the top: state in symbol and words, the clock, and who pays or a passing note."""

from collections.abc import Sequence

from rich.style import Style as RichStyle

from edge.ui.screen_model import Tone
from edge.ui.widgets.painted import Painted, Piece
from edge.ui.widgets.palette import BANDS, BLACK, BLUE, WHITE, YELLOW, on


class Band(Painted):
    """Two rows. A note takes the second one, in colours that its tone has not."""

    DEFAULT_CSS = "Band { height: 2; width: 1fr; }"

    _tone = Tone.BUSY
    _title = _clock = _sub = _notice = ""

    def show(self, tone: Tone, title: str, clock: str, sub: str, notice: str) -> None:
        """`title` with its symbol; `clock` at the right; `notice` instead of `sub` if not empty."""
        if self.changed((tone, title, clock, sub, notice)):
            self._tone, self._title, self._clock = tone, title, clock
            self._sub, self._notice = sub, notice

    def ground(self) -> RichStyle:
        return on(*BANDS[self._tone])

    def pieces(self, y: int) -> Sequence[Piece]:
        width = self.size.width
        if y == 0:
            style = on(*BANDS[self._tone], bold=True)
            room = width - 2 - len(self._clock)
            return [(f" {self._title[:room].ljust(room)}{self._clock} ", style)]
        if self._notice:
            # A band that is yellow itself sets its note apart by white on blue.
            colours = (WHITE, BLUE) if self._tone is Tone.ACTION else (BLACK, YELLOW)
            return [(f" {self._notice}".ljust(width), on(*colours, bold=True))]
        return [(f" {self._sub}", self.ground())]
