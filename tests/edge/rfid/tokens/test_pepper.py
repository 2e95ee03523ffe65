import hashlib

import pytest

from edge.rfid.tokens.pepper import Pepper


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


def test_the_secret_does_not_show():
    assert "secret" in repr(Pepper(b"A" * 32))
    assert "AAAA" not in repr(Pepper(b"A" * 32))


def test_a_pepper_of_another_length_is_none():
    with pytest.raises(ValueError, match="32 bytes, got 5"):
        Pepper(b"short")
