"""The CDR of a session: valid by the specification's own tables, and reproducible from itself."""

import json
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from edge.billing.cdr import CdrFacts, Connector, Place, cdr, decode, encode, evse_id
from edge.billing.cdr_check import problems
from edge.billing.foreign import price_periods
from edge.billing.money import half_up
from edge.billing.price import utc
from edge.billing.sessions import SessionPricer
from edge.controller.idtoken import NOBODY, Source
from edge.controller.reading import Quality
from edge.controller.session import Segment, Session

FACTS = CdrFacts(
    place=Place(country_code="SE", party_id="FCT", location_id="SE*FCT*E0001", name="Hamngatan garage",
                address="Hamngatan 1", city="Stockholm", country="SWE", latitude="59.33258",
                longitude="18.07230", postal_code="111 47"),
    connectors=(Connector(evse_uid="1", phases=3), Connector(evse_uid="2", phases=1)))
PARTS = [("ENERGY", "4.00", {"start_time": "06:00", "end_time": "22:00"}), ("ENERGY", "2.80"),
         ("PARKING_TIME", "12", {"min_duration": 7200}), ("FLAT", "5"), ("TIME", "0.37")]


@pytest.fixture
def finished(session) -> Session:
    periods = [(0, 0, "idle"), (31, 0, "charging"), (9000, 11_000, "idle")]
    return session("2026-03-02T19:59:30Z", periods, 3 * 3600 + 17, 11_001)


@pytest.fixture
def record(finished, tariff) -> bytes:
    return bytes(cdr(SessionPricer(tariff(*PARTS), "Europe/Stockholm").price(finished), FACTS))


def test_is_valid(record: bytes) -> None:
    assert problems(record) == []


def test_is_the_same_every_time(record: bytes, finished, tariff) -> None:
    again = cdr(SessionPricer(tariff(*PARTS), "Europe/Stockholm").price(finished), FACTS)
    assert bytes(again) == record
    assert encode(decode(record)) == record


def test_says_who_let_it_begin_and_that_nobody_showed_a_card(finished, tariff) -> None:
    pricer = SessionPricer(tariff(*PARTS), "Europe/Stockholm")
    for token, source, kind, method, remark in (
            (finished.token, Source.CLOUD, "RFID", "AUTH_REQUEST", ""),
            (finished.token, Source.POLICY, "RFID", "WHITELIST", "not known"),
            (NOBODY, Source.FREE_VEND, "AD_HOC_USER", "WHITELIST", "")):
        record = bytes(cdr(pricer.price(msgspec.structs.replace(
            finished, token=token, source=source)), FACTS))
        table = json.loads(record)
        assert problems(record) == [] and remark in table["remark"]
        assert (table["cdr_token"]["type"], table["auth_method"]) == (kind, method)
        uid = table["cdr_token"]["uid"]
        assert uid == (token.ref or finished.transaction_id) == table["cdr_token"]["contract_id"]


def test_says_what_the_session_was(record: bytes) -> None:
    table = json.loads(record, parse_float=Decimal)
    assert table["total_energy"] == Decimal("11.001")
    assert (table["country_code"], table["party_id"], table["currency"]) == ("SE", "FCT", "SEK")
    assert table["cdr_token"]["uid"] == "ab" * 16
    assert table["cdr_location"]["evse_id"] == "SE*FCT*E0001*1"
    assert table["last_updated"] == table["end_date_time"] == "2026-03-02T22:59:47Z"
    assert table["remark"] == "Local"
    assert [p["start_date_time"][11:19] for p in table["charging_periods"]] == [
        "19:59:30", "20:00:01", "21:00:00", "21:59:30", "22:29:30"]


def test_anybody_can_price_it_again_from_what_it_holds(record: bytes) -> None:
    sent = decode(record)
    bill, warnings = price_periods(
        sent.charging_periods, start=utc(sent.start_date_time), end=utc(sent.end_date_time),
        tariffs=sent.tariffs, zone=ZoneInfo("Europe/Stockholm"))
    assert warnings == ()
    assert (half_up(bill.excl_vat, 2), half_up(bill.incl_vat, 2)) == (
        sent.total_cost.excl_vat, sent.total_cost.incl_vat)


def test_a_session_without_energy_is_a_valid_cdr_of_nothing(session, tariff) -> None:
    empty = session("2026-03-02T10:00:00Z", [(0, 0, "idle")], 60, 0)
    record = bytes(cdr(SessionPricer(tariff(*PARTS), "UTC").price(empty), FACTS))
    assert problems(record) == []
    assert json.loads(record)["total_cost"] == {"excl_vat": 0.0, "incl_vat": 0.0}
    assert "total_fixed_cost" not in json.loads(record)


def test_a_session_of_no_time_at_all_is_valid(session, tariff) -> None:
    record = bytes(cdr(SessionPricer(tariff(*PARTS), "UTC").price(
        session("2026-03-02T10:00:00Z", [], 0, 0)), FACTS))
    assert problems(record) == []


def test_holds_the_tariff_in_2_2_1_even_if_it_was_entered_with_vat(session, tariff) -> None:
    gross = tariff(("ENERGY", "3.99"), tax_included="YES")
    sent = decode(bytes(cdr(SessionPricer(gross, "UTC").price(
        session("2026-03-02T10:00:00Z", [(0, 0, "charging")], 60, 1000)), FACTS)))
    assert sent.tariffs[0].tax_included is None
    assert sent.tariffs[0].elements[0].price_components[0].price == Decimal("3.192")


def test_says_when_the_clock_was_not_known(finished, tariff) -> None:
    blind = msgspec.structs.replace(
        finished, began=msgspec.structs.replace(finished.began, clock_ok=False))
    sent = decode(bytes(cdr(SessionPricer(tariff(*PARTS), "UTC").price(blind), FACTS)))
    assert sent.remark == "Local, clock not synchronised"


def test_refuses_an_evse_that_it_knows_nothing_of(finished, tariff) -> None:
    stranger = msgspec.structs.replace(finished, evse_id="9")
    with pytest.raises(LookupError, match="got evse '9', expected one of 1, 2"):
        cdr(SessionPricer(tariff(*PARTS), "UTC").price(stranger), FACTS)


@pytest.mark.parametrize("site, own, expected", [
    ("SE*FCT*E0001", "bay-2", "SE*FCT*E0001*BAY2"), ("SEFCTE0001", "2", "SEFCTE00012")])
def test_makes_an_emi3_id_of_site_and_evse(site: str, own: str, expected: str) -> None:
    assert evse_id(site, own) == expected


def without(*path: str) -> Any:
    def spoil(table: dict[str, Any]) -> None:
        for part in path[:-1]:
            table = table[part]
        del table[path[-1]]
    return spoil


def replaced(value: object, *path: str | int) -> Any:
    def spoil(table: Any) -> None:
        for part in path[:-1]:
            table = table[part]
        table[path[-1]] = value
    return spoil


@pytest.mark.parametrize("spoil, where", [
    (without("id"), "cdr.id: missing"),
    (without("cdr_location", "coordinates"), "cdr.cdr_location.coordinates: missing"),
    (without("cdr_token", "contract_id"), "cdr.cdr_token.contract_id: missing"),
    (replaced("11.0", "total_energy"), "cdr.total_energy: '11.0' is not a JSON number"),
    (replaced("4.00", "total_cost", "excl_vat"),
     "cdr.total_cost.excl_vat: '4.00' is not a JSON number"),
    (replaced(-1, "total_time"), "cdr.total_time: -1 is negative"),
    (replaced("x" * 40, "id"), "cdr.id: 40 characters"),
    (replaced("x" * 37, "session_id"), "cdr.session_id: 37 characters"),
    (replaced("å", "id"), "cdr.id: 'å' is not printable ASCII"),
    (replaced("Sweden", "cdr_location", "country"), "cdr.cdr_location.country: 6 characters"),
    (replaced("59.33", "cdr_location", "coordinates", "latitude"),
     "cdr.cdr_location.coordinates.latitude"),
    (replaced("IEC", "cdr_location", "connector_standard"), "cdr.cdr_location.connector_standard"),
    (replaced("LOCAL", "auth_method"), "cdr.auth_method: 'LOCAL' is none of"),
    (replaced([], "charging_periods"), "cdr.charging_periods: not a list of 1 or more"),
    (replaced([], "charging_periods", 0, "dimensions"),
     "cdr.charging_periods[0].dimensions: not a list"),
    (replaced("2026-03-02 10:00", "end_date_time"), "cdr.end_date_time"),
    (replaced("2026-03-02T10:00:00+01:00", "start_date_time"), "cdr.start_date_time"),
    (replaced(3, "total_energy"), "cdr.total_energy: 3, but its periods hold 11.001"),
    (replaced("T2", "charging_periods", 0, "tariff_id"), "cdr.charging_periods: name a tariff"),
    (replaced("2026-03-02T23:30:00Z", "charging_periods", 0, "start_date_time"),
     "cdr.charging_periods: not in order"),
    (replaced(True, "credit"), "cdr.credit_reference_id: missing"),
])
def test_the_check_finds_what_is_wrong(record: bytes, spoil: Any, where: str) -> None:
    table = json.loads(record)
    spoil(table)
    found = problems(json.dumps(table))
    assert any(line.startswith(where) for line in found), found


def test_the_check_survives_what_is_no_cdr() -> None:
    assert problems(b"{") and problems(b"[]") and problems(b"{}")


def test_says_which_register_was_estimated_and_that_one_began_anew(finished, tariff) -> None:
    start = msgspec.structs.replace(finished.start_reading, quality=Quality.ESTIMATED)
    last_wh, own_wh = finished.start_wh + 400, finished.energy_wh - 400
    end = msgspec.structs.replace(finished.end_reading, energy_import_wh=50 + own_wh)
    anew = msgspec.structs.replace(
        finished, start_reading=start, end_reading=end, anew_wh=50,
        segments=(Segment(from_wh=finished.start_wh, to_wh=last_wh),))
    pricer = SessionPricer(tariff(*PARTS), "UTC")
    assert pricer.price(anew).energy_wh == pricer.price(finished).energy_wh
    assert pricer.price(anew).usages == pricer.price(finished).usages
    sent = decode(bytes(cdr(pricer.price(anew), FACTS)))
    assert sent.remark == (f"Local, start register estimated, meter register began anew: "
                           f"{finished.start_wh} to {last_wh} Wh and 50 to {50 + own_wh} Wh")
    many = msgspec.structs.replace(anew, segments=anew.segments * 9)
    assert decode(bytes(cdr(pricer.price(many), FACTS))).remark.endswith("began anew: 9 times")
