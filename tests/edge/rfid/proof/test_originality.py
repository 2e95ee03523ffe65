import pytest
from looped import looped
from proof_cards import ISO_DEP, TYPE2

from edge.controller.idtoken import Unproven
from edge.controller.trouble import DeviceRefused, DeviceTimeout
from edge.rfid.proof import originality
from edge.rfid.proof.outcome import NotProven

H = bytes.fromhex


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
