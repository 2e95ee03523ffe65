"""Virtual cards against published examples: with the same random numbers they say the same bytes.

Numbers: NXP AN12196, AN12343 and AN10922, logs of a DESFire EV1, NIST SP 800-38B.
"""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from hil_tests.virtual.applets import crypto, desfire, duox, native, ntag424, type2
from hil_tests.virtual.site_cards import (
    AUTHORITY,
    AUTHORITY_POINT,
    FLEET_KEY,
    SIGNATURE,
    SIGNED_UID,
    SITE_CARDS,
    SYSTEM,
)

UID = bytes.fromhex("04958CAA5C5E80")
SELECT_NTAG = bytes.fromhex("00A4040C07D276000085010100")
SELECT_AID = bytes.fromhex("905A00000301000000")
AID = bytes.fromhex("000001")

#: Key, the reader's second message, and the card's two answers; its numbers are read out of these.
EV2_FIRST = [
    ("00" * 16, "A04C124213C186F22399D33AC2A30215",
     "35C3E05A752E0144BAC0DE51C1F22C56B34408A23D8AEA266CAB947EA8E0118D",
     "3FA64DB5446D1F34CD6EA311167F5E4985B89690C04A05F17FA7AB2F08120663"),
    ("00" * 16, "B875CEB0E66A6C5CD00898DC371F92D1",
     "FF0306E47DFBC50087C4D8A78E88E62DE1E8BE457AA477C707E2F0874916A8B1",
     "0CC9A8094A8EEA683ECAAC5C7BF20584206D0608D477110FC6B3D5D3F65C3A6A"),
]
EV1_AES = [
    ("00" * 16, 0, "B969FDFE56FD91FC9DE6F6F213B8FD1E",
     "36AAD7DF6E436BA08D18613830A70D5AD43E3D3F4A8D47541EEE623A934E4774",
     "800DB680BC146BD121D6578F2D2E2059"),
    ("10182028303840485058606870788088", 1, "B351CB2465D4F33AC627FD6E87A168F2",
     "044B6CAC343A0865895149649CA8DDE1F5AC4EC67BD208900AF02F049E05F0B0",
     "A2EE144B1012FBEB7B2F11132D95A454"),
]
CMACS = [
    ("", "BB1D6929E95937287FA37D129B756746"),
    ("6BC1BEE22E409F96E93D7E117393172A", "070A16B46B4D4144F79BDD9DD04A287C"),
    ("6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E5130C81C46A35CE411",
     "DFA66747DE9AE63030CA32611497C827"),
]
NIST_KEY = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C")


def h(text):
    return bytes.fromhex(text)


def wrapped(ins, body=b""):
    return bytes([0x90, ins, 0, 0]) + (bytes([len(body)]) + body if body else b"") + b"\x00"


def these(*numbers):
    """Random numbers in their order, each of the length that is asked for."""
    left = list(numbers)

    def random_bytes(count):
        number = left.pop(0)
        assert len(number) == count
        return number
    return random_bytes


def test_cmac_and_its_chained_form_give_what_nist_says():
    for message, mac in CMACS:
        assert crypto.cmac(NIST_KEY, h(message)) == h(mac)
        assert crypto.chained_cmac(NIST_KEY, h(message), bytes(16)) == h(mac)


def test_diversified_keys_are_those_of_the_application_note_and_never_of_a_short_input():
    key = crypto.diversified(h("00112233445566778899AABBCCDDEEFF"), h("04782E21801D80"), h("3042F5"),
                             b"NXP Abu")
    assert key == h("A8DD63A3B89D54B37CA802473FDA9175")
    with pytest.raises(ValueError, match="got 15 bytes, expected 16 to 31"):
        crypto.diversified(bytes(16), bytes(7), bytes(3), bytes(5))


def test_session_keys_of_ev2_are_those_of_the_application_note():
    enc, mac = crypto.ev2_keys(bytes(16), h("B04D0787C93EE0CC8CACC8E86F16C6FE"),
                               h("FA659AD0DCA738DD65DC7DC38612AD81"))
    assert (enc, mac) == (h("63DC07286289A7A6C0334CA31C314A04"), h("774F26743ECE6AF5033B6AE8522946F6"))


def test_ntag_424_and_desfire_authenticate_as_published():
    for key, first, token, second in EV2_FIRST:
        ours, transaction = crypto.decrypted(h(key), h(first)), crypto.decrypted(h(key), h(second))[:4]
        for card, select in (
                (ntag424.Ntag424(UID, {0: h(key)}, random_bytes=these(ours, transaction)), SELECT_NTAG),
                (desfire.DesfireEv2(UID, AID, {0: h(key)}, random_bytes=these(ours, transaction)),
                 SELECT_AID)):
            assert card.apdu(select) in (b"\x90\x00", b"\x91\x00")
            assert card.apdu(h("9071000002000000")) == h(first) + b"\x91\xaf"
            assert card.apdu(wrapped(0xAF, h(token))) == h(second) + b"\x91\x00"
            assert card.lock.session is not None


def test_the_true_number_is_told_under_the_session_as_published():
    session = native.Session(h("2B4D963C014DC36F24F69A50A394F875"),
                             h("379D32130CE61705DD5FD8C36B95D764"), h("DF055522"))
    assert session.heard(0x51, h("8E2C155ADDA99BE3")) == b""
    assert session.answer(UID) == h("70756055688505B52A5E26E59E329CD6595F672298EA41B79100")
    assert session.heard(0x51, h("8E2C155ADDA99BE3")) is None, "the same again: the counter went on"


def test_desfire_ev1_authenticates_as_published_and_tells_its_number_under_the_session():
    for key, number, first, token, second in EV1_AES:
        card = desfire.DesfireEv1(UID, AID, {number: h(key)},
                                  random_bytes=these(crypto.decrypted(h(key), h(first))))
        card.apdu(SELECT_AID)
        assert card.apdu(wrapped(0xAA, bytes([number]))) == h(first) + b"\x91\xaf"
        assert card.apdu(wrapped(0xAF, h(token))) == h(second) + b"\x91\x00"
        told = card.apdu(wrapped(0x51))
        theirs = crypto.decrypted(h(key), h(token), h(first))[:16]
        session = crypto.ev1_key(theirs, crypto.decrypted(h(key), h(first)))
        plain = crypto.decrypted(session, told[:-2], crypto.chained_cmac(session, b"\x51", bytes(16)))
        assert plain[:7] == UID


def test_a_wrong_key_an_unknown_key_and_a_spoilt_token_get_no_session():
    key, first, token, _ = EV2_FIRST[0]
    ours = crypto.decrypted(h(key), h(first))
    for make, select, begin in (
            (lambda r: ntag424.Ntag424(UID, {0: bytes(16)}, random_bytes=r), SELECT_NTAG, b"\x00\x00"),
            (lambda r: desfire.DesfireEv3(UID, AID, {0: bytes(16)}, random_bytes=r), SELECT_AID,
             b"\x00\x00")):
        card = make(these(ours))
        card.apdu(select)
        assert card.apdu(wrapped(0x71, b"\x05\x00")) == native.NO_SUCH_KEY
        card.apdu(wrapped(0x71, begin))
        spoilt = h(token)[:-1] + b"\x00"
        assert card.apdu(wrapped(0xAF, spoilt)) == native.AUTHENTICATION_ERROR
        assert card.lock.failures == 1
        assert card.apdu(wrapped(0xAF, h(token))) == native.ABORTED, "the challenge was used up"
        assert card.apdu(wrapped(0x51, bytes(8)))[-2:] != b"\x91\x00"


def test_a_sun_message_has_the_published_cryptogram_and_mac_and_counts():
    picc = h("EF963FF7828658A599F3041510671E88")
    sun = ntag424.Sun(bytes(16), bytes(16), counter=60)
    uid, tail = h("04DE5F1EACC040"), crypto.decrypted(bytes(16), picc)[11:]
    card = ntag424.Ntag424(uid, {}, sun=sun, random_bytes=these(tail, bytes(5)))
    told = read_ndef(card)
    assert f"picc_data={picc.hex().upper()}&cmac=94EED9EE65337086".encode() in told
    assert sun.counter == 61
    assert card.apdu(h("00B0001010"))[:-2] == told[16:32], "a reading in parts is one reading"
    assert sun.counter == 61
    assert read_ndef(card) != told
    assert sun.counter == 62
    card.reset()
    assert sun.counter == 62, "kept without power"
    sun.again = True
    last = sun.last
    assert read_ndef(card) == last
    assert sun.counter == 62, "a replayed message counts nothing"


def read_ndef(card):
    assert card.apdu(SELECT_NTAG) == b"\x90\x00"
    assert card.apdu(h("00A4000C02E104")) == b"\x90\x00"
    told = card.apdu(h("00B0000000"))
    assert told[-2:] == b"\x90\x00"
    return told[:-2]


def test_files_of_ntag_424_are_found_only_where_they_are():
    card = ntag424.Ntag424(UID, {})
    for words, answer in (("00B0000000", "6982"), ("00A4000C02E103", "6A82"),
                          ("00A4040C07D276000085010200", "6A82"), ("00A4040C09D2760000850101", "6700"),
                          ("00A4040C07D276000085010100", "9000"), ("00B0000000", "6A82"),
                          ("00A4000C02E105", "6A82"), ("00B0830002", "0017 9000"),
                          ("00B0FF0002", "6A82"), ("00A4000C02E104", "9000"), ("00B0010000", "6B00"),
                          ("00B00000", "6700"), ("00A4020C02E104", "6A86"), ("00D6000000", "6D00"),
                          ("80020000", "6E00"), ("90", "6700"), ("9071000005000000", "917E"),
                          ("9099000000", "911C")):
        assert card.apdu(h(words)) == h(answer), words


def test_get_version_tells_the_chip_in_three_frames():
    chips = ((ntag424.Ntag424(UID, {}), "0430"), (desfire.DesfireEv1(UID, AID, {}), "0101"),
             (desfire.DesfireEv2(UID, AID, {}), "0112"), (desfire.DesfireEv3(UID, AID, {}), "0133"),
             (duox.Duox(UID, duox.Signer(7), b""), "01A0"))
    for card, type_and_major in chips:
        first, second, third = (card.apdu(wrapped(ins)) for ins in (0x60, 0xAF, 0xAF))
        assert (first[1:2] + first[3:4]).hex().upper() == type_and_major
        assert [first[-2:], second[-2:], third[-2:]] == [native.MORE, native.MORE, native.OK]
        assert third[:7] == UID
        assert card.apdu(wrapped(0xAF)) == native.ABORTED
    hidden = ntag424.Ntag424(UID, {}, hides_uid=True)
    told = [hidden.apdu(wrapped(ins)) for ins in (0x60, 0xAF, 0xAF)]
    assert UID not in b"".join(told)


def test_the_makers_signature_is_told_as_it_was_given_or_made():
    read_signature = wrapped(0x3C, b"\x00")
    card = ntag424.Ntag424(h(SIGNED_UID), {}, signature=h(SIGNATURE))
    assert card.apdu(read_signature) == h(SIGNATURE) + b"\x91\x90"
    assert ntag424.Ntag424(UID, {}).apdu(read_signature) == native.ILLEGAL_COMMAND
    made = crypto.maker_signature(UID, 0xA11CE)
    maker = ec.derive_private_key(0xA11CE, ec.SECP224R1()).public_key()
    der = utils.encode_dss_signature(int.from_bytes(made[:28], "big"), int.from_bytes(made[28:], "big"))
    maker.verify(der, bytes(21) + UID, ec.ECDSA(utils.Prehashed(hashes.SHA224())))


def test_a_certificate_card_signs_the_challenge_with_the_key_of_its_certificate():
    authority, own, other = (duox.Signer(secret) for secret in (0xCA, 0xCAFE, 0xF00))
    cert = duox.certificate(authority, duox.Claims(UID, "TESTCA01", "ANNA"), own.point)
    assert cert[:3] == h("7F2181")
    assert cert[3] == len(cert) - 4
    assert verifies(authority, cert[4:-67], cert[-64:])
    challenge = bytes(range(32))
    for key, holds in ((own, True), (other, False)):
        card = duox.Duox(UID, key, cert)
        assert card.apdu(h("8002000000")) == b"\x69\x85", "nothing is selected"
        assert card.apdu(b"\x00\xa4\x04\x00\x10" + duox.DF_NAME + b"\x00") == b"\x90\x00"
        assert card.apdu(h("8002000000")) == cert + b"\x90\x00"
        signed = card.apdu(h("80030C0920") + challenge + b"\x00")
        assert signed[-2:] == b"\x90\x00"
        assert verifies(own, challenge, signed[:-2]) is holds
        assert card.apdu(h("80030C0910") + bytes(16)) == b"\x67\x00"


def verifies(signer, message, signature):
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.BrainpoolP256R1(), signer.point)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        public.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def test_type_2_cards_tell_version_pages_and_signature_and_sleep_after_a_nak():
    signature = bytes(range(32))
    for kind, (version, pages) in type2.KINDS.items():
        card = type2.Type2(UID, kind, signature)
        assert card.answer(b"\x60") == version
        assert card.answer(b"\x3c\x00") == signature
        head = card.answer(b"\x30\x00")
        assert (head[:3] + head[4:8], len(head)) == (UID, 16)
        assert head[3] == 0x88 ^ UID[0] ^ UID[1] ^ UID[2]
        assert card.answer(bytes([0x3A, 0, 3])) == head
        assert card.answer(bytes([0x30, pages - 1]))[4:] == head[:12], "it goes on at page 0"
        assert not card.asleep
        assert card.answer(bytes([0x30, pages])) == b"\x00"
        assert card.asleep
    assert type2.Type2(UID, "ntag213").answer(b"\x3c\x00") == b"\x00", "no original"
    with pytest.raises(ValueError, match="kind: got 'ntag999', expected one of ntag213"):
        type2.Type2(UID, "ntag999")


def test_what_the_virtual_site_says_of_its_cards_is_true():
    assert duox.Signer(int(AUTHORITY, 16)).point.hex() == AUTHORITY_POINT
    seen = 0
    for card in SITE_CARDS:
        if card.level == 3:
            seen += 1
            assert crypto.diversified(h(FLEET_KEY), h(card.uid), h(card.application)[-3:],
                                      SYSTEM) == h(card.key), card.name
    assert seen == 4
    assert len({card.name for card in SITE_CARDS}) == len(SITE_CARDS)
    listed = [card.uid for card in SITE_CARDS if card.listed]
    assert len(set(listed)) == len(listed), "a number stands on a list once"
