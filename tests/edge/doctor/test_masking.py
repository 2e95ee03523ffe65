"""Nothing that names anybody stays, and nothing else goes."""

import base64
import json

import msgspec
import pytest

from edge.controller.idtoken import IdToken, TokenRecord
from edge.doctor.masking import Mask
from edge.doctor.site_mask import learn_site, masked_site

REF, SEALED = "0123456789abcdef0123456789abcdef", "c2VhbGVkIHVpZCBvZiBhIGNhcmQ="
TOKEN = IdToken(ref=REF, last4="6180", contract_id="SE-FCT-C00000001-0", sealed=SEALED)
OCPP = {"idToken": {"idToken": REF, "type": "ISO14443", "customData": {"last4": "6180",
                                                                       "sealed": SEALED}}}
CDR = {"cdr_token": {"uid": REF, "contract_id": "SE-FCT-C00000001-0"},
       "cdr_location": {"name": "Hamngatan garage", "city": "Stockholm", "evse_uid": "1",
                        "coordinates": {"latitude": "59.33", "longitude": "18.07"}}}


def everything(mask: Mask) -> None:
    mask.learn(TokenRecord(token=TOKEN))
    mask.learn_row(json.dumps(CDR).encode())


def test_a_value_has_one_pseudonym_everywhere() -> None:
    mask = Mask()
    everything(mask)
    row = mask.row(json.dumps(OCPP).encode())
    assert row["idToken"]["idToken"] == mask.row(json.dumps(CDR).encode())["cdr_token"]["uid"]
    assert row["idToken"]["customData"] == {"last4": "digits-001", "sealed": "sealed-001"}
    assert row["idToken"]["type"] == "ISO14443"
    assert mask.counts == {"card": 1, "city": 1, "contract": 1, "digits": 1, "latitude": 1,
                           "longitude": 1, "name": 1, "sealed": 1}


def test_another_bundle_may_give_the_same_card_another_pseudonym() -> None:
    first, second = Mask(), Mask()
    first.value("card", REF)
    second.value("card", "f" * 32)
    assert second.value("card", REF) != first.value("card", REF)


def test_a_card_inside_of_another_text_is_found() -> None:
    mask = Mask()
    everything(mask)
    assert mask.inside(f"card {REF}: refused") == "card card-001: refused"


def test_four_digits_are_masked_by_their_field_only() -> None:
    mask = Mask()
    everything(mask)
    masked = mask.structure({"last4": "6180", "energy_raw": "6180", "n": 6180})
    assert masked == {"last4": "digits-001", "energy_raw": "6180", "n": 6180}


def test_the_name_of_a_component_is_no_name_of_a_place() -> None:
    mask = Mask()
    row = {"component": {"name": "PowerContactor"}, "variable": {"name": "Problem"}, "uid": 990}
    assert mask.row(json.dumps(row).encode()) == row


def test_a_salvaged_row_is_masked_inside() -> None:
    inner = base64.b64encode(json.dumps(OCPP).encode()).decode()
    row = json.dumps({"epoch": "00", "seq": 3, "prev": "00", "hash": "00", "data": inner}).encode()
    mask = Mask()
    mask.learn_row(row)
    masked = mask.row(row)
    assert masked["data"]["idToken"]["idToken"] == "card-001"
    assert inner not in json.dumps(masked) and REF not in json.dumps(masked)


def test_what_is_no_json_is_left_out() -> None:
    assert Mask().row(b"\xff\x00{") == "3 bytes that are no JSON: left out"


def test_json_keeps_every_other_byte() -> None:
    mask = Mask()
    everything(mask)
    text = ('{"ref":"REF", "total" : 12.50,"u":"\\u00e5 \\"REF\\"","k":["REF",1e3],"last4" :"6180"}'
            .replace("REF", REF))
    masked = mask.literals(text)
    assert masked == ('{"ref":"card-001", "total" : 12.50,"u":"å \\"card-001\\"","k":["card-001",1e3],'
                      '"last4" :"digits-001"}')
    assert mask.literals('{"a":"\\u00e5","b":"x"}') == '{"a":"\\u00e5","b":"x"}'


@pytest.mark.parametrize("text", [
    "anna.svensson@example.org", "+46 70 123 45 67", "+46701234567", "mqtts://user:hemligt@broker",
    "04A3C6CAE26180", "04a3c6cae26180", "04:A3:C6:CA:E2:61:80", "04 a3 c6 ca e2 61 80", "DEADBEEF",
    "de-ad-be-ef", "04A3C6CAE2618004A3C6", "89abcdef0123456789abcdef01234567"])
def test_in_a_log_goes_what_only_looks_personal(text: str) -> None:
    masked = Mask().free(f"at {text}, seen")
    assert text.split(":")[-1].split("@")[0] not in masked.replace("broker", "")
    assert masked.startswith("at ") and masked.endswith(", seen")


@pytest.mark.parametrize("text", [
    "2026-11-21 18:33:24,909 INFO edge.station.run: ready", "epoch c36bfbcba43a91bb, boot 1",
    "session 4128b4e83cb76e05 was open", "journal.db.damaged-20261121T183324", "pid 19572 uid 0 gone",
    "02 03 00 00 00 02", "192.168.1.17:502", "mqtts://broker.example.org:8883"])
def test_in_a_log_stays_what_a_developer_needs(text: str) -> None:
    assert Mask().free(text) == text


SITE = '''# Anna Svensson has the key, 070-123 45 67
[site]
id = "SE*FCT*E0001"
name = "BRF # Havet"   # on the hill
time_zone = "Europe/Stockholm"
support = { phone = "+46 10 000 00 00", email = 'help@example.org' }
[site.location]
address = "Hamngatan 1"
city = "Stockholm"
latitude = 59.33258
[[evse]]
id = "1"
label = "Annas plats"
max_a = 16
[cloud]
url = "mqtts://anna:hemligt@mqtt.example.org"
key = "site.key"
password = "hemligt"
'''


def test_a_sites_file_keeps_its_lines_and_loses_its_people() -> None:
    mask = Mask()
    learn_site(mask, SITE)
    masked = masked_site(mask, SITE)
    assert masked.count("\n") == SITE.count("\n")
    for gone in ("Anna", "070", "BRF", "Havet", "+46", "help@", "Hamngatan 1", '"Stockholm"', "59.33",
                 "hemligt", "hill"):
        assert gone not in masked
    for kept in ('id = "SE*FCT*E0001"', "Europe/Stockholm", 'id = "1"', "max_a = 16", '"site.key"',
                 "mqtts://masked@mqtt.example.org"):
        assert kept in masked


def test_a_broken_sites_file_is_masked_all_the_same() -> None:
    broken = SITE + "\n[[evse\n"
    mask = Mask()
    learn_site(mask, broken)
    masked = masked_site(mask, broken)
    assert "[[evse" in masked
    for gone in ("Anna", "Havet", "+46", "help@", "hemligt"):
        assert gone not in masked


def test_texts_of_several_lines_are_not_guessed_at() -> None:
    assert "Anna" not in masked_site(Mask(), 'name = """Anna\nSvensson"""\n')


def test_raw_json_inside_of_our_values_is_looked_into() -> None:
    mask = Mask()
    mask.learn({"args": msgspec.Raw(json.dumps(OCPP).encode())})
    assert mask.counts["card"] == 1
