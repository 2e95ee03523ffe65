import json

import pytest

from edge.rfid.command import main

UID = "04:a3:c6:ca:e2:61:80"


@pytest.fixture
def card(tmp_path, capsys):
    def run(*words):
        code = main([words[0], "--state-dir", str(tmp_path), *words[1:]])
        out, err = capsys.readouterr()
        return code, out, err
    return run


def test_a_card_is_added_listed_blocked_and_removed(card):
    code, _, err = card("add", UID, "--contract", "SE-FCT-C1", "--group", "family", "--language", "sv",
                        "--evse", "1", "--evse", "2", "--expires", "2027-01-31")
    assert (code, err) == (0, "")
    listed = json.loads(card("list", "--json")[1])
    assert len(listed) == 1
    assert len(listed[0].pop("ref")) == 32
    assert listed == [{
        "last4": "6180", "type": "ISO14443", "status": "Accepted", "contract_id": "SE-FCT-C1",
        "group": "family", "evses": ["1", "2"], "language": "sv",
        "expires_utc": "2027-01-31T00:00:00.000Z", "min_level": 0}]
    assert card("block", "04A3C6CAE26180")[:2] == (0, "blocked\n")
    assert "Blocked" in card("list")[1]
    code, out, _ = card("unblock", UID)
    assert (code, "Accepted" in out, "SE-FCT-C1" in out) == (0, True, True)
    assert "not blocked here" in card("unblock", UID)[2]
    assert card("remove", UID)[0] == 0
    assert card("list", "--json")[1] == "[]\n"


def test_no_output_shows_more_than_four_digits(card):
    seen = "".join(card("add", UID)[1:] + card("list")[1:] + card("list", "--json")[1:])
    assert "6180" in seen
    assert "E26180" not in seen.upper()


def test_a_card_that_the_list_does_not_know(card):
    assert card("block", UID)[0] == 1
    code, out, err = card("remove", UID)
    assert (code, out) == (1, "")
    assert "does not know" in err


@pytest.mark.parametrize(("words", "reason"), [
    (("add", "12345"), "8, 14 or 20 hex digits"), (("add", "zz112233"), "hex digits"),
    (("add", "08A1B2C3"), "made up"), (("add", "8804A3C6"), "cascade")])
def test_numbers_that_cannot_be_stored_end_with_status_2_and_a_reason(card, words, reason):
    code, out, err = card(*words)
    assert (code, out) == (2, "")
    assert reason in err
    assert words[1] not in err


def test_a_folder_that_cannot_be_used_ends_with_status_2(tmp_path, capsys):
    assert main(["list", "--state-dir", str(tmp_path / "missing")]) == 2
    told = capsys.readouterr().err
    assert "missing" in told
    assert "expected the controller's state folder" in told


@pytest.mark.parametrize("words", [["add"], [], ["add", "DEADBEEF", "--expires", "soon"]])
def test_wrong_words_end_with_status_2(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "forecourt card" in capsys.readouterr().err
