"""Erasing a person's token: what is said, and what is gone."""

import json
from pathlib import Path

import pytest

from edge.rfid.privacy_command import main
from edge.rfid.tokens.seal import SealBroken
from edge.rfid.tokens.store import TokenStore
from edge.rfid.tokens.vault import Vault

UID = "04A3C6CAE26180"


def opened(folder: Path) -> TokenStore:
    return TokenStore.open(folder, Vault.load(folder))


def test_a_token_is_erased_by_its_reference_or_its_number(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for how in ("--token", "--uid"):
        store = opened(tmp_path)  # stays open, as a running controller has it
        record = store.add(bytes.fromhex(UID), name="Ms Smith")
        ref, sealed = record.token.ref, record.token.sealed
        assert store.unseal(sealed, ref).hex().upper() == UID
        word = ref if how == "--token" else "04:A3:C6:CA:E2:61:80"
        assert main(["erase", how, word, "--state-dir", str(tmp_path)]) == 0
        out = capsys.readouterr().out
        assert ref in out and "sealing key is destroyed" in out and "entry in the list" in out
        assert UID not in out
        with pytest.raises(SealBroken):
            store.unseal(sealed, ref)
        assert store.lookup(bytes.fromhex(UID)).record is None
        store.close()
        assert main(["erase", how, word, "--state-dir", str(tmp_path), "--json"]) == 1
        assert json.loads(capsys.readouterr().out)["token"] == ref


def test_what_is_no_token_is_refused_without_repeating_it(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["erase", "--uid", "04A3C6CAE2", "--state-dir", str(tmp_path)]) == 2
    assert "04A3C6" not in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["erase", "--token", "nonsense", "--state-dir", str(tmp_path)])
    assert ended.value.code == 2 and "32 hex digits" in capsys.readouterr().err


def test_copies_of_damaged_files_are_named(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = opened(tmp_path)
    ref = store.add(bytes.fromhex(UID)).token.ref
    store.close()
    for name in ("cards.db", "taps.db"):
        (tmp_path / f"{name}.damaged-20261122T120000").touch()
    assert main(["erase", "--token", ref, "--state-dir", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "cards.db.damaged-2026" in out and "taps.db.damaged-2026" in out
