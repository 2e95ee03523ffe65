import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.controller.idtoken import Level, Per, Role
from edge.rfid.tokens.csv_columns import CellError, card_of
from edge.rfid.tokens.csv_import import SheetError, candidates, read_cards, read_lines, why_none
from edge.rfid.uid import Form, UidError, is_random, read_as

UID = bytes.fromhex("04A3C6CAE26180")


def sheet(*cells, head="uid"):
    return read_lines("\n".join((head, *cells)).encode())


def forms_of(*cells):
    return [one.form for one in candidates(sheet(*cells))]


def good(uid):
    return uid[0] != 0x88 and uid[-1] != 0x88 and not is_random(uid) and not is_random(uid[::-1])


uids = st.sampled_from((4, 7, 10)).flatmap(
    lambda n: st.binary(min_size=n, max_size=n)).filter(good)


@settings(max_examples=40)
@given(st.lists(uids, min_size=1, max_size=5, unique=True), st.sampled_from(["", ":", "-", ".", " "]),
       st.booleans())
def test_hex_in_any_dress_is_read_as_it_was_written_and_offered_as_a_form(found, separator, upper):
    def write(uid):
        text = uid.hex(separator) if separator else uid.hex()
        return text.upper() if upper else text
    lines = sheet(*map(write, found))
    assert [card.uid for card in read_cards(lines, Form.HEX)[0]] == found
    assert [card.uid for card in read_cards(lines, Form.HEX_REVERSED)[0]] == [u[::-1] for u in found]
    if all(uid[0] == 4 for uid in found if len(uid) > 4) or all(len(uid) == 4 for uid in found):
        assert Form.HEX in [one.form for one in candidates(lines)]


@settings(max_examples=40)
@given(uids, st.booleans())
def test_decimals_are_read_with_and_without_their_leading_zeros(uid, turned):
    form = Form.DECIMAL_REVERSED if turned else Form.DECIMAL
    value = int.from_bytes(uid[::-1] if turned else uid, "big")
    least = {4: 0, 7: 1 << 32, 10: 1 << 56}[len(uid)]
    if value >= least:  # below, it could be a shorter number: see docs
        assert read_as(str(value), form) == uid
        assert read_as(str(value).zfill(10), form) == uid


@settings(max_examples=60)
@given(st.text(max_size=24), st.sampled_from(Form))
def test_whatever_stands_there_is_a_card_number_or_refused(text, form):
    try:
        assert len(read_as(text, form)) in (4, 7, 10)
    except UidError as error:
        assert len(text) < 8 or text not in str(error)


def test_long_numbers_show_their_form_and_short_ones_make_a_person_say_it():
    other = bytes.fromhex("04112233445566")
    assert forms_of(UID.hex(), other.hex()) == [Form.HEX]
    assert forms_of(UID[::-1].hex(), other[::-1].hex()) == [Form.HEX_REVERSED]
    assert forms_of(str(int.from_bytes(UID, "big"))) == [Form.DECIMAL]
    assert forms_of(str(int.from_bytes(UID[::-1], "big")), str(int.from_bytes(other[::-1], "big"))) == [
        Form.DECIMAL_REVERSED]
    assert forms_of("DEADBEEF") == [Form.HEX, Form.HEX_REVERSED]
    assert forms_of("11223344") == [Form.HEX, Form.HEX_REVERSED, Form.DECIMAL, Form.DECIMAL_REVERSED]
    assert forms_of("11223344", "0011223344") == [Form.DECIMAL, Form.DECIMAL_REVERSED]
    assert forms_of("04112233445504") == [Form.HEX, Form.HEX_REVERSED]  # it shows a maker both ways
    assert forms_of("08A1B2C3") == [Form.HEX_REVERSED]  # the other way it would be a phone
    assert forms_of("DEADBEEF", "12345678901") == []


def test_the_made_up_number_of_a_phone_turns_no_other_number():
    lines = sheet("04A3C6CAE26180", "04B1D27A5C2E80", "08112233")
    assert candidates(lines) == []
    assert [problem.line for problem in why_none(lines)] == [4]


def test_what_a_spreadsheet_has_done_to_numbers_is_told():
    for text, words in (("1,23457E+15", "rounded"), ("4.29E+09", "rounded"), ("4A3C6CAE26180", "zeros"),
                        ("123,45678", "Wiegand"), ("", "8, 14 or 20"), ("4294967296" * 3, "1 to 25")):
        form = Form.DECIMAL if "25" in words or "Wieg" in words else Form.HEX
        with pytest.raises(UidError, match=words):
            read_as(text, form)
    assert read_as("12345E67", Form.HEX) == bytes.fromhex("12345E67")
    assert [line.uid for line in sheet('="04A3C6CAE26180"', "'0011223344")] == [
        "04A3C6CAE26180", "0011223344"]


def test_marks_separators_and_encodings_of_sheets():
    for data in (b"\xef\xbb\xbfuid;contract\r\nDEADBEEF;C1\r\n", b"UID,Contract\nDEADBEEF,C1\n\n,\n",
                 "uid\tcontract\nDEADBEEF\tC1".encode("utf-16"), b'contract,uid\n"C1","DEADBEEF"\n'):
        (line,) = read_lines(data)
        assert (line.number, line.uid, line.cells) == (2, "DEADBEEF", {"contract": "C1"})
    for data, words in ((b"", "no column 'uid'"), (b"04A3C6CAE26180\n", "columns"),
                        (b"uid,colour\n", "'colour'"), (b"uid,uid\n", "twice"),
                        (b"uid\n\xff\xfe\xe5", "line 2: not UTF-8"), (b"uid\nDEADBEEF,7\n", "line 2"),
                        (b'uid\n"DEADBEEF', "line 2")):
        with pytest.raises(SheetError, match=words):
            read_lines(data)


def test_every_error_is_told_with_its_line_and_no_number():
    lines = sheet("DEADBEEF;0;", "de:ad:be:ef;1;", "DEADBEE;0;", "08A1B2C3;0;", "CAFEBABE;9;soon",
                  head="uid;level;expires")
    _, problems = read_cards(lines, Form.HEX)
    assert [problem.line for problem in problems] == [3, 4, 5, 6]
    said = " ".join(problem.text for problem in problems)
    for words in ("card of line 2 again", "8, 14 or 20", "made up anew", "level: ", "expires: "):
        assert words in said
    assert "DEADBEE" not in said
    assert candidates(lines) == []
    assert {problem.line for problem in why_none(lines)} == {4}


def test_cells_say_what_a_card_may_do():
    card = card_of({"contract": "C1", "role": "Fleet", "status": "blocked", "level": "L3",
                    "evses": "1|2", "expires": "2027-01-31", "valid_from": "2026-12-31T12:00:00+01:00",
                    "windows": "Mo-Fr 07:00-18:00 | Sa,7 22:00-6:00", "limit_kwh": "7,5",
                    "quotas": "month 100 kWh | month 250.50 | day 5 kwh", "concurrent": "3",
                    "name": ""})
    assert (card.role, card.status, card.level, card.evses) == (
        Role.FLEET, "Blocked", Level.MUTUAL, ("1", "2"))
    assert (card.valid_from_utc, card.expires_utc) == (
        "2026-12-31T11:00:00.000Z", "2027-01-31T00:00:00.000Z")
    assert [(w.days, w.from_min, w.until_min) for w in card.windows] == [
        ((1, 2, 3, 4, 5), 420, 1080), ((6, 7), 1320, 360)]
    assert [(q.per, q.energy_wh, q.cost) for q in card.quotas] == [
        (Per.MONTH, 100_000, "250.50"), (Per.DAY, 5000, None)]
    assert (card.limit_wh, card.concurrent) == (7500, 3)
    for column, cell in (("role", "boss"), ("status", "Unknown"), ("level", "5"), ("windows", "always"),
                         ("windows", "Mo 25:00-26:00"), ("windows", "Mo,Mo 1:00-2:00"),
                         ("quotas", "much"), ("quotas", "year 5 kWh"), ("quotas", "day 5 | day 6"),
                         ("limit_kwh", "1.00005"),
                         ("concurrent", "0"), ("expires", "31.1.2027"), ("language", "Swedish!"),
                         ("contract", "x" * 37)):
        with pytest.raises(CellError, match=f"^{column}: "):
            card_of({column: cell})
