"""Digits of five rows of full blocks: 30 mm high on the 7-inch panel, sharp in glare.

Textual's `Digits` is three thin lines high and has no comma.
"""

ROWS = 5
_CELLS = 2  # columns per module: a cell is twice as high as wide
_GAP = 1  # modules between characters

# Three modules wide, except for the signs; "#" is lit.
_GLYPHS: dict[str, tuple[str, str, str, str, str]] = {
    "0": ("###", "# #", "# #", "# #", "###"),
    "1": (" # ", "## ", " # ", " # ", "###"),
    "2": ("###", "  #", "###", "#  ", "###"),
    "3": ("###", "  #", "###", "  #", "###"),
    "4": ("# #", "# #", "###", "  #", "  #"),
    "5": ("###", "#  ", "###", "  #", "###"),
    "6": ("###", "#  ", "###", "# #", "###"),
    "7": ("###", "  #", "  #", "  #", "  #"),
    "8": ("###", "# #", "###", "# #", "###"),
    "9": ("###", "# #", "###", "  #", "###"),
    ",": (" ", " ", " ", "#", "#"),
    ".": (" ", " ", " ", " ", "#"),
    "-": ("  ", "  ", "##", "  ", "  "),
    " ": (" ", " ", " ", " ", " "),
}


def block_rows(text: str) -> tuple[str, ...]:
    """`text` as five rows of "#" and " ", two columns per module.

    Raises KeyError for a character that has no glyph: digits, comma, point, minus and space do.
    """
    glyphs = [_GLYPHS[c] for c in text]
    gap = " " * _GAP
    return tuple("".join(module * _CELLS for module in gap.join(glyph[row] for glyph in glyphs))
                 for row in range(ROWS))


def block_width(text: str) -> int:
    """Columns that `text` takes."""
    return len(block_rows(text)[0])


def runs(row: str) -> list[tuple[bool, int]]:
    """A row as (lit, columns) runs, so that it is painted as background and shows no seams."""
    found: list[tuple[bool, int]] = []
    for cell in row:
        lit = cell != " "
        if found and found[-1][0] == lit:
            found[-1] = (lit, found[-1][1] + 1)
        else:
            found.append((lit, 1))
    return found
