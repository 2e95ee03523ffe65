"""Numbers and signatures of real cards, as Proxmark3's `recover_pk.py` carries them; NXP AN12196, 8.2."""

import pytest
from looped import looped

from edge.controller.idtoken import Unproven
from edge.controller.trouble import DeviceRefused, DeviceTimeout
from edge.rfid.proof import originality
from edge.rfid.proof.outcome import NotProven

H = bytes.fromhex
TYPE2 = (
    (0, "04E10CDA993C80", "8B76052EE42F5567BEB53238B3E3F9950707C0DCC956B5C5EFCFDB709B2D82B3"),
    (0, "04DB0BDA993C80", "6048EFD9417CD10F6B7F1818D471A7FE5B46868D2EABDC6307A1E0AAE139D8D0"),
    (1, "04C1285A373080", "CEA2EB0B3C95D0844A95B824A7553703B3702378033BF0987899DB70151A19E7"),
    (1, "04C2285A373080", "A561506723D422D29ED9F93E60D20B9ED1E05CC1BF81DA19FE500CA0B81CC0ED"),
)
ISO_DEP = (
    (0, "04518DFAA96180", "D1940D17CFEDA4BFF80359AB975F9F6514313E8F90C1D3CAAF5941AD"
                          "744A1CDF9A83F883CAFE0FE95D1939B1B7E47113993324473B785D21"),
    (0, "0463474AA26A80", "27E9A50E6CA4BA9037C02F7D20A80D0284D0C1D83C67F5A5AC1D8A4E"
                          "F86C9508417E4E9C6F85AA7920F0ABDED984CAF20467D66EA54BBF08"),
    (1, "042A41CAE45380", "B2769F8DDB575AEA2A680ADCA8FFED4FAB81A1E9908E2B82FE0FABB6"
                          "97BBD9B23835C416970E75768F12902ACA491349E94E6589EAF4F508"),
    (2, "04448BD2DB6B80", "5CBB5632795C8F15263FEFB095B51C7B541AFD914A1AE44EF6FB8AF6"
                          "05EDF13DBFEE6C3A2DB372245E671DFE0D42CB1F0D0B8FE67A89D2F6"),
    (3, "0439556ACB6480", "D5BD0978106E1E38B513642335966AB21E9F950DCFCFAB45FF13D0DC"
                          "3CA4C2AE7E0D671DF1240937D040DAC4601C5F66ED62C546EE03ED08"),
    (4, "044BA492806480", "517B2931355BD9B9F35D72ED90BDAB6212D05853ABCF9DD45A79D5CE"
                          "B91D8939C2C90D3A630A4D18A33903A3E23950A7580CF4CA34D03A90"),
)


@looped("row", TYPE2)
def test_type_2_cards_are_genuine_by_one_key_and_no_other(row):
    which, uid, signature = row
    assert [originality.genuine_type2(H(uid), H(signature), [key])
            for key in originality.TYPE2_KEYS] == [n == which for n in range(2)]
    assert not originality.genuine_type2(H(uid)[:-1] + b"\x81", H(signature))


@looped("row", ISO_DEP)
def test_iso_dep_cards_are_genuine_by_one_key_and_no_other(row):
    which, uid, signature = row
    assert [originality.genuine_iso_dep(H(uid), H(signature), [key])
            for key in originality.ISO_DEP_KEYS] == [n == which for n in range(5)]
    assert not originality.genuine_iso_dep(H(uid)[:-1] + b"\x81", H(signature))


def test_a_genuine_card_passes_by_either_way_of_asking():
    def raw(frame):
        assert frame == b"\x3c\x00"
        return H(TYPE2[0][2])

    def exchange(apdu):
        assert apdu == H("903C0000010000")
        return H(ISO_DEP[0][2]) + b"\x91\x90"

    originality.check(None, raw, H(TYPE2[0][1]))
    originality.check(exchange, None, H(ISO_DEP[0][1]))
    for asked in ((None, raw, H(ISO_DEP[0][1])), (exchange, None, H(TYPE2[0][1]))):
        with pytest.raises(NotProven, match="did not sign") as caught:
            originality.check(*asked)
        assert caught.value.unproven is Unproven.WRONG


@looped("row", [(None, None, 7), (None, None, 4), (None, b"", 7), (None, bytes(31), 7),
                (None, bytes(33), 7), (bytes(56) + b"\x91\x1c", None, 7), (b"\x91\x00", None, 7),
                (bytes(57) + b"\x91\x00", None, 7), (None, bytes(32), 4), (None, bytes(32), 10)])
def test_a_card_without_such_a_signature_is_unable(row):
    iso_dep, type2, length = row
    with pytest.raises(NotProven) as caught:
        originality.check(None if iso_dep is None else lambda _: iso_dep,
                          None if type2 is None else lambda _: type2, bytes(length))
    assert caught.value.unproven is Unproven.UNABLE


def test_a_no_is_unable_and_silence_is_torn():
    def refuses(_):
        raise DeviceRefused("READ_SIG", where="card", got="NAK 0", expected="32 bytes")

    def silent(_):
        raise DeviceTimeout("READ_SIG", where="card", got="nothing", expected="32 bytes")

    with pytest.raises(NotProven) as caught:
        originality.check(None, refuses, bytes(7))
    assert caught.value.unproven is Unproven.UNABLE
    with pytest.raises(DeviceTimeout):
        originality.check(None, silent, bytes(7))


@looped("signature", [bytes(56), b"\xff" * 56, bytes(28) + b"\x01" * 28])
def test_signatures_out_of_range_are_no_signatures(signature):
    assert not originality.genuine_iso_dep(bytes(7), signature)
