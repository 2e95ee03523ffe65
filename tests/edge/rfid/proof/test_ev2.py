"""Numbers: NXP AN12196 and AN12343 as public projects carry them (nfc-ev2-crypto, Proxmark3)."""

import pytest
from looped import looped

from edge.controller.idtoken import Unproven
from edge.controller.trouble import BadAnswer
from edge.rfid.proof import aes, ev2
from edge.rfid.proof.outcome import KeyRefused, NotProven

H = bytes.fromhex
#: rnda, first answer, second command, second answer, TI, session keys; the key is all zeros.
FIRST = (
    ("13C5DB8A5930439FC3DEF9A4C675360F", "A04C124213C186F22399D33AC2A3021591AF",
     "90AF00002035C3E05A752E0144BAC0DE51C1F22C56B34408A23D8AEA266CAB947EA8E0118D00",
     "3FA64DB5446D1F34CD6EA311167F5E4985B89690C04A05F17FA7AB2F081206639100",
     "9D00C4DF", "1309C877509E5A215007FF0ED19CA564", "4C6626F5E72EA694202139295C7A7FC7"),
    ("B98F4C50CF1C2E084FD150E33992B048", "B875CEB0E66A6C5CD00898DC371F92D191AF",
     "90AF000020FF0306E47DFBC50087C4D8A78E88E62DE1E8BE457AA477C707E2F0874916A8B100",
     "0CC9A8094A8EEA683ECAAC5C7BF20584206D0608D477110FC6B3D5D3F65C3A6A9100",
     "7614281A", "7A93D6571E4B180FCA6AC90C9A7488D4", "FC4AF159B62E549B5812394CAB1918CC"),
)
SESSION_KEYS = (
    ("00" * 16, "B04D0787C93EE0CC8CACC8E86F16C6FE", "FA659AD0DCA738DD65DC7DC38612AD81",
     "63DC07286289A7A6C0334CA31C314A04", "774F26743ECE6AF5033B6AE8522946F6"),
    ("00112233445566778899AABBCCDDEEFF", "0123456789ABCDEF0123456789ABCDEF",
     "FEDCBA9876543210FEDCBA9876543210", "195428119C8528D59580A73C7C96C6A3",
     "0AF00F6E39F904C4A6388C812D53DC94"),
)
IVS = (("66A8CB93269DC9BC2885B7A91B9C697B", "ED56F6E6", 0, "DA0F644A4986275957CF1EC3AF4CCE53"),
       ("445A8626B3338459321232FADF6ADE2B", "11223344", 5, "177494FCC4F1DAB2AFBE8FAE2057A9D2"))
TX_KEY, TX_TI = "9366FA195EB566F5BD2BAD4020B83002", "E2D3AF69"
COMMAND_MACS = ((0, 0x8D, "00000000190000" + "22" * 25, "68F2C28C575A1628"),
                (1, 0xAD, "00000000300000", "0D9BE191D5960834"))
ANSWER_MACS = ((0, "", "0820F68898C2A7F1"), (1, "22" * 25 + "00" * 23, "A49A44222D926666"))


def session(enc="00" * 16, mac="00" * 16, ti="00" * 4, counter=0):
    return ev2.Session(H(enc), H(mac), H(ti), counter)


@looped("row", FIRST)
def test_authentication_goes_as_in_the_application_note(row):
    rnda, first, second, last, ti, enc, mac = row
    sent = []

    def card(apdu):
        sent.append(apdu.hex().upper())
        return H(first) if len(sent) == 1 else H(last)

    made = ev2.authenticate(card, 0, bytes(16), lambda n: H(rnda)[:n])
    assert sent == ["9071000002000000", second]
    same = session(enc, mac, ti)
    for ins, data in ((0x51, b""), (0x8D, b"some data"), (0x51, b"")):
        assert made.wrap(ins, data=data) == same.wrap(ins, data=data)


@looped("row", SESSION_KEYS)
def test_session_keys_are_those_of_the_application_note(row):
    key, ours, theirs, enc, mac = row
    assert ev2.session_keys(H(key), H(ours), H(theirs)) == (H(enc), H(mac))


@looped("row", IVS)
def test_vectors_follow_key_transaction_and_counter(row):
    key, ti, counter, iv = row
    wrapped = session(enc=key, ti=ti, counter=counter).wrap(0x8D, data=bytes(15))
    assert wrapped[5:21] == aes.encrypt(H(key), bytes(15) + b"\x80", H(iv))


@looped("row", COMMAND_MACS)
def test_macs_of_commands(row):
    counter, ins, data, mac = row
    wrapped = session(mac=TX_KEY, ti=TX_TI, counter=counter).wrap(ins, header=H(data))
    assert wrapped[5:-1] == H(data) + H(mac)


@looped("row", ANSWER_MACS)
def test_macs_of_answers(row):
    counter, data, mac = row
    own = session(mac=TX_KEY, ti=TX_TI, counter=counter)
    own.wrap(0xAD, full=False)
    assert own.unwrap(H(data) + H(mac), 0x9100, full=False) == H(data)


def test_a_command_with_a_mac_and_its_answer():
    own = session(mac="8248134A386E86EB7FAF54A52E536CB6", ti="7A21085E")
    assert own.wrap(0xF5, header=b"\x02", full=False) == H("90F5000009026597A457C8CD442C00")
    data = H("0040EEEE000100D1FE001F00004400004400002000006A0000")
    assert own.unwrap(data + H("2A474282E7A47986"), 0x9100, full=False) == data


def test_the_number_of_a_card_as_in_the_application_note():
    own = session("2B4D963C014DC36F24F69A50A394F875", "379D32130CE61705DD5FD8C36B95D764", "DF055522")

    def card(apdu):
        assert apdu == H("90510000088E2C155ADDA99BE300")
        return H("70756055688505B52A5E26E59E329CD6595F672298EA41B79100")

    assert ev2.card_uid(card, own) == H("04958CAA5C5E80")


def test_enciphered_writing_as_in_the_application_note():
    own = session("7A93D6571E4B180FCA6AC90C9A7488D4", "FC4AF159B62E549B5812394CAB1918CC", "7614281A")
    wrapped = own.wrap(0x8D, H("030000000A0000"), H("0102030405060708090A"))
    assert wrapped == H("908D00001F030000000A00006B5E6804909962FC4E3FF5522CF0F8436C0C53315B9C73AA00")
    assert own.unwrap(H("C26D236E4A7C046D"), 0x9100) == b""


@looped("row", [("91AE", KeyRefused, Unproven.WRONG), ("9140", NotProven, Unproven.UNABLE),
                ("91AD", NotProven, Unproven.TORN), ("911C", NotProven, Unproven.UNABLE),
                ("9100", NotProven, Unproven.UNABLE), ("9000", NotProven, Unproven.UNABLE)])
def test_a_status_has_its_word(row):
    status, error, word = row
    with pytest.raises(error) as caught:
        ev2.authenticate(lambda _: bytes(16) + H(status), 0, bytes(16), bytes)
    assert caught.value.unproven is word
    assert caught.value.detail.startswith("authenticate: ")


def test_less_than_a_status_word_is_a_bad_answer():
    for reply in (b"", b"\x91"):
        with pytest.raises(BadAnswer, match="status word"):
            ev2.authenticate(lambda _, r=reply: r, 0, bytes(16), bytes)


def test_an_answer_of_the_right_mac_and_no_padding_is_refused():
    own = session()
    own.wrap(0x51)
    unpadded = aes.encrypt(bytes(16), bytes(16), own._iv(b"\x5a\xa5"))
    for data in (unpadded, bytes(15), bytes(17)):
        with pytest.raises(NotProven, match="not enciphered"):
            own.unwrap(data + own._mac_of(0, data), 0x9100)
