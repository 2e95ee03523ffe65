import hashlib
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from edge.rfid.tokens.pepper import Pepper, PepperError, load_or_create_pepper


def test_the_reference_is_hmac_sha256_of_type_and_number_cut_to_16_bytes():
    """The outer and inner hash written out as in RFC 2104, section 2."""
    secret, uid = bytes(range(32)), bytes.fromhex("04A3C6CAE26180")
    block = secret.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in block) + b"ISO14443" + uid).digest()
    outer = hashlib.sha256(bytes(b ^ 0x5C for b in block) + inner).digest()
    assert Pepper(secret).ref("ISO14443", uid) == outer[:16].hex()


def test_a_fixed_reference_never_changes_between_versions():
    ref = Pepper(bytes(range(32))).ref("ISO14443", bytes.fromhex("DEADBEEF"))
    assert ref == "17acd99a249ea1a3afb15e5d29e75073"


def test_another_site_or_type_gives_another_reference():
    uid = b"\xde\xad\xbe\xef"
    refs = {Pepper(bytes(32)).ref("ISO14443", uid), Pepper(b"\1" * 32).ref("ISO14443", uid),
            Pepper(bytes(32)).ref("ISO15693", uid)}
    assert len(refs) == 3


def test_the_file_is_created_once_and_readable_by_its_owner_alone(tmp_path):
    first = load_or_create_pepper(tmp_path)
    path = tmp_path / "pepper"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_bytes()) == 32
    assert load_or_create_pepper(tmp_path).check() == first.check()
    assert [entry.name for entry in tmp_path.iterdir()] == ["pepper"]


def test_two_processes_that_start_together_agree(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        checks = {p.check() for p in pool.map(lambda _: load_or_create_pepper(tmp_path), range(16))}
    assert len(checks) == 1


def test_a_pepper_that_others_may_read_is_refused(tmp_path):
    load_or_create_pepper(tmp_path)
    (tmp_path / "pepper").chmod(0o640)
    with pytest.raises(PepperError, match="0640"):
        load_or_create_pepper(tmp_path)


def test_a_damaged_pepper_is_refused_and_kept(tmp_path):
    path = tmp_path / "pepper"
    path.touch(0o600)
    path.write_bytes(b"short")
    with pytest.raises(PepperError, match="5 bytes"):
        load_or_create_pepper(tmp_path)
    assert path.read_bytes() == b"short"


def test_the_secret_does_not_show():
    assert "secret" in repr(Pepper(b"A" * 32))
    assert "AAAA" not in repr(Pepper(b"A" * 32))
