from types import SimpleNamespace

from edge.controller.snapshot import Screen, Snapshot
from edge.ui.focus import HOLD_S, IDLE_S, Focus, followed, kept, touched


def site(shown: SimpleNamespace, one: Screen, two: Screen, message: str | None = None) -> Snapshot:
    return shown.snapshot(shown.evse(one, "1", message=message), shown.evse(two, "2"))


def test_a_site_with_one_bay_shows_it(shown: SimpleNamespace) -> None:
    assert followed(Focus(), shown.snapshot(shown.evse(Screen.AVAILABLE)), 0.0).evse_id == "1"


def test_it_begins_with_the_overview_or_the_only_bay_in_use(shown: SimpleNamespace) -> None:
    idle = site(shown, Screen.AVAILABLE, Screen.AVAILABLE)
    assert followed(Focus(), idle, 0.0).evse_id is None
    busy = site(shown, Screen.AVAILABLE, Screen.CHARGING)
    assert followed(Focus(), busy, 0.0).evse_id == "2"


def test_it_follows_the_bay_where_something_happened(shown: SimpleNamespace) -> None:
    focus = followed(Focus(), site(shown, Screen.AVAILABLE, Screen.AVAILABLE), 0.0)
    focus = followed(focus, site(shown, Screen.AVAILABLE, Screen.TAP_CARD), 1.0)
    assert focus.evse_id == "2"
    focus = followed(focus, site(shown, Screen.TAP_CARD, Screen.TAP_CARD), 2.0)
    assert focus.evse_id == "1"


def test_a_touch_holds_its_page_against_other_bays(shown: SimpleNamespace) -> None:
    focus = followed(Focus(), site(shown, Screen.CHARGING, Screen.AVAILABLE), 0.0)
    focus = touched(focus, "1", 100.0)
    after = followed(focus, site(shown, Screen.CHARGING, Screen.TAP_CARD), 101.0)
    assert after.evse_id == "1"
    late = followed(focus, site(shown, Screen.CHARGING, Screen.TAP_CARD), 100.0 + HOLD_S)
    assert late.evse_id == "2"


def test_a_change_of_several_bays_at_once_shows_all(shown: SimpleNamespace) -> None:
    focus = followed(Focus(), site(shown, Screen.AVAILABLE, Screen.AVAILABLE), 0.0)
    focus = followed(focus, site(shown, Screen.PLUG_IN, Screen.PLUG_IN), 1.0)
    assert focus.evse_id is None


def test_a_note_does_not_move_the_page_that_shows_it(shown: SimpleNamespace) -> None:
    focus = followed(Focus(), site(shown, Screen.CHARGING, Screen.AVAILABLE), 0.0)
    focus = followed(focus, site(shown, Screen.CHARGING, Screen.AVAILABLE, "card_busy"), 30.0)
    assert focus.evse_id == "1"


def test_after_a_quiet_minute_it_goes_home(shown: SimpleNamespace) -> None:
    both = site(shown, Screen.CHARGING, Screen.CHARGING)
    focus = kept(touched(followed(Focus(), both, 0.0), "1", 0.0), 10.0)
    assert followed(focus, both, 10.0 + IDLE_S - 1).evse_id == "1"
    assert followed(focus, both, 10.0 + IDLE_S).evse_id is None


def test_a_bay_that_is_gone_after_a_restart_is_not_shown(shown: SimpleNamespace) -> None:
    focus = touched(Focus(), "9", 0.0)
    assert followed(focus, site(shown, Screen.AVAILABLE, Screen.AVAILABLE), 1.0).evse_id is None
