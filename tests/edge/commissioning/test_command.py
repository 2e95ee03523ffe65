import json

import pytest

from edge.bus.url import parse_url
from edge.commissioning.command import main, with_factory_setting
from edge.meter.catalogue import load


def test_models_are_listed_for_machines(capsys):
    assert main(["models", "--json"]) == 0
    rows = {row["slug"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["eastron-sdm630"]["name"] == "Eastron SDM630"
    assert rows["eastron-sdm630"]["billable"] is True
    assert "100 Wh" in rows["carlo-gavazzi-em24"]["why_not"]


def test_models_are_listed_for_people(capsys):
    assert main(["models"]) == 0
    assert "eastron-sdm120" in capsys.readouterr().out


@pytest.mark.parametrize(("model", "url", "said"), [
    ("nope", "tcp:h:1", "got 'nope'"), ("abb-b23", "usb:x", "got 'usb:x'"),
])
def test_wrong_arguments_say_what_is_wrong(capsys, model, url, said):
    assert main(["read", "--model", model, "--url", url, "--unit", "1"]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("text", "told"), [
    ("rtu:/dev/x", "rtu:/dev/x?baud=2400&parity=N&stop=1"),
    ("rtu:/dev/x?baud=9600", "rtu:/dev/x?baud=9600&parity=N&stop=1"),
    ("rtu:/dev/x?parity=E&echo=1", "rtu:/dev/x?baud=2400&parity=E&stop=1"),
    ("tcp://h", "tcp:h:502"),
])
def test_what_a_url_leaves_out_is_the_models_factory_setting(text, told):
    assert str(with_factory_setting(text, load("eastron-sdm120"))) == told
    assert with_factory_setting(text, None) == parse_url(text)


def test_a_unit_out_of_range_is_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["read", "--model", "abb-b23", "--url", "tcp:h:1", "--unit", "248"])
    assert stop.value.code == 2
    assert "expected 1..247" in capsys.readouterr().err


def test_a_port_that_is_not_there_is_an_error_not_a_traceback(capsys, tmp_path):
    assert main(["read", "--model", "abb-b23", "--url", f"rtu:{tmp_path}/tty", "--unit", "1",
                 "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["values"] == {} and "No such file" in answer["errors"][0]
