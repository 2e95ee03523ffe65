"""The colours of the driver's screen, with their contrast (WCAG 2 ratio, computed; 4.5 is the floor).

White and yellow on dark, never red against green: shape and word always say the same.
"""

from rich.style import Style as RichStyle

from edge.ui.screen_model import Style, Tone

BLACK, WHITE = "#000000", "#ffffff"
BLUE = "#0060a8"  # under white: 6.5
RED = "#b3261e"  # under white: 6.5
YELLOW = "#ffd866"  # under black: 15.3
GREY = "#3a3a3a"  # under white: 11.4
DIM = "#d8d8d8"  # on black: 14.8

BANDS: dict[Tone, tuple[str, str]] = {  # foreground, background
    Tone.CALM: (BLACK, WHITE),
    Tone.ACTION: (BLACK, YELLOW),
    Tone.BUSY: (WHITE, BLUE),
    Tone.TROUBLE: (WHITE, RED),
}
TEXT: dict[Style, RichStyle] = {
    Style.PLAIN: RichStyle(color=WHITE, bgcolor=BLACK),
    Style.STRONG: RichStyle(color=WHITE, bgcolor=BLACK, bold=True),
    Style.DIM: RichStyle(color=DIM, bgcolor=BLACK),
    Style.PRICE: RichStyle(color=YELLOW, bgcolor=BLACK, bold=True),
}


def on(foreground: str, background: str, *, bold: bool = False) -> RichStyle:
    """A Rich style of two colours."""
    return RichStyle(color=foreground, bgcolor=background, bold=bold)
