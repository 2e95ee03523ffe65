import pytest

from edge.bus.pdu import (
    identity_of,
    read_holding,
    read_identity,
    read_input,
    registers_of,
    write_register,
    write_registers,
)
from edge.controller.trouble import BadAnswer


# Examples of the Modbus Application Protocol v1.1b3, 6.3, 6.4, 6.6, 6.12
@pytest.mark.parametrize(("pdu", "wire"), [
    (read_holding(0x6B, 3), "03 00 6b 00 03"), (read_input(8, 1), "04 00 08 00 01"),
    (write_register(1, 3), "06 00 01 00 03"),
    (write_registers(1, [0x000A, 0x0102]), "10 00 01 00 02 04 00 0a 01 02"),
])
def test_requests_are_those_of_the_specification(pdu, wire):
    assert pdu.hex(" ") == wire


@pytest.mark.parametrize("build", [
    lambda: read_holding(-1, 1), lambda: read_holding(0, 0), lambda: read_input(0, 126),
    lambda: read_input(65535, 2), lambda: write_register(0, 65536), lambda: write_register(0, -1),
    lambda: write_registers(0, []), lambda: write_registers(0, [0] * 124),
    lambda: write_registers(0, [1, 70000]),
])
def test_impossible_requests_are_refused(build):
    with pytest.raises(ValueError):
        build()


def test_registers_come_out_in_order():
    assert registers_of(bytes.fromhex("03 06 02 2b 00 00 00 64")) == (0x022B, 0, 0x64)


@pytest.mark.parametrize("answer", ["", "03", "83 02", "06 00 01 00 03", "04 03 00 01 02",
                                    "04 04 00 01", "04 02 00 01 02"])
def test_anything_but_an_answer_to_a_read_is_a_bad_answer(answer):
    with pytest.raises(BadAnswer):
        registers_of(bytes.fromhex(answer))


def identity(*objects, more=0, after=0, count=None):
    """An answer to FC 43/14 (Modbus Application Protocol v1.1b3, 6.21)."""
    body = b"".join(bytes((number, len(text))) + text for number, text in objects)
    return bytes((43, 14, 2, 0x82, more, after, len(objects) if count is None else count)) + body


def test_an_identity_is_asked_for_and_read():
    assert read_identity() == bytes((43, 14, 2, 0))
    assert read_identity(4) == bytes((43, 14, 2, 4))
    assert identity_of(identity((0, b"Forecourt"), (1, b"PB-1"))) == (
        {0: "Forecourt", 1: "PB-1"}, None)
    assert identity_of(identity((2, b"2.0"), more=0xFF, after=3)) == ({2: "2.0"}, 3)


@pytest.mark.parametrize("answer", [
    b"", b"\x03\x02\x00\x01", identity((0, b"ab"))[:-1], identity((0, b"ab")) + b"x",
    identity((0, b"ab"), count=2), identity((0, b"ab"), count=0)])
def test_what_is_no_identity_is_a_bad_answer(answer):
    with pytest.raises(BadAnswer, match="43/14"):
        identity_of(answer)
