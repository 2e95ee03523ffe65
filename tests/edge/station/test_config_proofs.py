"""`[proofs]`: what a site's file may say of authorities and of cards with made-up numbers."""

import msgspec
import pytest

from edge.station.config_proofs import ProofsSection

POINT = "04" + "ab" * 64


def test_a_site_without_a_word_trusts_no_authority() -> None:
    assert msgspec.convert({}, ProofsSection) == ProofsSection(
        authorities={}, uid_applications=("D2760000850101",), uid_key_no=1)


def test_authorities_and_applications_are_taken_as_they_are_written() -> None:
    found = msgspec.convert({"authorities": {"FCTTEST1": POINT}, "uid_key_no": 0,
                             "uid_applications": ["F04543", "d2760000850101"]}, ProofsSection)
    assert found.authorities == {"FCTTEST1": POINT}
    assert [len(bytes.fromhex(one)) for one in found.uid_applications] == [3, 7]


def test_what_cannot_be_is_refused() -> None:
    for wrong in ({"authorities": {"A": POINT[:-2]}}, {"authorities": {"A": "03" + POINT[2:]}},
                  {"authorities": {"": POINT}}, {"authorities": {"A" * 17: POINT}},
                  {"uid_applications": ["F0454"]}, {"uid_applications": ["F0454X"]},
                  {"uid_key_no": 14}, {"uid_key_no": -1}, {"uid_keys": 1}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, ProofsSection)
