"""The page of a site with several bays on one screen: each with its state."""

from datetime import datetime

from edge.controller.snapshot import EvseView, Screen, Snapshot
from edge.ui.plain_pages import language_touch
from edge.ui.screen_model import Bay, Line, ScreenModel, Style, Tone, Touch
from edge.ui.view_model import page_of, tone_of
from edge.ui.wording import Wording, worst, wrapped

PER_PAGE = 4  # two by two targets of four rows


def bay_state(words: Wording, evse: EvseView) -> str:
    """The state of an EVSE in a few words."""
    fault = worst(evse.faults)
    kwh = "–" if evse.energy_wh is None else words.format.figure_kwh(evse.energy_wh)
    page = Screen.AVAILABLE.value if is_free(evse) else page_of(evse)
    return words.texts.text(f"bays.{page}", kwh=kwh,
                            code="" if fault is None else fault.code.value).strip()


def is_free(evse: EvseView) -> bool:
    """Whether somebody could drive up and charge."""
    return page_of(evse) == Screen.AVAILABLE.value or (
        evse.screen is Screen.FINISHED and evse.state == "Available")  # a receipt left behind


def overview_page(snapshot: Snapshot, language: str, now: datetime, first: int = 0) -> ScreenModel:
    """Four bays from index `first` on. With room left: the price, if it is the same everywhere."""
    words = Wording(snapshot.site, language)
    text, count = words.texts.text, len(snapshot.evses)
    first = first if first < count else 0
    bays = tuple(
        Bay(evse_id=e.id, label=e.label, state=bay_state(words, e),
            tone=tone_of(e))
        for e in snapshot.evses[first:first + PER_PAGE])
    free = sum(is_free(e) for e in snapshot.evses)
    lines: tuple[Line, ...] = ()
    plug_in = any(e.screen is Screen.PLUG_IN for e in snapshot.evses)
    if len(bays) <= PER_PAGE // 2 and (free or plug_in):
        lines = wrapped(text("body.plug_in" if plug_in else "body.available"), Style.STRONG)
        if len({e.price for e in snapshot.evses}) == 1:
            lines += words.prices(snapshot.evses[0].price)[:3]
    more = Touch(action="more", label=text("button.more"))
    return ScreenModel(
        page="overview", tone=Tone.CALM, symbol="○", title=text("bays.title"),
        clock=words.format.clock(now) if snapshot.clock_ok else "",
        sub=text("sub.free", free=free, total=count), notice=_notice(words, snapshot),
        bays=bays, lines=lines,
        touches=(language_touch(snapshot.site, words.texts.language),
                 *([more] if count > PER_PAGE else []),
                 Touch(action="help", label=text("button.help"))))


def _notice(words: Wording, snapshot: Snapshot) -> str:
    """A passing note of any bay (a card shown here concerns them all), else of the site."""
    notes = (words.passing(e) for e in snapshot.evses)
    return next((note for note in notes if note), "") or words.site_notice(snapshot)
