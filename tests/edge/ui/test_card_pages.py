"""Refusals that are explained, and the choice between bays."""

from looped import looped
from pages_of_screens import LANGUAGES, assert_fits, said

from edge.controller.authorisation.refusal import EXPLAINED, Why
from edge.controller.snapshot import ChoiceView, Screen, Snapshot
from edge.ui.card_pages import choice_for, choice_page, refused_at, refused_page
from edge.ui.screen_model import ScreenModel, Tone
from edge.ui.texts import Texts
from edge.ui.wording import Wording

PHONE = "+46 10 000 00 00"


def refused(shown, message: str, language: str, screen: Screen = Screen.TAP_CARD) -> ScreenModel:
    snapshot = shown.snapshot(shown.evse(screen, message=message))
    evse = refused_at(snapshot, "1")
    assert evse is not None
    return refused_page(snapshot, evse, language, shown.now)


def two_cars(shown, **fields) -> Snapshot:
    choice = ChoiceView(id="c1", reader_id="front", evse_ids=("2", "1"), until_mono_ns=0, **fields)
    return shown.snapshot(shown.evse(Screen.TAP_CARD), shown.evse(Screen.TAP_CARD, "2"),
                          choices=(choice,))


@looped("language", LANGUAGES)
@looped("why", list(Why))
def test_every_refusal_has_words(why: Why, language: str) -> None:
    assert Texts(language).has(f"notice.{why}")


@looped("language", LANGUAGES)
@looped("why", [why for why in Why if Wording.explains(why)])
def test_an_explained_refusal_fits_and_names_the_phone(shown, why: Why, language: str) -> None:
    page = refused(shown, why, language)
    assert_fits(page)
    assert PHONE in said(page)


def test_what_a_page_explains_stays_long_enough_to_be_read() -> None:
    assert {why for why in Why if Wording.explains(why)} == EXPLAINED


def test_a_copied_card_is_told_what_to_do_and_whom_to_call(shown) -> None:
    page = refused(shown, Why.COPY, "en")
    assert page.tone is Tone.TROUBLE
    assert "still" in said(page) and PHONE in said(page)


def test_an_unknown_card_and_a_blocked_one_have_one_page(shown) -> None:
    assert "unknown" not in said(refused(shown, Why.REFUSED, "en")).lower()
    assert "blocked" not in said(refused(shown, Why.REFUSED, "en")).lower()


@looped("screen", [Screen.CHARGING, Screen.PAUSED, Screen.STOPPING, Screen.FAULT, Screen.CHECKING])
def test_somebody_elses_session_is_not_covered(shown, screen: Screen) -> None:
    snapshot = shown.snapshot(shown.evse(screen, message=Why.REFUSED))
    assert refused_at(snapshot, "1") is None
    assert refused_at(snapshot, None) is None


def test_another_bays_refusal_is_not_shown_on_this_ones_own_screen(shown) -> None:
    snapshot = shown.snapshot(shown.evse(Screen.TAP_CARD),
                              shown.evse(Screen.TAP_CARD, "2", message=Why.REFUSED))
    assert refused_at(snapshot, "1") is None
    assert refused_at(snapshot, None) is not None


@looped("language", LANGUAGES)
def test_the_choice_names_the_bays_in_its_order_and_what_happens_without_one(
        shown, language: str) -> None:
    snapshot = two_cars(shown)
    choice = choice_for(snapshot, None)
    assert choice is not None
    page = choice_page(snapshot, choice, language, shown.now)
    assert_fits(page)
    assert [bay.action for bay in page.bays] == ["choose:c1:2", "choose:c1:1"]
    assert "Bay 2" in said(page)


def test_without_an_answer_no_session_ends_and_the_page_says_so(shown) -> None:
    snapshot = two_cars(shown, stops=True)
    page = choice_page(snapshot, snapshot.choices[0], "en", shown.now)
    assert "nothing is stopped" in said(page) and "Bay" not in "".join(line.text for line in page.lines)


def test_only_the_bays_that_a_screen_shows_are_asked_about_there(shown) -> None:
    assert choice_for(two_cars(shown), "3") is None
    assert choice_for(two_cars(shown), "1") is not None
