"""Prices as the station hands them on: by the tariff of the session's start."""

from pathlib import Path

import msgspec

from edge.billing.cdr import CdrFacts, Connector, Place
from edge.controller.events import Header
from edge.controller.idtoken import IdToken
from edge.controller.reading import Reading
from edge.controller.session import Instant, Period, Session
from edge.station.pricing import Pricing, read_tariff, read_tariff_text

EXAMPLE = Path(__file__).parents[3] / "examples" / "tariff.json"
FACTS = CdrFacts(place=Place(
    country_code="SE", party_id="FCT", location_id="SE*FCT*E1", name="x", address="x", city="x",
    country="SWE", latitude="59.00000", longitude="18.00000"),
    connectors=(Connector(evse_uid="1", phases=3),))


def at(second: int) -> Instant:
    utc = f"2026-11-21T10:00:{second:02d}.000Z"
    return Instant(mono_ns=second * 10**9, boot=1, utc=utc, clock_ok=True)


def session(tariff: str, energy_wh: int = 10_000) -> Session:
    def reading(wh: int, second: int) -> Reading:
        return Reading(meter_id="m", mono_ns=second * 10**9, energy_import_wh=wh)
    return Session(
        transaction_id="t", evse_id="1", token=IdToken(ref="a" * 32), began=at(0), plug_seq=1,
        tariff=tariff, start_reading=reading(0, 0), end_reading=reading(energy_wh, 50), ended=at(50),
        last_wh=energy_wh, periods=(Period(start=at(0), energy_wh=0, charging=True),))


def doubled(text: str) -> str:
    tariff = msgspec.json.decode(text)
    for element in tariff["elements"]:
        for component in element["price_components"]:
            component["price"] *= 2
    return msgspec.json.encode(tariff).decode()


def test_a_session_is_priced_by_the_tariff_of_its_start_whatever_the_file_says_now():
    pricing = Pricing(read_tariff(EXAMPLE), "Europe/Stockholm", FACTS)
    text = read_tariff_text(EXAMPLE)
    now = float(pricing.price("1", session("")).total_incl_vat)
    assert float(pricing.price("1", session(text)).total_incl_vat) == now > 0
    assert float(pricing.price("1", session(doubled(text))).total_incl_vat) == 2 * now


def test_the_running_cost_follows_the_same_tariff_and_is_unknown_without_a_clock():
    pricing = Pricing(read_tariff(EXAMPLE), "Europe/Stockholm", FACTS)
    header = Header(mono_ns=50 * 10**9, boot=1, fresh_id="x", utc=at(50).utc, clock_ok=True)
    running = msgspec.structs.replace(session(doubled(read_tariff_text(EXAMPLE))), end_reading=None,
                                      ended=None)
    cost = pricing.cost_so_far(running, header)
    assert cost is not None and float(cost) > float(pricing.price("1", session("")).total_incl_vat)
    assert pricing.cost_so_far(running, msgspec.structs.replace(header, utc=None)) is None
