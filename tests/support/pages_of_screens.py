"""What every page of the driver's screen has to keep, and its words."""

from edge.ui.screen_model import (
    COLUMNS,
    FIGURE_ROWS,
    MIDDLE_ROWS,
    SIDE_COLUMN,
    SIDE_COLUMNS,
    TEXT_COLUMNS,
    ScreenModel,
)
from edge.ui.widgets.block_digits import block_width

LANGUAGES = ["sv", "en"]


def assert_fits(model: ScreenModel) -> None:
    """Nothing is cut in the design grid."""
    assert len(f" {model.symbol} {model.title} {model.clock} ") <= COLUMNS
    assert len(model.sub) <= TEXT_COLUMNS, model.sub
    assert len(model.notice) <= TEXT_COLUMNS, model.notice
    assert len(model.unit) <= TEXT_COLUMNS, model.unit
    columns = COLUMNS - 29 - 1 if model.qr else TEXT_COLUMNS
    for line in model.lines:
        assert len(line.text) + bool(line.right) + len(line.right) <= columns, line
    rows = MIDDLE_ROWS - (FIGURE_ROWS if model.figure else 0) - (5 * -(-len(model.bays) // 2))
    assert len(model.lines) <= max(rows, 0), model.lines
    if model.figure:
        assert block_width(model.figure) < (SIDE_COLUMN - 1 if model.side else COLUMNS - 1)
    assert len(model.side) <= 5
    for line in model.side:
        assert len(line.text) <= SIDE_COLUMNS, line
    for bay in model.bays:
        assert max(len(bay.label), len(bay.state)) <= COLUMNS // 2 - 1
    assert 1 <= len(model.touches) <= 4
    room = (21 if model.qr else COLUMNS) - (len(model.touches) - 1)
    for touch in model.touches:
        width = room * touch.weight // sum(t.weight for t in model.touches)
        assert len(touch.label) <= width, touch
        assert width >= 7  # 7 cells are 21.7 mm on the 7-inch panel; 20 mm are asked for


def said(model: ScreenModel) -> str:
    """All words of a page."""
    lines = [*model.side, *model.lines]
    return "\n".join([model.title, model.sub, model.notice, model.figure, model.unit,
                      *(f"{line.text} {line.right}" for line in lines),
                      *(touch.label for touch in model.touches)])
