"""Pages about a card that was just shown: why it was refused, and which bay it is meant for. Pure.

A passing note has one row of a band. Who was refused needs to know what to do, from a step away, so the
refusals that somebody can do something about take the middle of the screen for as long as they last.
"""

from datetime import datetime

from edge.controller.authorisation.refusal import Why
from edge.controller.snapshot import ChoiceView, EvseView, Screen, Snapshot
from edge.ui.overview import PER_PAGE
from edge.ui.plain_pages import call_lines, language_touch
from edge.ui.screen_model import MIDDLE_ROWS, Bay, Line, ScreenModel, Style, Tone, Touch
from edge.ui.view_model import tone_of
from edge.ui.wording import Wording, wrapped

#: Where a session shows its figures: somebody else's refused card covers none of them.
_TAKEN = frozenset({Screen.CHECKING, Screen.WAITING_FOR_CAR, Screen.CHARGING, Screen.PAUSED,
                    Screen.REPLUG, Screen.STOPPING, Screen.FAULT})
_TROUBLE = frozenset({Why.REFUSED, Why.COPY})
_BLANK = (Line(text=""),)


def refused_at(snapshot: Snapshot, evse_id: str | None) -> EvseView | None:
    """The EVSE whose screen has a refusal to explain; `evse_id` None: any of them."""
    for evse in snapshot.evses:
        if evse_id in (None, evse.id) and evse.screen not in _TAKEN and _explained(evse.message):
            return evse
    return None


def _explained(message: str | None) -> bool:
    return message is not None and Wording.explains(message)


def refused_page(snapshot: Snapshot, evse: EvseView, language: str, now: datetime) -> ScreenModel:
    """Why, what to do, and whom to call. `now`: aware time, shown if the clock is trusted."""
    words = Wording(snapshot.site, language)
    text = words.texts.text
    lines = (*_BLANK, *wrapped(text(f"refused.{evse.message}"), Style.STRONG), *_BLANK,
             *wrapped(text(f"refused.{evse.message}.2")), *_BLANK,
             *call_lines(words.texts, snapshot.site))
    return ScreenModel(
        page="refused", tone=Tone.TROUBLE if evse.message in _TROUBLE else Tone.ACTION,
        symbol="×", title=text("title.refused"),
        clock=words.format.clock(now) if snapshot.clock_ok else "",
        sub=snapshot.site.name,
        lines=lines[:MIDDLE_ROWS],
        touches=(language_touch(snapshot.site, words.texts.language),
                 Touch(action="help", label=text("button.help"))))


def choice_for(snapshot: Snapshot, evse_id: str | None) -> ChoiceView | None:
    """A question that this screen can ask; `evse_id` None: of any bay."""
    return next((choice for choice in snapshot.choices
                 if evse_id is None or evse_id in choice.evse_ids), None)


def choice_page(snapshot: Snapshot, choice: ChoiceView, language: str, now: datetime) -> ScreenModel:
    """The bays that a card may mean, as targets. By itself it starts at the first, and stops none."""
    words = Wording(snapshot.site, language)
    text = words.texts.text
    known = {evse.id: evse for evse in snapshot.evses}
    evses = [known[evse_id] for evse_id in choice.evse_ids if evse_id in known]
    bays = tuple(Bay(evse_id=evse.id, label=evse.label, tone=tone_of(evse),
                     state=text("choose.stop" if evse.screen in _TAKEN else "choose.start"),
                     action=f"choose:{choice.id}:{evse.id}")
                 for evse in evses[:PER_PAGE])
    lines: tuple[Line, ...] = ()
    if evses and len(bays) <= PER_PAGE // 2:
        lines = wrapped(text("choose.none") if choice.stops
                        else text("choose.else", label=evses[0].label))
    return ScreenModel(
        page="choose", tone=Tone.ACTION, symbol="→", title=text("title.choose"),
        clock=words.format.clock(now) if snapshot.clock_ok else "", sub=text("sub.choose"),
        bays=bays, lines=lines,
        touches=(language_touch(snapshot.site, words.texts.language),
                 Touch(action="help", label=text("button.help"))))
