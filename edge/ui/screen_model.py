"""What a driver's page says, before any terminal: words, tones and buttons, ready for 50x15 cells.

The design grid is 50 columns by 15 rows on a 7-inch 800x480 panel (capitals of 3.7 mm, buttons of
four rows = 24.6 mm; IBM's reading of ISO 9241-3 asks for 16 arc-minutes at the least): a band of
two rows, nine rows in the middle, four rows of buttons.
"""

import enum

from edge.controller.struct import Value

COLUMNS = 50
ROWS = 15
TEXT_COLUMNS = 48  # one free column at each side
MIDDLE_ROWS = 9
FIGURE_ROWS = 7  # a blank row, five rows of block digits, their unit

SIDE_COLUMN, SIDE_COLUMNS = 36, 14  # beside a figure of at most "123,4"
WIDE_FIGURE = 6  # so many characters leave no room beside them


class Tone(enum.StrEnum):
    """The colour of the band. Never alone: the symbol and the word say the same."""

    CALM = "calm"  # black on white: nothing runs
    ACTION = "action"  # black on yellow: the driver's turn
    BUSY = "busy"  # white on blue: the site is at work
    TROUBLE = "trouble"  # white on red


class Style(enum.StrEnum):
    """How a line is written."""

    PLAIN = "plain"
    STRONG = "strong"
    DIM = "dim"
    PRICE = "price"


class Line(Value):
    """One row of text; `right` is set flush right in the same row (amounts)."""

    text: str
    style: Style = Style.PLAIN
    right: str = ""


class Touch(Value):
    """A touch target. `action` is what it asks for: "language", "stop", "help", "back", ..."""

    action: str
    label: str
    strong: bool = False  # the red one
    weight: int = 1  # its share of the row's width


class Bay(Value):
    """One EVSE in the overview: two lines in a touch target. `action` "": open its page."""

    evse_id: str
    label: str
    state: str
    tone: Tone
    action: str = ""


class ScreenModel(Value):
    """A whole page. `figure` is written in block digits; "" leaves its rows to `lines`."""

    page: str  # "charging", "help", "overview", "no_contact", ...
    tone: Tone
    symbol: str
    title: str
    clock: str = ""
    sub: str = ""
    notice: str = ""  # takes the place of `sub`, black on yellow
    figure: str = ""
    unit: str = ""
    side: tuple[Line, ...] = ()
    lines: tuple[Line, ...] = ()
    bays: tuple[Bay, ...] = ()
    qr: str = ""  # text of a QR code; takes the right part of the screen
    touches: tuple[Touch, ...] = ()
