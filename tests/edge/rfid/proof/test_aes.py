"""Numbers: NIST SP 800-38B, appendix D.1 (CMAC)."""

import pytest
from looped import looped

from edge.rfid.proof import aes

NIST_KEY = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C")
NIST = (
    ("", "BB1D6929E95937287FA37D129B756746"),
    ("6BC1BEE22E409F96E93D7E117393172A", "070A16B46B4D4144F79BDD9DD04A287C"),
    ("6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E5130C81C46A35CE411",
     "DFA66747DE9AE63030CA32611497C827"),
)


@looped("row", NIST)
def test_cmac_is_the_one_of_the_standard(row):
    message, mac = map(bytes.fromhex, row)
    assert aes.cmac(NIST_KEY, message) == mac


def test_subkeys_are_those_of_the_standard_and_of_an10922():
    assert aes.subkeys(NIST_KEY) == (bytes.fromhex("FBEED618357133667C85E08F7236A8DE"),
                                     bytes.fromhex("F7DDAC306AE266CCF90BC11EE46D513B"))
    assert aes.subkeys(bytes.fromhex("00112233445566778899AABBCCDDEEFF")) == (
        bytes.fromhex("FBC9F75C9413C041DFEE452D3F0706D1"),
        bytes.fromhex("F793EEB928278083BFDC8A5A7E0E0D25"))


def test_the_short_mac_takes_every_other_byte_from_the_second_on():
    assert aes.short(bytes(range(16))) == bytes([1, 3, 5, 7, 9, 11, 13, 15])


@looped("length", range(33))
def test_padding_comes_off_as_it_went_on(length):
    data = bytes(range(1, length + 1))
    padded = aes.padded(data)
    assert len(padded) % 16 == 0
    assert len(padded) > length
    assert aes.unpadded(padded) == data


@looped("data", [b"", bytes(16), b"\x01" * 16, b"\x80" + bytes(16), b"\x80" + bytes(31)])
def test_no_padding_is_none(data):
    assert aes.unpadded(data) is None


def test_cbc_of_two_blocks_comes_back_and_chains():
    key, data = bytes(16), bytes(32)
    secret = aes.encrypt(key, data)
    assert secret[:16] != secret[16:]
    assert aes.decrypt(key, secret) == data
    assert aes.encrypt(key, data[:16], iv=secret[:16]) == secret[16:]


def test_unequal_lengths_are_never_mixed():
    with pytest.raises(ValueError, match="zip"):
        aes.xor(b"12", b"1")
