"""`[proofs]`: what a site's file may say of authorities and of cards with made-up numbers."""

import msgspec
import pytest
from site_texts import EXAMPLE, problems, written

from edge.rfid.wanted import SiteProofs, ways_for
from edge.rfid.wire import LENGTH_BYTES, Prove, RealUid, TagSeen, frame_length, to_frame
from edge.station.config import load
from edge.station.config_proofs import MOST_APPLICATIONS, MOST_AUTHORITIES, ProofsSection

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


def test_the_most_that_a_site_may_name_can_be_asked_at_once() -> None:
    names = {f"A{n:015}": POINT for n in range(MOST_AUTHORITIES)}
    applications = tuple(f"{n:032X}" for n in range(MOST_APPLICATIONS))
    found = msgspec.convert({"authorities": names, "uid_applications": applications}, ProofsSection)
    site = SiteProofs(day="261122", real_uid=tuple(
        RealUid(protocol="ev2", application=bytes.fromhex(one), key_no=13, keys=(bytes(16),))
        for one in found.uid_applications),
        authorities={name: bytes.fromhex(point) for name, point in found.authorities.items()})
    tag = TagSeen(reader_id="front", uid=b"\x08abc", sak=0x20, atqa=b"", mono_ns=0, random=True)
    frame = to_frame(Prove(tap=2**60, ways=ways_for(tag, None, None, site)))
    assert frame_length(frame[:LENGTH_BYTES])
    for wrong in ({"authorities": {**names, "B": POINT}},
                  {"uid_applications": (*applications, "F04543")}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, ProofsSection)


def test_check_names_an_authority_whose_key_is_no_point_and_what_is_wrong_with_words(tmp_path) -> None:
    good = ("04a2c3b5a707c01c9ab5a360d9d0bf34cd042e5f6b8d9e383f12a77cf88119d85a"
            "05a9bebb75f86b47ca20f99f26a5c87cbd39f76f0d6eae6632d6e0a66cccdd34")
    for said, named in (
            (f'authorities = {{ A = "{good}" }}', []),
            (f'authorities = {{ A = "{good[:-1]}5" }}', ["authorities.A", "a point of brainpool"]),
            ('authorities = { A = "03" }', ["04 and 128 more hex digits"]),
            ('uid_applications = ["D27"]', ["14 for NTAG"])):
        text = f"{EXAMPLE}\n[proofs]\n{said}\n"
        if not named:
            load(written(tmp_path, text))
            continue
        found = problems(tmp_path, text)
        assert len(found) == 1, found
        assert all(word in found[0] for word in named), found


def test_check_names_a_path_that_no_reader_has(tmp_path) -> None:
    for path in ("tty:forecourt_rfid:pn532", "tty:forecourt-rfid", "tty:USB0:pn533", "usb:072g:2200"):
        found = problems(tmp_path, EXAMPLE.replace("tty:forecourt-rfid:pn532", path))
        assert len(found) == 1 and "reader[0].path" in found[0], (path, found)
