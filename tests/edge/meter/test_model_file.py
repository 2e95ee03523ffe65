import pytest

from edge.meter.model import RegisterType
from edge.meter.model_file import BadModel, parse

SERIAL = 'serial = { baud = 9600, parity = "N" }'
MODEL = f"""
slug = "x"
name = "X"
maker = "M"
phases = 1
max_current_a = 10
max_block = 10
refresh_s = 1
{SERIAL}
fast = ["power"]
defaults = {{ type = "uint16", function = 4 }}
sentinels = {{ uint16 = "ffff", uint32 = "ffffffff" }}
registers = [{{ quantity = "power", address = 1, unit = "W" }},
             {{ quantity = "energy_import", address = 9, type = "uint32", unit = "kWh" }}]
"""


def test_rows_take_what_they_lack_from_the_defaults_and_their_sentinel_by_type():
    power, energy = parse(MODEL, "x.toml").registers
    assert (power.type, power.function, power.sentinel) == (RegisterType.UINT16, 4, "ffff")
    assert (energy.type, energy.function, energy.sentinel) == (RegisterType.UINT32, 4, "ffffffff")
    rows = "address = 1, function = 3, sentinel = '7fff',"
    own = parse(MODEL.replace("address = 1,", rows), "x.toml")
    assert (own.registers[0].function, own.registers[0].sentinel) == (3, "7fff")


def test_a_file_of_the_wrong_shape_says_file_key_got_and_expected():
    rows, nothing = r"registers\[1\].", "got nothing, expected a value"
    for old, new, said in (
            ("phases = 1", "colour = 1", "colour: got an unknown key, expected one of slug, .*sent"),
            (SERIAL, 'serial = { bauds = 1, parity = "N" }', "serial.bauds: got an unknown key"),
            (SERIAL, 'serial = { baud = 9600 }', f"serial.parity: {nothing}"),
            (SERIAL, "serial = 3", "serial: got 3, expected a table"),
            ("serial = {", "serial = [", "the file: got .*, expected TOML"),
            ("defaults = {", "billing = { per = 2 }\ndefaults = {", "billing.per: got an unknown key"),
            ("uint16 = ", "uint17 = ", "sentinels.uint17: got an unknown key, expected one of uint16"),
            ("uint16 = ", "int64 = ", "sentinels.int64: got a sentinel, expected a type that"),
            ("function = 4", "functions = 4", "defaults.functions: got an unknown key"),
            ("function = 4", "address = 4", "defaults.address: got an unknown key"),
            ("address = 9", "adress = 9", f"{rows}adress: got an unknown key, expected one of"),
            ("address = 9, ", "", f"{rows}address: {nothing}"),
            ("address = 9", "address = -1", f"{rows}address: got -1, expected `int` >= 0"),
            ("address = 9", "address = 70000", f"{rows}address: got 70000, expected `int` <= 65535"),
            ("address = 9", "address = '9'", f"{rows}address: got '9', expected `int`"),
            ('type = "uint32"', "type = 'uint12'", "sentinels.uint32"),
            ("sentinels = ", "defaults = ", "the file: got "),
            ("phases = 1", "phases = 'one'", "phases: got 'one', expected `int`"),
            ("phases = 1", "", f"phases: {nothing}"),
            ("max_block = 10", "max_block = 126", "max_block: got 126, expected `int` <= 125"),
            ("max_block = 10", "max_block = 0", "max_block: got 0, expected `int` >= 1"),
            ("registers =", "rows =", "rows: got an unknown key")):
        assert old in MODEL
        with pytest.raises(BadModel, match=f"^x.toml: {said}"):
            parse(MODEL.replace(old, new, 1), "x.toml")


def test_an_unknown_type_is_answered_with_those_there_are():
    broken = MODEL.replace(', uint32 = "ffffffff"', "").replace('type = "uint32"', 'type = "uint12"')
    with pytest.raises(BadModel, match=r"registers\[1\].type: got 'uint12', expected one of .*milli"):
        parse(broken, "x.toml")


def test_registers_that_are_missing_or_no_list_are_told():
    head, _, _ = MODEL.partition("registers = ")
    for tail, got in (("", "nothing"), ("registers = 3", "3"), ("registers = 'a'", "'a'")):
        with pytest.raises(BadModel, match=f"registers: got {got}, expected a list of tables"):
            parse(head + tail, "x.toml")
    with pytest.raises(BadModel, match=r"registers\[0\]: got 3, expected a table"):
        parse(head + "registers = [3]", "x.toml")
