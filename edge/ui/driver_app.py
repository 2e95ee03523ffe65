"""The driver's screen: shows the latest snapshot of the site at most twice a second.

All words and decisions are in the view model; here they are put into widgets and taps are taken.
No key does anything: the only ways in are the touch targets.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar

from msgspec.structs import replace
from textual import on
from textual.app import App, ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen as TextualScreen

from edge.controller.snapshot import EvseView, SiteView, Snapshot
from edge.ui import focus as focusing
from edge.ui.card_pages import choice_for, choice_page, refused_at, refused_page
from edge.ui.overview import PER_PAGE, overview_page
from edge.ui.plain_pages import help_page, next_language, no_contact_page, offered, starting_page
from edge.ui.screen_model import Bay, ScreenModel, Touch
from edge.ui.source import Source
from edge.ui.texts import Texts
from edge.ui.view_model import evse_page
from edge.ui.widgets.band import Band
from edge.ui.widgets.figure import Figure
from edge.ui.widgets.palette import BANDS
from edge.ui.widgets.qr import Qr
from edge.ui.widgets.text_rows import TextRows
from edge.ui.widgets.touch_target import PLAIN, STRONG, TouchTarget

PERIOD_S = 0.5
STALE_S = 10.0  # a snapshot older than this is no contact: the controller hangs
STARTING_S = 5.0
NOTE_S = 5.0
TOUCHES = 4
_CSS = """
Screen { background: #000000; color: #ffffff; overflow: hidden; layout: horizontal; }
#left { width: 1fr; height: 100%; }
#middle { height: 1fr; }
#bays { height: auto; }
Figure { margin-top: 1; }
.bays { height: 4; margin-bottom: 1; }
#touches { height: 4; }
TouchTarget { margin-right: 1; }
TouchTarget.last { margin-right: 0; }
"""


class DriverScreen(TextualScreen[None], inherit_bindings=False):
    """A screen without Textual's own keys (tab, copy)."""


class DriverApp(App[None], inherit_bindings=False):
    """`evse_id` None: all bays of the site, following what happens. `language` None: the site's first.

    `monotonic_s` and `now` are the clocks, so that tests need not wait.
    """

    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    AUTO_FOCUS: ClassVar[str | None] = None
    CSS = _CSS

    def __init__(self, source: Source, *, evse_id: str | None = None, language: str | None = None,
                 monotonic_s: Callable[[], float] = time.monotonic,
                 now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__()
        self._source, self._evse_id, self._site_language = source, evse_id, language
        self._monotonic_s, self._now = monotonic_s, now
        self._snapshot: Snapshot | None = None
        self._in_contact = False
        self._began_s = monotonic_s()
        self._shown_s = float("-inf")
        self._focus = focusing.Focus()
        self._language: str | None = None  # chosen by a tap
        self._help = False
        self._first_bay = 0
        self._note = ("", float("-inf"))  # message key, until
        self.model: ScreenModel | None = None

    def get_default_screen(self) -> TextualScreen[Any]:
        return DriverScreen(id="_default")

    def compose(self) -> ComposeResult:
        with Vertical(id="left"):
            yield Band()
            with Vertical(id="middle"):
                yield Figure()
                with Vertical(id="bays"):
                    for row in range(PER_PAGE // 2):
                        with Horizontal(classes="bays"):
                            for column in range(2):
                                yield TouchTarget(id=f"bay{2 * row + column}")
                yield TextRows()
            with Horizontal(id="touches"):
                for index in range(TOUCHES):
                    yield TouchTarget(id=f"touch{index}")
        yield Qr()

    def on_mount(self) -> None:
        self.refresh_page()
        self.set_interval(PERIOD_S, self.refresh_page)
        self.run_worker(self._listen(), name="snapshots")

    async def _listen(self) -> None:
        async for snapshot in self._source.snapshots():
            self._in_contact = snapshot is not None
            if snapshot is not None:
                self._snapshot = snapshot
                self._focus = focusing.followed(self._focus, snapshot, self._monotonic_s())
            if self._monotonic_s() - self._shown_s >= PERIOD_S:
                self.refresh_page()

    # what to show

    def refresh_page(self) -> None:
        """Work out the page of this moment and show what changed of it."""
        now_s = self._monotonic_s()
        self._shown_s = now_s
        if self._snapshot is not None:
            self._focus = focusing.followed(self._focus, self._snapshot, now_s)
        self._forget_visitor(now_s)
        model = self._page(now_s)
        if now_s < self._note[1]:
            model = replace(model, notice=Texts(self.language_now()).text(self._note[0]))
        if model != self.model:
            self.model = model
            self._show(model)

    def language_now(self) -> str:
        """The language of this moment: tapped, of the driver's card, or of the site."""
        site = self.site
        evse = self._evse()
        wishes = (self._language, evse.language if evse else None, self._site_language)
        return next((tag for tag in wishes if tag in offered(site)), offered(site)[0])

    def _page(self, now_s: float) -> ScreenModel:
        language, snapshot = self.language_now(), self._snapshot
        if snapshot is None:
            early = now_s - self._began_s < STARTING_S
            return starting_page(language) if early else no_contact_page(None, language)
        if not self._in_contact or now_s - snapshot.mono_ns / 1e9 > STALE_S:
            return no_contact_page(snapshot.site, language)
        if self._help:
            return help_page(snapshot.site, self._evse(), language)
        evse_id = self._evse_id or self._focus.evse_id
        about_card = self._card_page(snapshot, language)
        if about_card is not None:
            return about_card
        if evse_id is None:
            return overview_page(snapshot, language, self._now(), self._first_bay)
        page = evse_page(snapshot, evse_id, language, self._now())
        if self._evse_id is not None:  # one bay's own screen has no list of bays
            page = replace(page, touches=tuple(t for t in page.touches if t.action != "bays"))
        return page

    def _card_page(self, snapshot: Snapshot, language: str) -> ScreenModel | None:
        """What somebody who just showed a card has to know or to say before anything else."""
        choice = choice_for(snapshot, self._evse_id)
        if choice is not None:
            return choice_page(snapshot, choice, choice.language or language, self._now())
        refused = refused_at(snapshot, self._evse_id or self._focus.evse_id)
        if refused is None:
            return None
        return refused_page(snapshot, refused, language, self._now())

    def _evse(self) -> EvseView | None:
        evse_id = self._evse_id or self._focus.evse_id
        evses = self._snapshot.evses if self._snapshot else ()
        return next((e for e in evses if e.id == evse_id), None)

    def _forget_visitor(self, now_s: float) -> None:
        """Back to the site's language and home page, but not while somebody reads a receipt."""
        if now_s - self._focus.touched_s < focusing.IDLE_S:
            return
        self._help, self._first_bay = False, 0
        evse = self._evse()
        if evse is None or evse.screen not in ("stopping", "finished"):
            self._language = None

    def _show(self, model: ScreenModel) -> None:
        self.query_one(Band).show(model.tone, f"{model.symbol} {model.title}", model.clock,
                                  model.sub, model.notice)
        figure = self.query_one(Figure)
        figure.display = bool(model.figure)
        if model.figure:
            figure.show(model.figure, model.unit, model.side)
        self.query_one(TextRows).show(model.lines)
        code = self.query_one(Qr)
        code.display = bool(model.qr)
        code.show(model.qr)
        self._show_bays(model.bays)
        self._show_touches(model.touches)

    def _show_bays(self, bays: tuple[Bay, ...]) -> None:
        self.query_one("#bays").display = bool(bays)
        for number, row in enumerate(self.query(".bays")):
            row.display = 2 * number < len(bays)
        for index in range(PER_PAGE):
            target = self.query_one(f"#bay{index}", TouchTarget)
            target.visible = index < len(bays)
            target.set_class(index % 2 == 1, "last")
            if index < len(bays):
                bay = bays[index]
                target.show(bay.action or f"bay:{bay.evse_id}", (bay.label, bay.state), BANDS[bay.tone])

    def _show_touches(self, touches: tuple[Touch, ...]) -> None:
        for index in range(TOUCHES):
            target = self.query_one(f"#touch{index}", TouchTarget)
            target.display = index < len(touches)
            target.set_class(index == len(touches) - 1, "last")
            if index < len(touches):
                touch = touches[index]
                target.styles.width = f"{touch.weight}fr"
                target.show(touch.action, (touch.label,), STRONG if touch.strong else PLAIN)

    # what people do

    @on(TouchTarget.Tapped)
    def tapped(self, event: TouchTarget.Tapped) -> None:
        """A touch target was pressed."""
        self.do(event.action)

    def do(self, asked: str) -> None:
        """Every action of the view model ends here: "stop", "help", "bay:2", ..."""
        now_s = self._monotonic_s()
        action, _, argument = asked.partition(":")
        self._focus = focusing.kept(self._focus, now_s)
        if action == "language":
            self._switch_language()
        elif action == "help":
            self._help = True
        elif action == "back":
            self._help = False
        elif action == "more":
            self._first_bay += PER_PAGE
        elif action == "bays":
            self._focus = focusing.touched(self._focus, None, now_s)
        elif action == "bay":
            self._focus = focusing.touched(self._focus, argument, now_s)
        elif action == "choose":
            self.run_worker(self._choose(*argument.rsplit(":", 1)), name="choose")
        elif action == "stop":
            self.run_worker(self._stop(), name="stop")
        self.refresh_page()

    def _switch_language(self) -> None:
        site = self.site
        self._language = next_language(site, self.language_now())
        evse = self._evse()
        if evse is not None:
            self.run_worker(self._source.request(
                "ui.language", {"evse_id": evse.id, "language": self._language}), name="language")

    async def _stop(self) -> None:
        evse = self._evse()
        if evse is None:
            return
        self._note = ("notice.stop_sent", self._monotonic_s() + NOTE_S)
        self.refresh_page()
        accepted = await self._source.request("session.stop", {"evse_id": evse.id})
        if not accepted:
            self._note = ("notice.stop_refused", self._monotonic_s() + NOTE_S)
        self.refresh_page()

    async def _choose(self, choice_id: str, evse_id: str) -> None:
        """A refusal means that somebody else was quicker, or that the time was over: it shows."""
        self._focus = focusing.touched(self._focus, evse_id, self._monotonic_s())
        await self._source.request("card.choose", {"choice_id": choice_id, "evse_id": evse_id})

    # what goes wrong

    @property
    def site(self) -> SiteView | None:
        """The site as last heard of."""
        return self._snapshot.site if self._snapshot else None

    @property
    def failure(self) -> Exception | None:
        """What ended the app, if it did not end by itself."""
        return self._exception

    def _print_error_renderables(self) -> None:
        """Textual would print a traceback on a screen that strangers read; the supervisor logs it."""
        self._exit_renderables.clear()
