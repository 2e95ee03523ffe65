"""The tables for site.toml are what a site file takes."""

import tomllib

from edge.bus.url import parse_url
from edge.commissioning.scan import Found
from edge.commissioning.snippet import snippet

PORT = parse_url("rtu:/dev/ttyUSB0")


def found(unit, models, baud=9600, parity="N"):
    return Found(unit=unit, baud=baud, parity=parity, models=models, by="code")


def test_a_bus_and_a_meter_for_each_that_is_set_alike():
    text = snippet(PORT, [found(7, ("abb-b23",), 19200, "E"), found(2, ("eastron-sdm630",)),
                          found(1, ("eltako-dsz15dzmod", "eltako-dsz16")), found(5, ())])
    table = tomllib.loads(text)
    assert table["bus"] == [{"id": "meters", "url": "rtu:/dev/ttyUSB0?baud=9600&parity=N"}]
    assert str(parse_url(table["bus"][0]["url"])) == "rtu:/dev/ttyUSB0?baud=9600&parity=N&stop=1"
    assert [(one["unit"], one["model"], one["bus"], one["id"], one["supply_side"])
            for one in table["meter"]] == [
        (1, "eltako-dsz15dzmod", "meters", "meter-1", True),
        (2, "eastron-sdm630", "meters", "meter-2", True)]
    assert "# unit 7 (abb-b23) is at 19200 8E1" in text and "set it to 9600 8N1 first" in text
    assert "or eltako-dsz16" in text and "# unit 5 answers, but" in text


def test_a_gateway_keeps_its_own_url():
    one = Found(unit=3, baud=None, parity=None, models=("abb-b23",))
    table = tomllib.loads(snippet(parse_url("rtu+tcp://10.0.0.7:4001"), [one]))
    assert table["bus"][0]["url"] == "rtu+tcp://10.0.0.7:4001?baud=9600&parity=E&stop=1"
    assert table["meter"][0]["model"] == "abb-b23"
