import json

from edge.commissioning.models import listing, show
from edge.meter.catalogue import load, slugs, why_not_billable


def test_every_model_is_listed_with_what_decides_for_or_against_it():
    rows = listing()
    assert [row.slug for row in rows] == list(slugs())
    for row in rows:
        model = load(row.slug)
        assert (row.name, row.maker, row.phases, row.serial) == (
            model.name, model.maker, model.phases, model.serial)
        assert row.billable is (row.why_not is None) is (why_not_billable(model) is None)
        assert (row.confirmed, row.registers) == (
            len([each for each in model.registers if each.confirmed]), len(model.registers))
        assert row.has_code is (model.identity is not None)


def test_machines_get_names_reasons_counts_and_serial_defaults(capsys):
    assert show(as_json=True) == 0
    rows = {row["slug"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["eltako-dsz16"] == {
        "slug": "eltako-dsz16", "name": "Eltako DSZ16", "maker": "Eltako", "phases": 3,
        "billable": True, "why_not": None, "registers": 16, "confirmed": 0,
        "serial": {"baud": 9600, "parity": "N", "stop": 1}, "has_code": False,
        "twins": ["eltako-dsz15dzmod"], "sunspec": None, "suspect": ""}
    assert "100 Wh" in rows["carlo-gavazzi-em24"]["why_not"]
    assert rows["sunspec-203"]["sunspec"] == 203
    assert "word order" in rows["carlo-gavazzi-em112"]["suspect"]


def test_people_get_one_line_each_that_fits_a_terminal_and_the_reasons_below(capsys):
    assert show(as_json=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    shown = {line.split()[0]: line for line in lines[1:len(slugs()) + 1]}
    assert tuple(shown) == slugs()
    assert shown["eastron-sdm630"].endswith(" 42/47 yes")
    assert shown["carlo-gavazzi-em24"].endswith(" 16/20 no")
    assert "carlo-gavazzi-em24: got a register in steps of 100 Wh" in "\n".join(lines)
    assert " 9600 8E1 " in shown["dzg-dvh4013"]
