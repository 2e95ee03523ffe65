import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looped import looped
from proof_cards import (
    AUTHORITY,
    AUTHORITY_ID,
    CARD_KEY,
    OTHER_UID,
    RANDOM_UID,
    UID,
    CertificateCard,
    body,
    field,
    point,
    private,
    sealed,
    signed,
)

from edge.controller.idtoken import Unproven
from edge.rfid.proof import certificate
from edge.rfid.proof.outcome import NotProven

H = bytes.fromhex
TRUSTED = {AUTHORITY_ID.hex().upper(): point(AUTHORITY)}
OTHER = private(3003)


def ask(card, *, authorities=TRUSTED, day="260704", uid=UID, random=b"\x5a"):
    return certificate.prove(authorities, day, card, uid, lambda n: random * n)


def refused(card, **given_):
    with pytest.raises(NotProven) as caught:
        ask(card, **given_)
    return caught.value.unproven


def test_a_card_of_a_trusted_authority_proves_its_number_and_key():
    found = ask(CertificateCard())
    assert (found.uid, found.key) == (UID, point(CARD_KEY))
    assert UID.hex() not in repr(found).lower()


def test_a_made_up_number_is_exchanged_for_the_certificates():
    assert ask(CertificateCard(), uid=RANDOM_UID).uid == UID


def test_an_authority_is_known_by_hex_or_text():
    for name in ("46435454455354" + "31", "fctTEST1".replace("fct", "FCT"), AUTHORITY_ID.hex()):
        assert ask(CertificateCard(), authorities={name: point(AUTHORITY)}).uid == UID
    assert refused(CertificateCard(), authorities={"FCTTEST2": point(AUTHORITY)}) is Unproven.FOREIGN


def test_a_copied_certificate_without_its_private_key_is_wrong():
    assert refused(CertificateCard(key=OTHER)) is Unproven.WRONG


def test_a_certificate_of_another_card_is_wrong():
    assert refused(CertificateCard(), uid=OTHER_UID) is Unproven.WRONG


def test_another_authority_is_foreign_under_its_own_and_under_a_borrowed_name():
    assert refused(CertificateCard(sealed(body(), OTHER), CARD_KEY)) is Unproven.FOREIGN
    assert refused(CertificateCard(sealed(body(authority=b"OTHER"), OTHER))) is Unproven.FOREIGN
    assert refused(CertificateCard(), authorities={}) is Unproven.FOREIGN


def test_each_field_is_under_the_signature():
    for changed in ({"uid": OTHER_UID}, {"ends": H("20301231")}, {"begins": H("20250101")},
                    {"point": point(OTHER)}):
        whole, true = b"".join(body(**changed)), b"".join(body())
        forged = field("7F21", whole + field("5F37", signed(AUTHORITY, true)))
        card = CertificateCard(forged, OTHER if "point" in changed else CARD_KEY)
        assert refused(card, uid=changed.get("uid", UID)) is Unproven.FOREIGN


@looped("row", [("251231", True), ("260101", False), ("291231", False), ("300101", True),
                (None, False)])
def test_dates_are_judged_by_the_day_where_it_is_known(row):
    day, outdated = row
    if outdated:
        assert refused(CertificateCard(), day=day) is Unproven.OUTDATED
    else:
        assert ask(CertificateCard(), day=day).uid == UID


def test_a_signature_of_another_challenge_is_wrong():
    answers = []

    def replays(apdu):
        reply = CertificateCard()(apdu)
        if apdu[:2] == b"\x80\x03":
            answers.append(reply)
            return answers[0]
        return reply

    assert ask(replays, random=b"\x01").uid == UID
    assert refused(replays, random=b"\x02") is Unproven.WRONG


GOOD = body()
KEY = field("B0", point(CARD_KEY))


@looped("certificate_", [
    b"", b"\x7f", b"\x7f\x21", b"\x7f\x21\x00", sealed(GOOD)[:-1], sealed(GOOD) + b"\0",
    sealed(GOOD[1:]), sealed([*GOOD[:2], GOOD[1], *GOOD[2:]]), sealed([GOOD[1], GOOD[0], *GOOD[2:]]),
    sealed(GOOD[:-1]), field("7F21", b"".join(GOOD)), field("7F22", sealed(GOOD)[4:]),
    sealed([*GOOD[:3], *GOOD[4:]]), sealed([*GOOD[:5], field("53", b"x"), GOOD[5]]),
    sealed(body(begins=H("2026"))), sealed(body(begins=H("20261301"))),
    sealed(body(ends=H("202A0101"))), sealed(body(ends=H("20290100"))),
    sealed(body(uid=b"12345")), sealed(body(curve=b"\x04")),
    sealed(body(curve=b"")), sealed(body(point=point(CARD_KEY)[:-1])),
    sealed(body(point=b"\x04" + bytes(64))), sealed([*GOOD[:5], field("7F49", KEY)]),
    sealed([*GOOD[:5], field("7F49", KEY + field("F0", b"\x03") + b"\0")]),
    b"\x7f\x21\x82\x00" + sealed(GOOD)[3:], sealed([b"\x93\x81\x07" + UID, *GOOD[1:]]),
    b"\x7f\x21\x81\x05" + bytes(5), b"\x7f\x21\x84" + bytes(9), b"\x7f\x21\x80" + bytes(2),
    field("7F21", b"".join(GOOD) + field("5F37", bytes(63)))])
def test_a_certificate_that_is_not_written_as_it_should_be_is_unable(certificate_):
    assert refused(CertificateCard(certificate_)) is Unproven.UNABLE


def test_a_card_without_the_application_or_the_command_is_unable():
    assert refused(lambda _: b"\x6a\x82") is Unproven.UNABLE
    assert refused(lambda a: b"\x6d\x00" if a[0] == 0x80 else b"\x90\x00") is Unproven.UNABLE
    whole = CertificateCard()
    assert refused(lambda a: whole(a)[1:] if a[1] == 3 else whole(a)) is Unproven.UNABLE


def test_a_broken_configuration_is_refused_by_name():
    assert refused(CertificateCard(), authorities={"FCTTEST1": b"\x04" + bytes(64)}) is Unproven.UNABLE
    assert refused(CertificateCard(), day="2026-07-04") is Unproven.UNABLE
    both = {"FCTTEST1": point(AUTHORITY), AUTHORITY_ID.hex(): point(OTHER)}
    assert refused(CertificateCard(), authorities=both) is Unproven.FOREIGN


@given(st.binary(max_size=60))
@settings(max_examples=80)
def test_any_bytes_are_a_certificate_or_refused_by_name(data):
    for text in (data, field("7F21", data)):
        with pytest.raises(NotProven):
            certificate.parse(text)
