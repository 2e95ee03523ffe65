"""Each rule that a meter model must keep, broken once; and that what ships breaks none."""

from edge.meter.catalogue import models
from edge.meter.model_file import parse
from edge.meter.soundness import problems

MODEL = """
slug = "x"
name = "X"
maker = "M"
phases = 1
max_current_a = 10
max_block = 10
refresh_s = 1
serial = { baud = 9600, parity = "N" }
fast = ["power"]
defaults = { type = "uint16" }
registers = [{ quantity = "power", address = 1, unit = "W" },
             { quantity = "energy_import", address = 9, unit = "kWh", scale = "0.01" }]
"""
AT_1, AT_9 = "address = 1,", "address = 9,"
BILLED = "billing = {{ quantity = '{}', resolution_wh = {} }}"
TOLD = "identity = {{ function = {}, address = 1, count = {}, values = {} }}"


def found(old="", new="", more=""):
    assert old in MODEL
    return problems(parse(MODEL.replace(old, new, 1) + more, "x.toml"))


def test_nothing_is_wrong_with_what_ships_nor_with_the_example():
    assert [(model.slug, problems(model)) for model in models() if problems(model)] == []
    assert found() == []


def test_each_broken_rule_is_named_with_got_and_expected():
    for old, new, more, *said in (
            ("", "", "slow = ['voltage']", "slow: voltage has no register"),
            ("", "", "slow = ['power']", "fast and slow: power twice"),
            ('fast = ["power"]', 'fast = ["energy_import"]', "", "fast: got no power"),
            ("phases = 1", "phases = 4", "", "phases: got 4"),
            ('slug = "x"', 'slug = "X-"', "", "slug: got 'X-'"),
            ('maker = "M"', 'maker = " "', "", "maker: got nothing"),
            ("max_current_a = 10", "max_current_a = 0", "", "max_current_a: got 0"),
            ("refresh_s = 1", "refresh_s = -1", "", "refresh_s: got -1"),
            ("baud = 9600", "baud = 9601", "", "serial.baud: got 9601"),
            ('parity = "N"', 'parity = "X"', "", "serial.parity: got 'X'"),
            ('parity = "N"', 'parity = "N", stop = 3', "", "serial.stop: got 3"),
            ("", "", "barriers = [5, 2]", "expected rising"),
            ("max_block = 10", "max_block = 1", "", None),
            (AT_9, "address = 1,", "", "got address 1 inside power"),
            (AT_9, "address = 1,", "suspect = 'overlaps'", None),
            (AT_9, "address = 1, function = 4,", "", None),
            ('"energy_import"', '"power"', "", "power twice", "got unit 'kWh', expected 'W'"),
            ('"energy_import"', '"heat"', "", "heat: got an unknown quantity"),
            ('"energy_import"', '"energy_import_l4"', "", "energy_import_l4: got an unknown quantity"),
            ('unit = "kWh"', 'unit = "Wh"', "", "got unit 'Wh', expected 'kWh'"),
            (AT_1, "address = 1, function = 6,", "", "got function 6"),
            (AT_1, "address = 1, scale = '0',", "", "got scale 0"),
            (AT_1, "address = 1, scale = '-1',", "", "got scale -1"),
            (AT_1, "address = 1, magnitude = true,", "", "magnitude with uint16"),
            (AT_1, "address = 1, magnitude = true, type = 'int16',", "", None),
            (AT_1, "address = 1, type = 'uint32',", "barriers = [2]", "power: lies across a barrier"),
            (AT_1, "address = 1, type = 'uint32',", "barriers = [1, 3]", None),
            (AT_1, "address = 65535, type = 'uint32',", "", "expected them to fit"),
            (AT_1, "address = 1, sentinel = 'fff',", "", "of 3 digits, expected 4"),
            (AT_1, "address = 1, sentinel = 'FFFF',", "", "4 small hex digits"),
            (AT_1, "address = 1, type = 'uint32', sentinel = 'ffff',", "", "of 4 digits, expected 8")):
        wrong = found(old, new, more)
        assert len(wrong) == len([text for text in said if text]), (new, more, wrong)
        assert all(text in each for text, each in zip(said, wrong, strict=False)), wrong


def test_a_value_fits_into_one_request():
    wide = MODEL.replace("max_block = 10", "max_block = 3").replace(AT_1, AT_1 + " type = 'uint64',")
    assert problems(parse(wide, "x.toml")) == ["power: got 4 registers at 1, expected them to fit"]
    assert problems(parse(wide.replace("max_block = 3", "max_block = 4"), "x.toml")) == []


def test_a_scale_register_is_a_word_of_its_own_beside_a_whole_number():
    for place, type_, said in ((9, "int16", "scale_register 9 inside a value"), (4, "int16", None),
                               (4, "t5", "scale_register with t5"), (4, "float32", "with float32"),
                               (5, "int32_milli", "with int32_milli"), (4, "acc32", None)):
        wrong = found(AT_1, f"address = 1, type = '{type_}', scale_register = {place},")
        assert [said in each for each in wrong] == [True] * (said is not None), wrong


def test_only_whole_imported_energy_in_its_true_step_is_billed():
    for quantity, step, said in (
            ("energy_import", 10, None), ("energy_import", 1, "got 1, expected 10, which is one count"),
            ("energy_import", 0, "got 0, expected more"), ("energy_import_fine", 1, "has no register")):
        wrong = found(more=BILLED.format(quantity, step))
        assert [said in each for each in wrong] == [True] * (said is not None), wrong
    for other in ("energy_total", "energy_export", "energy_import_l1"):
        wrong = found('"energy_import"', f'"{other}"', BILLED.format(other, 10))
        assert wrong == [f"billing.quantity: got {other!r}, "
                         "expected energy_import or energy_import_fine"]
    assert "expected none for a generator" in found(
        more="generator = true\n" + BILLED.format("energy_import", 10))[0]
    assert found(AT_9, "address = 9, type = 'float32',", BILLED.format("energy_import", 3)) == []


def test_an_identity_is_hex_of_the_words_that_are_read():
    for function, count, values, *said in (
            (3, 1, ["00ff"], None), (5, 1, ["00ff"], "identity.function: got 5"),
            (3, 11, [], "identity.count: got 11", "identity.values: got none"),
            (3, 2, ["00ff"], "got '00ff', expected 8"), (3, 1, ["00FF"], "got '00FF', expected 4"),
            (3, 1, ["0001", "0001"], "identity.values: 0001 twice")):
        wrong = found(more=TOLD.format(function, count, values))
        assert len(wrong) == len([text for text in said if text]), wrong
        assert all(text in each for text, each in zip(said, wrong, strict=False)), wrong


def test_a_sunspec_model_lies_behind_its_header_and_is_told_by_the_walk():
    wrong = found(more="sunspec = 201\n" + TOLD.format(3, 1, ["0001"]))
    assert len(wrong) == 2
    assert "identity: got one" in wrong[0] and "behind the header" in wrong[1]
    assert "expected 3 and an address" in found(AT_9, "address = 9, function = 4,",
                                                "sunspec = 201")[1]
