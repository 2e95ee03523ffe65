from types import SimpleNamespace

import pytest
from pages_of_screens import LANGUAGES, assert_fits, said

from edge.controller.faults import FaultCode
from edge.controller.snapshot import Screen
from edge.ui.overview import overview_page


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("count", [2, 3, 4, 9])
def test_the_overview_fits_and_counts_the_free_bays(
        language: str, count: int, shown: SimpleNamespace) -> None:
    for screen in Screen:
        evses = [shown.evse(screen, str(n), **shown.LIVE, faults=(shown.fault(FaultCode.DIODE),))
                 for n in range(1, count)]
        snapshot = shown.snapshot(*evses, shown.evse(Screen.AVAILABLE, str(count)))
        page = overview_page(snapshot, language, shown.now)
        assert_fits(page)
        free = count if screen is Screen.AVAILABLE else 1
        assert str(free) in page.sub.split()
        assert str(count) in page.sub.split()
        assert any(t.action == "more" for t in page.touches) == (count > 4)


def test_pages_of_the_overview_follow_each_other(shown: SimpleNamespace) -> None:
    snapshot = shown.snapshot(*(shown.evse(Screen.AVAILABLE, str(n)) for n in range(1, 7)))
    assert [b.evse_id for b in overview_page(snapshot, "en", shown.now, 4).bays] == ["5", "6"]
    assert [b.evse_id for b in overview_page(snapshot, "en", shown.now, 8).bays] == list("1234")


def test_the_overview_tells_an_accepted_card_to_plug_in(shown: SimpleNamespace) -> None:
    page = overview_page(shown.snapshot(shown.evse(Screen.PLUG_IN), shown.evse(Screen.PLUG_IN, "2")),
                         "sv", shown.now)
    assert "Anslut kabeln till bilen" in said(page)
    assert "4,90 kr/kWh" in said(page)
