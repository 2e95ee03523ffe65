import hashlib
import hmac
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from edge.rfid.tokens.vault import Vault, VaultError


def test_the_pepper_is_made_once_and_readable_by_its_owner_alone(tmp_path):
    first = Vault.load(tmp_path)
    path = tmp_path / "pepper"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_bytes()) == 32
    assert Vault.load(tmp_path).pepper.check() == first.pepper.check()
    assert [entry.name for entry in tmp_path.iterdir()] == ["pepper"]


def test_processes_that_start_together_agree(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        keys = {vault.list_key() for vault in pool.map(lambda _: Vault.load(tmp_path), range(16))}
    assert len(keys) == 1


def test_a_secret_that_others_may_read_is_refused(tmp_path):
    Vault.load(tmp_path)
    (tmp_path / "pepper").chmod(0o640)
    with pytest.raises(VaultError, match="0640"):
        Vault.load(tmp_path)


def test_a_damaged_secret_is_refused_and_kept(tmp_path):
    path = tmp_path / "pepper"
    path.touch(0o600)
    path.write_bytes(b"short")
    with pytest.raises(VaultError, match="5 bytes"):
        Vault.load(tmp_path)
    assert path.read_bytes() == b"short"


def test_no_new_pepper_is_made_for_cards_that_another_one_has_keyed(tmp_path):
    (tmp_path / "cards.db").touch()
    with pytest.raises(VaultError, match=r"restore it from the backup; .*forecourt-pepper"):
        Vault.load(tmp_path)
    assert not (tmp_path / "pepper").exists()


def test_a_credential_takes_the_place_of_the_file(tmp_path):
    """Its mode is systemd's: 0440 is the mask of an ACL."""
    given, state = tmp_path / "given", tmp_path / "state"
    given.mkdir()
    state.mkdir()
    moved = Vault.load(state)
    (state / "pepper").rename(given / "forecourt-pepper")
    (given / "forecourt-pepper").chmod(0o440)
    assert Vault.load(state, given).pepper.check() == moved.pepper.check()
    assert list(state.iterdir()) == []


def test_a_link_to_the_credential_serves_commands_while_it_is_there(tmp_path):
    given, state = tmp_path / "given", tmp_path / "state"
    given.mkdir()
    state.mkdir()
    moved, credential = Vault.load(state), given / "forecourt-pepper"
    (state / "cards.db").touch()
    (state / "pepper").rename(credential)
    (state / "pepper").symlink_to(credential)
    credential.chmod(0o440)
    for folder in (given, None):
        assert Vault.load(state, folder).pepper.check() == moved.pepper.check()
    credential.chmod(0o444)
    for folder in (given, None):
        with pytest.raises(VaultError, match="0444"):
            Vault.load(state, folder)
    credential.unlink()
    with pytest.raises(VaultError, match="only while the controller runs"):
        Vault.load(state)


def test_a_credential_and_a_file_that_differ_are_refused(tmp_path):
    given, state = tmp_path / "given", tmp_path / "state"
    given.mkdir()
    state.mkdir()
    Vault.load(state)
    given.joinpath("forecourt-pepper").touch(0o600)
    (given / "forecourt-pepper").write_bytes((state / "pepper").read_bytes())
    Vault.load(state, given)
    (given / "forecourt-pepper").write_bytes(bytes(32))
    with pytest.raises(VaultError, match="differ"):
        Vault.load(state, given)


def test_keys_for_one_purpose_are_derived_as_in_rfc_5869(tmp_path):
    """Extract with a salt of zeros, then the first block of expand."""
    vault = Vault.load(tmp_path)
    root = (tmp_path / "pepper").read_bytes()
    extracted = hmac.new(bytes(32), root, hashlib.sha256).digest()
    assert vault.row_key == hmac.new(extracted, b"forecourt rows 1\x01", hashlib.sha256).digest()
    assert vault.subkey("a") != vault.subkey("b")


def test_the_key_of_the_list_is_made_when_it_is_asked_for_and_stays(tmp_path):
    vault = Vault.load(tmp_path)
    assert not (tmp_path / "list-key").exists()
    assert vault.list_key() == Vault.load(tmp_path).list_key() == (tmp_path / "list-key").read_bytes()
    assert vault.list_key() != (tmp_path / "pepper").read_bytes()


def test_keys_that_all_cards_share_are_the_operators_to_bring(tmp_path):
    vault = Vault.load(tmp_path)
    assert vault.site_key("uid-key") is None
    path = tmp_path / "uid-key"
    path.touch(0o600)
    path.write_bytes(bytes(16))
    assert vault.site_key("uid-key") == bytes(16)
    path.write_bytes(bytes(15))
    with pytest.raises(VaultError, match="15 bytes, expected 16"):
        vault.site_key("uid-key")


def test_no_secret_shows(tmp_path):
    vault = Vault.load(tmp_path)
    secret = (tmp_path / "pepper").read_bytes()
    assert repr(secret)[2:-1] not in repr(vault)
    assert secret.hex() not in repr(vault)
