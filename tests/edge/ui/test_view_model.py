from types import SimpleNamespace

import pytest
from looped import looped
from msgspec.structs import replace
from pages_of_screens import LANGUAGES, assert_fits, said

from edge.controller.catalogue import CATALOGUE
from edge.controller.faults import FaultCode, Severity
from edge.controller.snapshot import PriceLine, ReceiptView, Screen
from edge.ui.overview import overview_page
from edge.ui.plain_pages import help_page
from edge.ui.screen_model import Tone
from edge.ui.view_model import evse_page

MANY_PRICES = (
    PriceLine(dimension="ENERGY", price_incl_vat="4.905", note="07:00-20:00"),
    PriceLine(dimension="ENERGY", price_incl_vat="3.495", note="20:00-07:00"),
    PriceLine(dimension="TIME", price_incl_vat="0.25"),
    PriceLine(dimension="PARKING_TIME", price_incl_vat="1.50", note="07:00-20:00"),
    PriceLine(dimension="FLAT", price_incl_vat="12.50"),
)
LONG_PRICES = (
    PriceLine(dimension="ENERGY", price_incl_vat="12.95"),
    PriceLine(dimension="PARKING_TIME", price_incl_vat="0.25", note=">2 h"),
    PriceLine(dimension="FLAT", price_incl_vat="12.50"),
)


@pytest.mark.parametrize("language", LANGUAGES)
@looped("screen", Screen)
def test_every_screen_fits_in_every_language(
        screen: Screen, language: str, shown: SimpleNamespace) -> None:
    long = {"energy_wh": 123_456, "power_w": 21_999.0, "cost_incl_vat": "1114.70",
            "duration_s": 86_000, "token_last4": "4F2A", "offered_a": 10.5}
    for fields in (
        {}, shown.LIVE, {**long, "because": "circuit:row-a"}, {**long, "because": "cable"},
        {**long, "because": "new-limit"}, {**long, "because": "temperature:cabinet"},
        {**long, "because": "limit:grid"}, {**long, "offered_a": 0.0, "because": "request"},
        {"offered_a": 0.0, "because": "stagger"}, {"offered_a": 0.0, "because": "rest"},
        {**long, "offered_a": 0.0, "because": "temperature:cabinet"},
        {**long, "offered_a": 0.0, "because": "limit"},
        {**long, "offered_a": 0.0, "because": "circuit"},
        {"price": ()}, {"price": MANY_PRICES}, {"price": LONG_PRICES},
        {**shown.LIVE, "charging_state": "SuspendedEV"}, {"receipt": shown.RECEIPT},
        {"receipt": replace(shown.RECEIPT, stop_reason="GroundFault")},
        {"receipt": replace(shown.RECEIPT, stop_reason="EnergyLimitReached")},
        {"receipt": replace(shown.RECEIPT, total_incl_vat=None)}, {"state": "Unavailable"},
        {"message": "card_refused"}, {"message": "card_busy"}, {"message": "no_such_message"},
    ):
        evse = shown.evse(screen, **fields)
        for evses in ((evse,), (evse, shown.evse(Screen.AVAILABLE, "2"))):
            assert_fits(evse_page(shown.snapshot(*evses), "1", language, shown.now))


@pytest.mark.parametrize("language", LANGUAGES)
@looped("code", FaultCode)
def test_every_fault_fits_on_every_page_where_it_shows(
        code: FaultCode, language: str, shown: SimpleNamespace) -> None:
    fault = shown.fault(code)
    for screen in (Screen.FAULT, Screen.PAUSED, Screen.AVAILABLE):
        evse = shown.evse(screen, "12", faults=(fault,))
        page = evse_page(shown.snapshot(evse, faults=(fault,)), "12", language, shown.now)
        assert_fits(page)
        help_ = help_page(shown.snapshot(evse).site, evse, language)
        assert_fits(help_)
        assert code.value in said(help_)
    fault_page = evse_page(shown.snapshot(shown.evse(Screen.FAULT, faults=(fault,))), "1", language,
                           shown.now)
    notice = CATALOGUE[code].severity is Severity.NOTICE
    assert fault_page.tone is (Tone.ACTION if notice else Tone.TROUBLE)
    words = said(fault_page).replace("\n", " ")
    assert code.value in words
    assert "+46 10 000 00 00" in words


@pytest.mark.parametrize(("because", "expected"), [
    ("evse", "Bilen bestämmer när laddningen börjar."), ("stagger", "Laddningen börjar strax."),
    ("circuit", "Andra bilar laddar."),
])
def test_a_car_that_is_offered_nothing_is_not_told_that_it_decides(
        because: str, expected: str, shown: SimpleNamespace) -> None:
    offered = 16.0 if because == "evse" else 0.0
    evse = shown.evse(Screen.WAITING_FOR_CAR, because=because, offered_a=offered)
    page = evse_page(shown.snapshot(evse), "1", "sv", shown.now)
    assert expected in " ".join(said(page).split())
    assert page.title.startswith("VÄNTAR PÅ BILEN" if because == "evse" else "VÄNTAR ·")
    assert ("bestämmer" in said(page)) is (because == "evse")


@pytest.mark.parametrize(("because", "expected"), [
    ("temperature:terminals", "varmt, högst 10 A"), ("limit:grid", "högst 10 A just nu"),
    ("circuit:row-a", "effekten delas, högst 10 A"),
])
def test_less_current_says_why(because: str, expected: str, shown: SimpleNamespace) -> None:
    evse = shown.evse(Screen.CHARGING, **{**shown.LIVE, "offered_a": 10.0, "because": because})
    assert expected in evse_page(shown.snapshot(evse), "1", "sv", shown.now).unit


def test_a_charger_that_is_hot_says_so_while_it_charges(shown: SimpleNamespace) -> None:
    evse = shown.evse(Screen.CHARGING, faults=(shown.fault(FaultCode.HOT),), **shown.LIVE)
    page = evse_page(shown.snapshot(evse), "1", "sv", shown.now)
    assert page.notice == "Laddaren är varm och ger mindre ström."
    assert page.tone is Tone.BUSY


def test_a_pause_while_hot_is_for_the_fuses_if_they_set_it(shown: SimpleNamespace) -> None:
    evse = shown.evse(Screen.PAUSED, because="circuit", faults=(shown.fault(FaultCode.HOT),))
    assert "Andra bilar laddar" in said(evse_page(shown.snapshot(evse), "1", "sv", shown.now))


def test_hold_off_after_many_closings_says_how_long(shown: SimpleNamespace) -> None:
    evse = shown.evse(Screen.PAUSED, faults=(shown.fault(FaultCode.HAMMERING),))
    assert "fortsätter om några minuter" in said(
        evse_page(shown.snapshot(evse), "1", "sv", shown.now)).replace("\n", " ")


@pytest.mark.parametrize(("code", "title", "tone"), [
    (FaultCode.AUTH_TIMEOUT, "LADDAR INTE", Tone.ACTION),
    (FaultCode.VENTILATION, "LADDAR INTE", Tone.ACTION), (FaultCode.DIODE, "FEL", Tone.TROUBLE),
])
def test_what_is_no_fault_of_the_site_is_not_red(
        code: FaultCode, title: str, tone: Tone, shown: SimpleNamespace) -> None:
    evse = shown.evse(Screen.FAULT, faults=(shown.fault(FaultCode.BOARD_MEMORY), shown.fault(code)))
    snapshot = shown.snapshot(evse, shown.evse(Screen.AVAILABLE, "2"))
    page = evse_page(snapshot, "1", "sv", shown.now)
    assert page.title.startswith(title)
    assert page.tone is overview_page(snapshot, "sv", shown.now).bays[0].tone is tone
    assert code in said(page).replace("\n", " "), "and not the older one that stops nothing"


def test_a_car_that_asks_too_early_is_asked_for_a_card(shown: SimpleNamespace) -> None:
    evse = shown.evse(Screen.TAP_CARD, faults=(shown.fault(FaultCode.CAR_MODE),))
    page = evse_page(shown.snapshot(evse), "1", "en", shown.now)
    assert page.notice == "The car asks for power: show your card."


@pytest.mark.parametrize("code", [FaultCode.CONTACTOR_WORN, FaultCode.FOUND_CLOSED,
                                  FaultCode.BOARD_MEMORY])
def test_what_only_technicians_need_is_not_told_to_drivers(
        code: FaultCode, shown: SimpleNamespace) -> None:
    evse = shown.evse(Screen.AVAILABLE, faults=(shown.fault(code),))
    assert evse_page(shown.snapshot(evse), "1", "sv", shown.now).notice == ""


def test_a_plug_that_came_out_is_asked_back_in(shown: SimpleNamespace) -> None:
    evse = shown.evse(Screen.REPLUG, token_last4="4F2A")
    page = evse_page(shown.snapshot(evse), "1", "sv", shown.now)
    assert (page.tone, page.title) == (Tone.ACTION, "KABELN LOSSNADE · Bay 1")
    assert "Sätt i kabeln igen." in said(page)
    assert not any(t.action == "stop" for t in page.touches), "there is no time to stop anything"


def test_a_receipt_says_that_a_limit_ended_the_session(shown: SimpleNamespace) -> None:
    receipt = replace(shown.RECEIPT, stop_reason="EnergyLimitReached")
    page = evse_page(shown.snapshot(shown.evse(Screen.FINISHED, receipt=receipt)), "1", "sv", shown.now)
    assert "Gränsen för laddningen är nådd." in said(page)
    assert "Ett fel" not in said(page)


@pytest.mark.parametrize(("language", "expected"), [
    ("sv", ["LADDAR · Bay 1", "23,4", "kWh laddat", "114,70 kr", "hittills", "10,9 kW", "2 h 08 min",
            "effekten delas, högst 16 A", "4,90 kr/kWh", "ingen startavgift", "STOPPA", "Kort …4F2A"]),
    ("en", ["CHARGING · Bay 1", "23.4", "kWh charged", "114.70 SEK", "so far", "10.9 kW",
            "sharing power, up to 16 A", "4.90 SEK/kWh", "no start fee", "STOP", "Card …4F2A"]),
])
def test_charging_shows_energy_power_cost_and_why_it_is_slow(
        language: str, expected: list[str], shown: SimpleNamespace) -> None:
    evse = shown.evse(Screen.CHARGING, **shown.LIVE)
    page = evse_page(shown.snapshot(evse), "1", language, shown.now)
    for words in expected:
        assert words in said(page)
    assert page.clock == "14:32"


def test_unknown_values_are_dashes_and_never_zero(shown: SimpleNamespace) -> None:
    page = evse_page(shown.snapshot(shown.evse(Screen.CHARGING)), "1", "sv", shown.now)
    assert page.figure == "-"
    assert [line.text for line in page.side] == ["–", "hittills", "– kW"]


def test_an_outlet_at_its_own_rating_is_not_called_limited(shown: SimpleNamespace) -> None:
    evse = shown.evse(Screen.CHARGING, **{**shown.LIVE, "because": "evse"})
    assert evse_page(shown.snapshot(evse), "1", "sv", shown.now).unit == "kWh laddat"


@pytest.mark.parametrize(("fields", "expected"), [
    ({"charging_state": "SuspendedEV"}, "Bilen har pausat"),
    ({"because": "circuit:row-a"}, "Andra bilar laddar"),
    ({"because": "something"}, "fortsätter av sig"),
    ({"because": "temperature:cabinet"}, "För varmt"),
    ({"because": "request", "charging_state": "SuspendedEV"}, "Driften har pausat"),
    ({"because": "stagger"}, "Strömmen har varit borta"),
    ({"because": "rest", "charging_state": "SuspendedEV"}, "väntar några sekunder"),
    ({"because": "limit"}, "får inte ge ström"),
    ({"because": "cable", "offered_a": 16.0, "charging_state": "SuspendedEV"}, "Bilen har pausat"),
])
def test_a_pause_says_why(fields: dict[str, str], expected: str, shown: SimpleNamespace) -> None:
    page = evse_page(shown.snapshot(shown.evse(Screen.PAUSED, **fields)), "1", "sv", shown.now)
    assert expected in said(page)


def test_a_pause_by_a_fault_names_it(shown: SimpleNamespace) -> None:
    evse = shown.evse(Screen.PAUSED, faults=(shown.fault(FaultCode.METER_SILENT),))
    page = evse_page(shown.snapshot(evse), "1", "sv", shown.now)
    assert page.notice == "Elmätaren svarar inte."
    assert "när felet är borta" in said(page)


@pytest.mark.parametrize("screen", [Screen.AVAILABLE, Screen.PLUG_IN, Screen.TAP_CARD])
def test_the_price_is_large_before_the_start(screen: Screen, shown: SimpleNamespace) -> None:
    page = evse_page(shown.snapshot(shown.evse(screen)), "1", "sv", shown.now)
    assert page.figure == "4,90"
    assert page.unit == "kr per kWh, inkl. moms"
    assert page.lines[0].text == "1,00 kr/min utan laddning · ingen startavgift"


def test_long_prices_move_the_action_beside_the_large_one(shown: SimpleNamespace) -> None:
    page = evse_page(shown.snapshot(shown.evse(Screen.AVAILABLE, price=LONG_PRICES)), "1", "sv",
                     shown.now)
    assert page.figure == "12,95"
    assert [line.text for line in page.side] == ["Anslut kabeln", "eller visa", "kortet"]
    assert [line.text for line in page.lines] == ["0,25 kr/min utan laddning (>2 h)",
                                                  "startavgift 12,50 kr"]


def test_a_price_by_the_clock_is_written_out(shown: SimpleNamespace) -> None:
    page = evse_page(shown.snapshot(shown.evse(Screen.AVAILABLE, price=MANY_PRICES)), "1", "en",
                     shown.now)
    assert page.figure == ""
    words = said(page)
    for part in ("4.905 SEK/kWh (07:00-20:00)", "0.25 SEK/min", "start fee 12.50 SEK"):
        assert part in words
    assert "no start fee" not in words


def test_the_receipt_has_every_part_of_the_price(shown: SimpleNamespace) -> None:
    evse = shown.evse(Screen.FINISHED, receipt=shown.RECEIPT)
    page = evse_page(shown.snapshot(evse), "1", "sv", shown.now)
    rows = {line.text: line.right for line in page.lines if line.right}
    assert rows == {"Energi 23,412 kWh": "114,72 kr", "Startavgift": "5,00 kr",
                    "Uppställd utan att ladda": "3,00 kr", "Totalt inkl. moms": "122,72 kr",
                    "varav moms 25 %": "24,54 kr",
                    "12:24–14:32, 2 h 08 min": "Kvitto 9a77c1d2"}
    assert "Mätare 4512,338 → 4535,750 kWh" in said(page)


@pytest.mark.parametrize(("changes", "expected"), [
    ({"end_estimated": True}, ["Mätare 4512,338 → 4535,750 kWh, uppskattat"]),
    ({"start_estimated": True, "end_estimated": True}, ["Mätare 4512,338 → 4535,750 kWh, uppskattat"]),
    ({"spans": ((4512338, 4530000), (0, 5750)), "start_estimated": True},
     ["Mätare 4512,338 → 4530,000 kWh, uppskattat", "Ny mätare 0,000 → 5,750 kWh"]),
    ({"spans": ((0, 1),) * 3}, ["Mätaren började om flera gånger"]),
    ({"spans": ((0, 1),) * 3, "end_estimated": True}, ["Mätaren började om flera gånger, uppskattat"]),
])
def test_the_receipt_says_what_is_estimated_and_that_the_meter_is_another_one(
        changes: dict[str, object], expected: list[str], shown: SimpleNamespace) -> None:
    evse = shown.evse(Screen.FINISHED, receipt=replace(shown.RECEIPT, **changes))
    page = evse_page(shown.snapshot(evse), "1", "sv", shown.now)
    assert [line.text for line in page.lines if "ätare" in line.text] == expected
    assert page.lines[-1].right or any("Kvitto" in line.right for line in page.lines)


@pytest.mark.parametrize(("state", "expected", "free"), [
    ("Occupied", "Dra ut kabeln. Tack!", "0"), ("Available", "Tack! Kör försiktigt.", "1")])
def test_a_receipt_that_stays_after_unplugging_asks_for_nothing(
        state: str, expected: str, free: str, shown: SimpleNamespace) -> None:
    evse = shown.evse(Screen.FINISHED, receipt=shown.RECEIPT, state=state)
    page = evse_page(shown.snapshot(evse), "1", "sv", shown.now)
    assert expected in [line.text for line in page.lines]
    busy = shown.evse(Screen.CHARGING, "2")
    assert overview_page(shown.snapshot(evse, busy), "sv", shown.now).sub.startswith(free)


def test_a_limit_of_the_whole_price_is_a_row_of_the_receipt(shown: SimpleNamespace) -> None:
    lines = (("ENERGY", "1.00"), ("MIN_PRICE", "9.00"), ("VAT 25", "2.00"))
    evse = shown.evse(Screen.FINISHED, receipt=replace(shown.RECEIPT, lines=lines))
    page = evse_page(shown.snapshot(evse), "1", "sv", shown.now)
    assert ("Minsta pris", "9,00 kr") in [(line.text, line.right) for line in page.lines]


def test_a_session_without_energy_says_that_it_costs_nothing(shown: SimpleNamespace) -> None:
    empty = ReceiptView(transaction_id="x", began_utc=None, ended_utc=None, energy_wh=0,
                        start_wh=None, end_wh=None)
    page = evse_page(shown.snapshot(shown.evse(Screen.FINISHED, receipt=empty)), "1", "sv", shown.now)
    assert "inget att betala" in said(page)


def test_the_worst_fault_is_the_one_that_is_told(shown: SimpleNamespace) -> None:
    faults = (shown.fault(FaultCode.METER_SILENT), shown.fault(FaultCode.RESIDUAL_CURRENT))
    page = evse_page(shown.snapshot(shown.evse(Screen.FAULT, faults=faults)), "1", "sv", shown.now)
    assert "Jordfel upptäckt" in said(page)
    assert "genast" in said(page)


@pytest.mark.parametrize(("codes", "expected"), [
    ([FaultCode.CLOUD_OFFLINE], "Ingen kontakt med centralen. Kända kort fungerar."),
    ([FaultCode.CLOUD_OFFLINE, FaultCode.READER_LOST],
     "Kortläsaren fungerar inte. Ring +46 10 000 00 00"),
    ([FaultCode.CLOUD_OFFLINE, FaultCode.CARDS_DAMAGED],
     "Kortlistan saknas. Ring +46 10 000 00 00"),
    ([FaultCode.CLOUD_OFFLINE, FaultCode.JOURNAL_FULL], "Kan inte starta nya laddningar just nu."),
    ([FaultCode.DISK_LOW, FaultCode.CLOCK_UNTRUSTED, FaultCode.JOURNAL_DAMAGED], ""),
    ([], ""),
])
def test_faults_of_the_site_are_told_before_a_start_only(
        codes: list[FaultCode], expected: str, shown: SimpleNamespace) -> None:
    faults = tuple(shown.fault(code, "site") for code in codes)
    idle = shown.snapshot(shown.evse(Screen.AVAILABLE), faults=faults)
    assert evse_page(idle, "1", "sv", shown.now).notice == expected
    busy = shown.snapshot(shown.evse(Screen.CHARGING, **shown.LIVE), faults=faults)
    assert evse_page(busy, "1", "sv", shown.now).notice == ""


@pytest.mark.parametrize(("message", "expected"), [
    ("card_refused", "This card is not accepted here."), ("card_accepted", "Card accepted"),
    ("of_a_newer_controller", ""), (None, ""),
])
def test_passing_notes(message: str | None, expected: str, shown: SimpleNamespace) -> None:
    evse = shown.evse(Screen.AVAILABLE, message=message)
    assert evse_page(shown.snapshot(evse), "1", "en", shown.now).notice == expected


def test_stop_is_there_only_while_there_is_something_to_stop(shown: SimpleNamespace) -> None:
    stoppable = {screen for screen in Screen if any(
        t.action == "stop" for t in evse_page(
            shown.snapshot(shown.evse(screen)), "1", "sv", shown.now).touches)}
    assert stoppable == {Screen.WAITING_FOR_CAR, Screen.CHARGING, Screen.PAUSED}


@pytest.mark.parametrize("screen", list(Screen))
def test_the_language_is_the_first_target_of_every_page(screen: Screen, shown: SimpleNamespace) -> None:
    page = evse_page(shown.snapshot(shown.evse(screen)), "1", "sv", shown.now)
    assert (page.touches[0].action, page.touches[0].label) == ("language", "English")


def test_a_clock_that_is_not_trusted_is_not_shown(shown: SimpleNamespace) -> None:
    snapshot = shown.snapshot(shown.evse(Screen.AVAILABLE), clock_ok=False)
    assert evse_page(snapshot, "1", "sv", shown.now).clock == ""


def test_an_evse_that_the_site_does_not_have_gives_the_phone_number(shown: SimpleNamespace) -> None:
    page = evse_page(shown.snapshot(shown.evse(Screen.AVAILABLE)), "7", "sv", shown.now)
    assert page.page == "no_contact"
    assert "+46 10 000 00 00" in said(page)


def test_a_bay_out_of_service_is_not_offered(shown: SimpleNamespace) -> None:
    evse = shown.evse(Screen.AVAILABLE, state="Unavailable")
    page = evse_page(shown.snapshot(evse), "1", "sv", shown.now)
    assert page.page == "unavailable"
    assert page.figure == ""
    assert overview_page(shown.snapshot(evse, evse), "sv", shown.now).sub.startswith("0 av 2")
