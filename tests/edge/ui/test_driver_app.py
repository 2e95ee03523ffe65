from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from textual.pilot import Pilot

from edge.controller.faults import FaultCode
from edge.controller.snapshot import ChoiceView, Screen, Snapshot
from edge.ui.driver_app import PERIOD_S, STALE_S, STARTING_S, DriverApp
from edge.ui.focus import IDLE_S
from edge.ui.widgets.painted import Painted
from edge.ui.widgets.touch_target import TouchTarget

GRIDS = [(50, 15), (80, 24)]
KEYS = ("q", "escape", "tab", "enter", "space", "ctrl+q", "ctrl+c", "ctrl+p", "ctrl+z", "ctrl+d",
        "f1", "up", "pagedown")
WORDS = {
    Screen.AVAILABLE: ("LEDIG", "Anslut kabeln eller visa kortet"),
    Screen.PLUG_IN: ("ANSLUT KABELN", "Anslut kabeln till bilen"),
    Screen.TAP_CARD: ("VISA KORTET", "Visa kortet för läsaren"),
    Screen.CHECKING: ("KONTROLLERAR", "Mätaren läses av"),
    Screen.WAITING_FOR_CAR: ("VÄNTAR PÅ BILEN", "Bilen bestämmer"),
    Screen.CHARGING: ("LADDAR", "114,70 kr", "10,9 kW", "STOPPA"),
    Screen.PAUSED: ("PAUSAD", "Andra bilar laddar"),
    Screen.REPLUG: ("KABELN LOSSNADE", "Sätt i kabeln igen."),
    Screen.STOPPING: ("STOPPAR", "Vänta"),
    Screen.FINISHED: ("KLART", "Totalt inkl. moms", "122,72 kr"),
    Screen.FAULT: ("FEL", "F201", "+46 10 000 00 00"),
}


def text_of(app: DriverApp) -> str:
    """What the cells of the screen say."""
    return "\n".join("".join(segment.text for segment in strip)
                     for strip in app.screen._compositor.render_strips())


async def show(app: DriverApp, pilot: Pilot[None], source: Any, snapshot: Snapshot | None) -> None:
    source.give(snapshot)
    await pilot.pause()
    app.refresh_page()
    await pilot.pause()


async def tap(pilot: Pilot[None], app: DriverApp, action: str) -> None:
    """Touch the visible target of an action."""
    target = next(t for t in app.query(TouchTarget)
                  if t.action == action and t.display and t.is_on_screen)
    await pilot.click(target)
    await pilot.pause()


def fresh(shown: SimpleNamespace, clock: Any, *evses: Any, **fields: Any) -> Snapshot:
    snapshot: Snapshot = shown.snapshot(*evses, mono_ns=int(clock.s * 1e9), **fields)
    return snapshot


@pytest.mark.stories
@pytest.mark.parametrize("size", GRIDS)
async def test_every_screen_shows_its_words_with_every_target_inside(
        size: tuple[int, int], make_app: Callable[..., DriverApp], source: Any,
        clock: Any, shown: SimpleNamespace) -> None:
    app = make_app()
    async with app.run_test(size=size) as pilot:
        for screen in Screen:
            faults = (shown.fault(FaultCode.CONTACTOR_WELDED),) if screen is Screen.FAULT else ()
            evse = shown.evse(screen, **shown.LIVE, receipt=shown.RECEIPT, faults=faults)
            await show(app, pilot, source, fresh(shown, clock, evse))
            assert [w for w in WORDS[screen] if w not in text_of(app)] == []
            for _ in ("sv", "en"):
                assert_inside(app)
                app.do("language")
                await pilot.pause()


def assert_inside(app: DriverApp) -> None:
    """Every target is large enough and wholly on the screen, and nothing scrolls."""
    targets = [t for t in app.query(TouchTarget) if t.display and t.is_on_screen]
    assert targets[0].action == "language"
    for target in targets:
        assert target.region.height >= 4
        assert target.region.width >= 7
    for widget in app.query(Painted):
        assert app.screen.region.contains_region(widget.region)
    assert app.screen.max_scroll_y == app.screen.max_scroll_x == 0


async def test_no_key_does_anything(make_app: Callable[..., DriverApp], source: Any, clock: Any,
                                    shown: SimpleNamespace) -> None:
    app = make_app()
    async with app.run_test(size=(50, 15)) as pilot:
        await show(app, pilot, source, fresh(shown, clock, shown.evse(Screen.CHARGING, **shown.LIVE)))
        before = text_of(app)
        for key in KEYS:
            await pilot.press(key)
        await pilot.pause()
        assert app.is_running
        assert text_of(app) == before
        assert app.focused is None
        assert source.requests == []


async def test_the_numbers_are_live_and_at_most_twice_a_second(
        make_app: Callable[..., DriverApp], source: Any, clock: Any, shown: SimpleNamespace) -> None:
    app = make_app()

    def charging(cost: str) -> Snapshot:
        return fresh(shown, clock, shown.evse(Screen.CHARGING, **{**shown.LIVE, "cost_incl_vat": cost}))

    async with app.run_test(size=(50, 15)) as pilot:
        await show(app, pilot, source, charging("1.00"))
        assert "1,00 kr" in text_of(app)
        app._shown_s = clock.s
        source.give(charging("2.00"))
        await pilot.pause()
        assert "2,00 kr" not in text_of(app)
        clock.s += PERIOD_S
        source.give(charging("3.00"))
        await pilot.pause()
        assert "3,00 kr" in text_of(app)


async def test_what_did_not_change_is_not_painted_again(
        make_app: Callable[..., DriverApp], source: Any, clock: Any, shown: SimpleNamespace) -> None:
    app = make_app()
    async with app.run_test(size=(50, 15)) as pilot:
        await show(app, pilot, source, fresh(shown, clock, shown.evse(Screen.CHARGING, **shown.LIVE)))
        app.refresh_page()
        assert due(app) == set()
        more = {**shown.LIVE, "energy_wh": 23_999}
        app._snapshot = fresh(shown, clock, shown.evse(Screen.CHARGING, **more))
        app.refresh_page()
        assert due(app) == {"Figure"}


def due(app: DriverApp) -> set[str]:
    """Widgets that will be painted again."""
    return {type(widget).__name__ for widget in app.query(Painted) if widget._repaint_required}


async def test_stop_asks_the_controller_and_says_so(
        make_app: Callable[..., DriverApp], source: Any, clock: Any, shown: SimpleNamespace) -> None:
    app = make_app()
    async with app.run_test(size=(50, 15)) as pilot:
        await show(app, pilot, source, fresh(shown, clock, shown.evse(Screen.CHARGING, **shown.LIVE)))
        await tap(pilot, app, "stop")
        assert source.requests == [("session.stop", {"evse_id": "1"})]
        assert "Stoppar …" in text_of(app)
        source.accepts = False
        await tap(pilot, app, "stop")
        assert "Stoppa med kortet eller i bilen." in text_of(app)


async def test_a_card_that_may_mean_two_bays_is_asked_about_and_the_answer_sent(
        make_app: Callable[..., DriverApp], source: Any, clock: Any, shown: SimpleNamespace) -> None:
    app = make_app()
    cars = (shown.evse(Screen.TAP_CARD), shown.evse(Screen.TAP_CARD, "2"))
    choice = ChoiceView(id="c:1", reader_id="front", evse_ids=("1", "2"), until_mono_ns=0)
    async with app.run_test(size=(50, 15)) as pilot:
        await show(app, pilot, source, fresh(shown, clock, *cars, choices=(choice,)))
        assert "VILKEN PLATS?" in text_of(app)
        assert app.model is not None
        await tap(pilot, app, app.model.bays[1].action)
        assert source.requests == [("card.choose", {"choice_id": "c:1", "evse_id": "2"})]
        await show(app, pilot, source, fresh(shown, clock, *cars))
        assert "VILKEN PLATS?" not in text_of(app)


async def test_a_language_that_was_tapped_is_forgotten_after_a_quiet_minute(
        make_app: Callable[..., DriverApp], source: Any, clock: Any, shown: SimpleNamespace) -> None:
    app = make_app()
    async with app.run_test(size=(50, 15)) as pilot:
        await show(app, pilot, source, fresh(shown, clock, shown.evse(Screen.AVAILABLE)))
        await tap(pilot, app, "language")
        assert "AVAILABLE" in text_of(app)
        assert source.requests == [("ui.language", {"evse_id": "1", "language": "en"})]
        clock.s += IDLE_S
        await show(app, pilot, source, fresh(shown, clock, shown.evse(Screen.AVAILABLE)))
        assert "LEDIG" in text_of(app)


async def test_a_receipt_keeps_its_language_until_the_driver_leaves(
        make_app: Callable[..., DriverApp], source: Any, clock: Any, shown: SimpleNamespace) -> None:
    app = make_app()
    finished = shown.evse(Screen.FINISHED, receipt=shown.RECEIPT)
    async with app.run_test(size=(50, 15)) as pilot:
        await show(app, pilot, source, fresh(shown, clock, finished))
        await tap(pilot, app, "language")
        clock.s += IDLE_S
        await show(app, pilot, source, fresh(shown, clock, finished))
        assert "FINISHED" in text_of(app)


async def test_the_language_of_the_card_is_used(
        make_app: Callable[..., DriverApp], source: Any, clock: Any, shown: SimpleNamespace) -> None:
    app = make_app()
    async with app.run_test(size=(50, 15)) as pilot:
        await show(app, pilot, source, fresh(shown, clock, shown.evse(Screen.CHECKING, language="en")))
        assert "CHECKING" in text_of(app)


async def test_help_has_the_number_and_goes_back(
        make_app: Callable[..., DriverApp], source: Any, clock: Any, shown: SimpleNamespace) -> None:
    app = make_app()
    async with app.run_test(size=(50, 15)) as pilot:
        await show(app, pilot, source, fresh(shown, clock, shown.evse(Screen.AVAILABLE)))
        await tap(pilot, app, "help")
        assert "+46 10 000 00 00" in text_of(app)
        assert "▀" in text_of(app)
        await tap(pilot, app, "back")
        assert "LEDIG" in text_of(app)


async def test_several_bays_have_an_overview_that_opens_them(
        make_app: Callable[..., DriverApp], source: Any, clock: Any, shown: SimpleNamespace) -> None:
    app = make_app()
    bays = [shown.evse(Screen.AVAILABLE, str(n)) for n in range(1, 6)]
    async with app.run_test(size=(50, 15)) as pilot:
        await show(app, pilot, source, fresh(shown, clock, *bays))
        assert "VÄLJ PLATS" in text_of(app)
        assert "5 av 5" in text_of(app)
        await tap(pilot, app, "more")
        await tap(pilot, app, "bay:5")
        assert "LEDIG · Bay 5" in text_of(app)
        await tap(pilot, app, "bays")
        assert "VÄLJ PLATS" in text_of(app)


async def test_a_screen_of_one_bay_ignores_the_others(
        make_app: Callable[..., DriverApp], source: Any, clock: Any, shown: SimpleNamespace) -> None:
    app = make_app(evse_id="2")
    async with app.run_test(size=(50, 15)) as pilot:
        bays = (shown.evse(Screen.CHARGING, "1", **shown.LIVE), shown.evse(Screen.AVAILABLE, "2"))
        await show(app, pilot, source, fresh(shown, clock, *bays))
        assert "LEDIG · Bay 2" in text_of(app)
        assert "Platser" not in text_of(app)


async def test_lost_contact_is_said_with_the_number_and_heals(
        make_app: Callable[..., DriverApp], source: Any, clock: Any, shown: SimpleNamespace) -> None:
    app = make_app()
    charging = shown.evse(Screen.CHARGING, **shown.LIVE)
    async with app.run_test(size=(50, 15)) as pilot:
        await show(app, pilot, source, fresh(shown, clock, charging))
        await show(app, pilot, source, None)
        assert "INGEN KONTAKT" in text_of(app)
        assert "+46 10 000 00 00" in text_of(app)
        await show(app, pilot, source, fresh(shown, clock, charging))
        assert "LADDAR" in text_of(app)


async def test_a_controller_that_hangs_is_no_contact(
        make_app: Callable[..., DriverApp], source: Any, clock: Any, shown: SimpleNamespace) -> None:
    app = make_app()
    async with app.run_test(size=(50, 15)) as pilot:
        await show(app, pilot, source, fresh(shown, clock, shown.evse(Screen.CHARGING, **shown.LIVE)))
        clock.s += STALE_S + 1
        app.refresh_page()
        await pilot.pause()
        assert "INGEN KONTAKT" in text_of(app)
        assert "23,4" not in text_of(app)


async def test_before_the_first_contact(make_app: Callable[..., DriverApp], clock: Any) -> None:
    app = make_app(language="sv")
    async with app.run_test(size=(50, 15)) as pilot:
        assert "STARTAR" in text_of(app)
        clock.s += STARTING_S
        app.refresh_page()
        await pilot.pause()
        assert "INGEN KONTAKT" in text_of(app)
