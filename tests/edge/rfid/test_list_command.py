import json
import re

import pytest

from edge.rfid.command import main

HEAD = "uid;contract;level;name"
CARDS = "04A3C6CAE26180;C1;0;Anna Andersson\n04A3C6CAE26181;C2;3;\n"


@pytest.fixture
def desk(tmp_path, capsys):
    """A desk and a site in one folder; `run` gives status, output, errors."""
    (tmp_path / "cards.csv").write_text(f"{HEAD}\n{CARDS}")
    (tmp_path / "state").mkdir()
    (tmp_path / "fleet.json").write_text(json.dumps({
        "application": "F00100", "tag": "464f5245434f555254",
        "keys": ["00112233445566778899aabbccddeeff"]}))
    (tmp_path / "fleet.json").chmod(0o600)
    site = tmp_path / "site.toml"
    site.write_text('[site]\nid = "SE*FCT*E0001"\n[paths]\nstate = "state"\n')

    def run(*words):
        code = main([word.replace("DESK", str(tmp_path)) for word in words])
        out, err = capsys.readouterr()
        return code, out, err
    run.folder = tmp_path
    return run


def make(desk, *more, key=()):
    public = json.loads(desk("list", "keys", "--site", "DESK/site.toml", "--json")[1])["public"]
    return desk("list", "make", "DESK/cards.csv", "--site-id", "SE*FCT*E0001", "--version", "7",
                "--key", "DESK/op.pem", "--to", public, "--out", "DESK/7.fclist", *key, *more)


def test_a_list_goes_from_the_desk_to_the_site(desk):
    code, said, _ = make(desk, "--fleet", "DESK/fleet.json", key=["--new-key"])
    assert code == 0
    code, _, err = desk("list", "apply", "DESK/7.fclist", "--site", "DESK/site.toml")
    assert (code, "operator_keys of the site file is empty" in err) == (2, True)
    key = re.search(r"ed25519:[0-9a-f]{64}", said)[0]
    with (desk.folder / "site.toml").open("a") as site:
        site.write(f'[cards]\noperator_keys = ["{key}"]\n')
    apply = ("list", "apply", "DESK/7.fclist", "--site", "DESK/site.toml")
    assert "version 7 holds: 2 cards" in desk(*apply)[1]
    again = desk(*apply, "--json")
    assert (again[0], json.loads(again[1])["new"]) == (0, False)
    shown = json.loads(desk("list", "show", "--site", "DESK/site.toml", "--json")[1])
    file = json.loads(desk("list", "show", "DESK/7.fclist", "--site", "DESK/site.toml", "--json")[1])
    assert (shown["version"], shown["cards"], shown["sha256"]) == (7, 2, file["sha256"])
    code, listed, _ = desk("list", "--state-dir", "DESK/state", "--json")
    assert (code, [card["min_level"] for card in json.loads(listed)]) == (0, [0, 3])
    assert "Anna" not in listed


def test_a_version_that_no_site_takes_is_refused_at_the_desk(desk):
    for wrong in ("0", "-2", str(2**53)):
        code, _, err = make(desk, "--version", wrong, "--fleet", "DESK/fleet.json",
                            key=[] if (desk.folder / "op.pem").exists() else ["--new-key"])
        assert (code, f"got version {wrong}" in err) == (2, True)
        assert not (desk.folder / "7.fclist").exists()


def test_what_the_desk_refuses(desk):
    assert "without keys" in make(desk, key=["--new-key"])[2]  # level 3, no fleet
    assert "there already" in make(desk, key=["--new-key"])[2]
    (desk.folder / "op.pem").chmod(0o644)
    assert "expected 0600" in make(desk)[2]
    (desk.folder / "op.pem").chmod(0o600)
    (desk.folder / "fleet.json").chmod(0o640)
    assert "expected 0600" in make(desk, "--fleet", "DESK/fleet.json")[2]
    (desk.folder / "fleet.json").chmod(0o600)
    (desk.folder / "fleet.json").write_text('{"application": "F00100", "tag": "00", "keys": []}')
    assert "without keys" in make(desk, "--fleet", "DESK/fleet.json")[2]
    assert not (desk.folder / "7.fclist").exists()


def test_a_sheet_is_shown_and_then_entered_whole_or_not_at_all(desk):
    sheet = desk.folder / "cards.csv"
    words = ("import", "DESK/cards.csv", "--state-dir", "DESK/state")
    code, _, err = desk(*words)
    assert (code, "line 3 (....6181)" in err) == (2, True)  # its keys are not here
    sheet.write_text(f"{HEAD}\n04A3C6CAE26180;C1;0;Anna\n04A3C6CAE26181;C2;0;\n")
    code, said, _ = desk(*words)
    assert (code, "in the form hex (shown by its numbers)" in said, "nothing was changed" in said) == (
        0, True, True)
    assert desk("list", "--state-dir", "DESK/state", "--json")[1] == "[]\n"
    assert "2 new, 0 known already: entered" in desk(*words, "--apply")[1]
    sheet.write_text(f"{HEAD}\n04A3C6CAE26180;C9;0;\n04A3C6CAE2618;C2;0;\n")
    code, said, err = desk(*words, "--apply", "--form", "hex")
    assert (code, said, "line 3: uid" in err) == (2, "", True)
    listed = json.loads(desk("list", "--state-dir", "DESK/state", "--json")[1])
    assert sorted(card["contract_id"] for card in listed) == ["C1", "C2"]
    sheet.write_text(f"{HEAD}\nDEADBEEF;C1;0;\n")
    code, said, err = desk(*words, "--apply")
    assert (code, said) == (1, "")
    assert "--form hex " in err
    assert "--form hex-reversed" in err
    assert "ends in ADDE" in err
    assert "DEADBEEF" not in err


def test_site_files_that_do_not_say_enough_end_with_status_2(desk):
    for text in ("", "[site]\nid = 7", "[site", '[site]\nid = "x"\n[cards]\noperator_keys = "ed"'):
        (desk.folder / "site.toml").write_text(text)
        code, _, err = desk("list", "show", "--site", "DESK/site.toml")
        assert (code, "site.toml" in err) == (2, True)
