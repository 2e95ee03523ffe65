"""From a snapshot to what a driver reads of one EVSE: pure, without Textual, tested as a table.

One page for each `Screen`, one next action a page, at most nine rows between band and buttons.
"""

from collections.abc import Callable
from datetime import datetime

from edge.controller.faults import Severity
from edge.controller.snapshot import EvseView, Screen, Snapshot
from edge.ui.plain_pages import language_touch, no_contact_page
from edge.ui.screen_model import (
    FIGURE_ROWS,
    MIDDLE_ROWS,
    SIDE_COLUMNS,
    WIDE_FIGURE,
    Line,
    ScreenModel,
    Style,
    Tone,
    Touch,
)
from edge.ui.wording import SEPARATOR, Wording, held, worst, wrapped

SYMBOL = {
    Screen.AVAILABLE: "○", Screen.PLUG_IN: "→", Screen.TAP_CARD: "→", Screen.CHECKING: "…",
    Screen.WAITING_FOR_CAR: "…", Screen.CHARGING: "▶", Screen.PAUSED: "‖", Screen.STOPPING: "…",
    Screen.REPLUG: "→",
    Screen.FINISHED: "✓", Screen.FAULT: "!",
}
TONE = {
    Screen.AVAILABLE: Tone.CALM, Screen.PLUG_IN: Tone.ACTION, Screen.TAP_CARD: Tone.ACTION,
    Screen.CHECKING: Tone.BUSY, Screen.WAITING_FOR_CAR: Tone.BUSY, Screen.CHARGING: Tone.BUSY,
    Screen.PAUSED: Tone.ACTION, Screen.STOPPING: Tone.BUSY, Screen.FINISHED: Tone.CALM,
    Screen.FAULT: Tone.TROUBLE, Screen.REPLUG: Tone.ACTION,
}
UNAVAILABLE = "unavailable"
ATTENTION = "attention"
HELD = "held"
_STOPPABLE = frozenset({Screen.WAITING_FOR_CAR, Screen.CHARGING, Screen.PAUSED})
_BLANK = (Line(text=""),)


class _Middle:
    """What fills the nine rows between band and buttons."""

    def __init__(self, *lines: Line, figure: str = "", unit: str = "",
                 side: tuple[Line, ...] = ()) -> None:
        self.lines, self.figure, self.unit, self.side = lines, figure, unit, side


def page_of(evse: EvseView) -> str:
    """The name of an EVSE's page: its screen, but "unavailable" for an idle one out of service, "held"
    for a session that waits for the site and not the car, and "attention" where nothing is broken.
    """
    if evse.state == "Unavailable" and evse.screen in (Screen.AVAILABLE, Screen.TAP_CARD):
        return UNAVAILABLE
    fault = worst(evse.faults)
    if evse.screen is Screen.FAULT and fault is not None and fault.severity is Severity.NOTICE:
        return ATTENTION
    if evse.screen is Screen.WAITING_FOR_CAR and held(evse):
        return HELD
    return evse.screen.value


def tone_of(evse: EvseView) -> Tone:
    """The colour of an EVSE's band and of its place in the overview."""
    return Tone.ACTION if page_of(evse) in (UNAVAILABLE, ATTENTION) else TONE[evse.screen]


def evse_page(snapshot: Snapshot, evse_id: str, language: str, now: datetime) -> ScreenModel:
    """The page of one EVSE. `now`: aware time, shown if the controller trusts its clock.

    An id that the site does not have gives the "no contact" page: the screen is set up wrongly,
    and the driver needs the phone number and not an exception.
    """
    evse = next((e for e in snapshot.evses if e.id == evse_id), None)
    if evse is None:
        return no_contact_page(snapshot.site, language)
    words = Wording(snapshot.site, language)
    page = page_of(evse)
    middle = (_unavailable(words) if page == UNAVAILABLE
              else _MIDDLES[evse.screen](words, evse))
    return ScreenModel(
        page=page,
        tone=tone_of(evse),
        symbol="×" if page == UNAVAILABLE else SYMBOL[evse.screen],
        title=words.texts.text(f"title.{page}") + SEPARATOR + evse.label,
        clock=words.format.clock(now) if snapshot.clock_ok else "",
        sub=_sub(words, evse),
        notice=words.notice(snapshot, evse),
        figure=middle.figure, unit=middle.unit, side=middle.side, lines=middle.lines,
        touches=_touches(words, snapshot, evse),
    )


def _sub(words: Wording, evse: EvseView) -> str:
    """Who pays, and who may stop; else where we are."""
    parts = []
    if evse.token_last4:
        parts.append(words.texts.text("sub.card", last4=evse.token_last4))
    if evse.screen in _STOPPABLE:
        parts.append(words.texts.text("sub.stop"))
    return SEPARATOR.join(parts) or words.site.name


def _touches(words: Wording, snapshot: Snapshot, evse: EvseView) -> tuple[Touch, ...]:
    several = len(snapshot.evses) > 1
    stop = Touch(action="stop", label=words.texts.text("button.stop"), strong=True, weight=2)
    bays = Touch(action="bays", label=words.texts.text("button.bays"))
    return (
        language_touch(snapshot.site, words.texts.language),
        *([stop] if evse.screen in _STOPPABLE else []),
        *([bays] if several else []),
        Touch(action="help", label=words.texts.text("button.help")),
    )


def _priced(words: Wording, evse: EvseView, action: str) -> _Middle:
    """An action with the price before the start: large where there is one price per kWh.

    The action stands below the prices, or beside the large one if they need the room.
    """
    below = wrapped(action, Style.STRONG)
    large, rest = words.large_price(evse.price), words.prices(evse.price, energy=False)
    if large is not None and FIGURE_ROWS + len(rest) + len(below) <= MIDDLE_ROWS:
        return _Middle(*rest, *below, figure=large, unit=words.price_unit())
    beside = wrapped(action, Style.STRONG, SIDE_COLUMNS)
    if large is not None and len(large) < WIDE_FIGURE and FIGURE_ROWS + len(rest) <= MIDDLE_ROWS:
        return _Middle(*rest, figure=large, unit=words.price_unit(), side=beside)
    return _Middle(*_BLANK, *below, *_BLANK, *words.prices(evse.price)[:MIDDLE_ROWS - 3])


def _offer(words: Wording, evse: EvseView) -> _Middle:
    return _priced(words, evse, words.texts.text(f"body.{evse.screen.value}"))


def _waiting(words: Wording, evse: EvseView) -> _Middle:
    name = evse.screen.value
    then = words.pause(evse) if page_of(evse) == HELD else words.texts.text(f"body.{name}.2")
    lines = (*_BLANK, *wrapped(words.texts.text(f"body.{name}"), Style.STRONG), *_BLANK,
             *wrapped(then), *_BLANK)
    return _Middle(*lines, *words.prices(evse.price)[:MIDDLE_ROWS - len(lines)])


def _meter(words: Wording, evse: EvseView, *lines: Line, live: bool = True) -> _Middle:
    """The large energy with cost, power and time beside it. An unknown value is a dash, never 0."""
    form, text = words.format, words.texts.text
    side = [Line(text="–" if evse.cost_incl_vat is None else form.money(evse.cost_incl_vat),
                 style=Style.STRONG),
            Line(text=text("side.so_far"), style=Style.DIM)]
    if live:
        kw = "–" if evse.power_w is None else form.kw(evse.power_w)
        side.append(Line(text=text("side.kw", kw=kw), style=Style.STRONG))
    if evse.duration_s is not None:
        side.append(Line(text=form.duration(evse.duration_s), style=Style.STRONG))
    figure = "-" if evse.energy_wh is None else form.figure_kwh(evse.energy_wh)
    return _Middle(*lines, figure=figure, unit=text("unit.kwh_charged"), side=tuple(side))


def _charging(words: Wording, evse: EvseView) -> _Middle:
    middle = _meter(words, evse, *words.prices(evse.price)[:2])
    limit = words.limit(evse)
    if limit:
        middle.unit += SEPARATOR + limit
    return middle


def _paused(words: Wording, evse: EvseView) -> _Middle:
    return _meter(words, evse, *wrapped(words.pause(evse), Style.STRONG), live=False)


def _stopping(words: Wording, evse: EvseView) -> _Middle:
    return _meter(words, evse, *wrapped(words.texts.text("body.stopping"), Style.STRONG))


def _finished(words: Wording, evse: EvseView) -> _Middle:
    gone = evse.state == "Available"  # the receipt stays for a while after the car has left
    thanks = wrapped(words.texts.text("body.thanks" if gone else "body.finished"), Style.STRONG)
    receipt = evse.receipt
    if receipt is None:
        return _Middle(*_BLANK, *thanks, *_BLANK, *wrapped(words.texts.text("receipt.pending")))
    if receipt.energy_wh == 0:
        return _Middle(*_BLANK, *thanks, *_BLANK, *wrapped(words.texts.text("receipt.nothing")))
    lines = words.receipt(receipt)
    if len(thanks) + len(lines) <= MIDDLE_ROWS - 2:
        return _Middle(*_BLANK, *thanks, *_BLANK, *lines)
    return _Middle(*thanks, *lines)


def _fault(words: Wording, evse: EvseView) -> _Middle:
    return _Middle(*_BLANK, *words.fault_lines(evse))


def _unavailable(words: Wording) -> _Middle:
    text = words.texts.text
    return _Middle(*_BLANK, *wrapped(text("body.unavailable"), Style.STRONG), *_BLANK,
                   *wrapped(text("body.unavailable.2")), *_BLANK,
                   *wrapped(text("body.call", phone=words.site.phone), Style.PRICE))


_MIDDLES: dict[Screen, Callable[[Wording, EvseView], _Middle]] = {
    Screen.AVAILABLE: _offer, Screen.PLUG_IN: _offer, Screen.TAP_CARD: _offer,
    Screen.CHECKING: _waiting, Screen.WAITING_FOR_CAR: _waiting, Screen.CHARGING: _charging,
    Screen.PAUSED: _paused, Screen.STOPPING: _stopping, Screen.FINISHED: _finished,
    Screen.FAULT: _fault, Screen.REPLUG: _waiting,
}
