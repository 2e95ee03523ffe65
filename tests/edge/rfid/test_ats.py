import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.controller.trouble import BadAnswer
from edge.rfid.ats import parse_ats, rats

WAIT_UNIT_S = 4096 / 13.56e6


@pytest.mark.parametrize(("ats", "frame_size", "fwi", "historical"), [
    ("067777710280", 128, 7, "80"),  # DESFire: TA, TB, TC and one historical byte
    ("0578807002", 256, 7, ""),
    ("01", 32, 4, ""),  # nothing at all: the defaults
    ("0278", None, None, ""),  # says that TA, TB, TC follow, and they do not
    ("0208", 256, 4, ""),  # no interface bytes
    ("032881", 256, 8, ""),  # TB alone
    ("031881", 256, 4, ""),  # TA alone: its 8 is no waiting time
    ("034802", 256, 4, ""),
    ("0428F1AA", 256, 4, "AA"),  # FWI 15 is reserved: the default
    ("020F", 256, 4, ""),  # FSCI 15 is reserved: as 8
])
def test_answers_to_select_with_and_without_interface_bytes(ats, frame_size, fwi, historical):
    if frame_size is None:
        with pytest.raises(BadAnswer):
            parse_ats(bytes.fromhex(ats))
        return
    parsed = parse_ats(bytes.fromhex(ats))
    assert parsed.frame_size == frame_size
    assert parsed.frame_wait_s == pytest.approx(WAIT_UNIT_S * 2**fwi)
    assert parsed.historical == bytes.fromhex(historical)


def test_guard_time_of_sfgi_0_is_none_and_of_1_is_not():
    assert parse_ats(bytes.fromhex("032880")).guard_s == 0.0
    assert parse_ats(bytes.fromhex("032881")).guard_s == pytest.approx(WAIT_UNIT_S * 2)


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused_by_name(data):
    try:
        parsed = parse_ats(data)
    except BadAnswer:
        return
    assert parsed.frame_size in (16, 24, 32, 40, 48, 64, 96, 128, 256)
    assert 0 < parsed.frame_wait_s < 5
    assert data[0] == len(data)


def test_the_request_says_how_long_a_frame_the_reader_takes():
    assert {size: rats(size).hex() for size in (15, 16, 63, 64, 255, 256, 300)} == {
        15: "e000", 16: "e000", 63: "e040", 64: "e050", 255: "e070", 256: "e080", 300: "e080"}
