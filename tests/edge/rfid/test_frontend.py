"""The wall around nfcpy: the real ContactlessFrontend over a device that throws."""

import errno
import termios

import nfc.clf
import pytest

from edge.controller.trouble import BadAnswer, DeviceRefused, DeviceTimeout, LineDown
from edge.rfid.frontend import Card, Frontend


class ThrowingDevice:
    """Stands where a driver of nfcpy stands. Raises, or finds a card with `uid`. `answers` come after
    the answer to select, of a chip that takes `frame` bytes.
    """

    vendor_name, product_name, chipset_name = "Maker", "", "PN532v1.6"

    def __init__(self, error=None, uid=b"\xde\xad\xbe\xef", sak=b"\x20", ats=b"\x01", close_error=None,
                 answers=(), frame=262):
        self.error, self.uid, self.sak, self.ats, self.close_error = error, uid, sak, ats, close_error
        self.answers, self.frame, self.heard = list(answers), frame, []
        self.socket = self
        self.closed = 0

    def mute(self):
        pass

    def sense_tta(self, target):
        if self.error is not None:
            raise self.error
        return nfc.clf.RemoteTarget("106A", sens_res=bytearray(b"\x04\x00"),
                                    sdd_res=bytearray(self.uid), sel_res=bytearray(self.sak))

    def get_max_send_data_size(self, target):
        return self.frame

    get_max_recv_data_size = get_max_send_data_size

    def send_cmd_recv_rsp(self, target, data, timeout):
        self.heard.append(bytes(data).hex())
        answer = self.ats if data[0] == 0xE0 else self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return bytearray(answer)

    def close(self):
        self.closed += 1
        if self.close_error is not None and self.closed == 1:
            raise self.close_error


def frontend(device, **clock):
    def connect(path):
        clf = nfc.clf.ContactlessFrontend()
        clf.device = device
        return clf
    made = Frontend("usb", virtual=False, connect=connect, **clock)
    made.open()
    return made


def selected(device, **clock):
    made = frontend(device, **clock)
    made.select(made.sense())
    return made


def plenty():
    return 1.0


@pytest.mark.parametrize("error", [
    OSError(errno.ENODEV, "No such device"), OSError(errno.EIO, "Input/output error"),
    termios.error(5, "Input/output error"), RuntimeError("libusb"), AttributeError("device")])
def test_a_reader_that_is_gone(error):
    with pytest.raises(LineDown, match="usb"):
        frontend(ThrowingDevice(error)).sense()


@pytest.mark.parametrize("error", [
    IndexError("bytearray index out of range"), AssertionError(), ValueError("04A3C6"), TypeError("x")])
def test_noise_of_the_radio(error):
    with pytest.raises(BadAnswer) as caught:
        frontend(ThrowingDevice(error)).sense()
    assert "04A3C6" not in str(caught.value), "texts of nfcpy may quote a card number"


@pytest.mark.parametrize("error", [nfc.clf.TimeoutError("x"), nfc.clf.ProtocolError("x")])
def test_what_nfcpy_itself_takes_for_no_card(error):
    assert frontend(ThrowingDevice(error)).sense() is None


def test_a_number_with_a_cascade_tag_in_it_is_no_number():
    with pytest.raises(BadAnswer, match="cascade"):
        frontend(ThrowingDevice(uid=b"\x88\x04\xa3\xc6")).sense()


@pytest.mark.parametrize("ats", [
    b"", b"\x02\x78", b"\x05\x78", nfc.clf.TimeoutError("x"), nfc.clf.TransmissionError("x"),
    IndexError()])
def test_a_card_that_answers_rats_badly_or_not_is_still_a_card(ats):
    made = frontend(ThrowingDevice(ats=ats))
    card = made.sense()
    assert card == Card(uid=b"\xde\xad\xbe\xef", sak=0x20, atqa=b"\x04\x00")
    assert made.select(card) == b""


def test_rats_is_sent_to_iso_dep_cards_only():
    made = frontend(ThrowingDevice(sak=b"\x08", ats=OSError(errno.EIO, "must not be asked")))
    assert made.select(made.sense()) == b""
    made = frontend(ThrowingDevice(ats=bytes.fromhex("067777710280")))
    assert made.select(made.sense()) == bytes.fromhex("067777710280")


@pytest.mark.parametrize("error", [termios.error(5, "x"), OSError(errno.EIO, "x"), IndexError()])
def test_close_never_raises_and_frees_the_port_that_nfcpy_left_open(error):
    device = ThrowingDevice(close_error=error)
    made = frontend(device)
    made.close()
    made.close()
    assert device.closed == 2
    with pytest.raises(LineDown, match="not open"):
        made.sense()


def test_a_path_that_must_not_be_used_never_reaches_nfcpy():
    with pytest.raises(ValueError, match="virtual"):
        Frontend("udp:127.0.0.1:1", virtual=False)


@pytest.mark.parametrize("error", [
    OSError(errno.ENODEV, "No such device"), IndexError(), AssertionError()])
def test_a_reader_that_is_not_there_or_another_device(error):
    def connect(path):
        raise error
    with pytest.raises(LineDown, match=type(error).__name__):
        Frontend("usb", virtual=False, connect=connect).open()


def test_the_reader_says_what_it_is():
    assert frontend(ThrowingDevice()).chip == "Maker PN532v1.6"


def test_a_card_is_asked_for_no_longer_frames_than_the_reader_takes():
    for frame, asked in ((262, "e080"), (251, "e070"), (126, "e070"), (60, "e040")):
        device = ThrowingDevice(frame=frame)
        selected(device)
        assert device.heard == [asked]


def test_commands_go_to_the_selected_card():
    device = ThrowingDevice(answers=(b"\x02\x90\x00", b"\x03\x6a\x82"))
    made = selected(device)
    assert made.apdu(b"\xaa", plenty) == b"\x90\x00"
    assert made.apdu(b"\xbb", plenty) == b"\x6a\x82"
    assert device.heard == ["e080", "02aa", "03bb"]


@pytest.mark.parametrize(("error", "kind"), [
    (nfc.clf.TimeoutError("04A3C6"), DeviceTimeout), (nfc.clf.TransmissionError("04A3C6"), BadAnswer),
    (nfc.clf.ProtocolError("04A3C6"), BadAnswer), (IndexError(), BadAnswer),
    (OSError(errno.ENODEV, "No such device"), LineDown), (termios.error(5, "x"), LineDown)])
def test_after_an_error_a_card_has_to_be_selected_anew(error, kind):
    device = ThrowingDevice(answers=[error] * 3)
    made = selected(device)
    with pytest.raises(kind) as caught:
        made.apdu(b"\xaa", plenty)
    assert "04A3C6" not in str(caught.value)
    with pytest.raises(BadAnswer, match="no selected card"):
        made.apdu(b"\xaa", plenty)
    made.select(made.sense())
    device.answers[:] = [b"\x02\x90\x00"]
    assert made.apdu(b"\xaa", plenty) == b"\x90\x00"


def test_a_card_that_was_sensed_again_has_forgotten_that_it_was_selected():
    made = selected(ThrowingDevice(answers=(b"\x02\x90\x00",)))
    made.sense()
    with pytest.raises(BadAnswer, match="no selected card"):
        made.apdu(b"\xaa", plenty)


def test_a_card_that_did_not_answer_rats_takes_no_commands():
    made = selected(ThrowingDevice(ats=b"\x05\x78"))
    with pytest.raises(BadAnswer, match="no selected card"):
        made.apdu(b"\xaa", plenty)


class Clock:
    def __init__(self):
        self.now_s = 0.0

    def sleep(self, seconds):
        self.now_s += seconds


def test_a_card_is_given_the_quiet_that_it_wants_after_its_answer_to_select():
    clock = Clock()
    device = ThrowingDevice(ats=bytes.fromhex("032888"), answers=(b"\x02\x90\x00", b"\x03\x90\x00"))
    made = selected(device, mono_s=lambda: clock.now_s, sleep=clock.sleep)
    made.apdu(b"\xaa", plenty)
    assert clock.now_s == pytest.approx(4096 / 13.56e6 * 2**8)
    waited_s = clock.now_s
    made.apdu(b"\xbb", plenty)
    assert clock.now_s == waited_s, "once"
    made = selected(ThrowingDevice(ats=bytes.fromhex("03288E")),
                    mono_s=lambda: clock.now_s, sleep=clock.sleep)
    with pytest.raises(DeviceTimeout, match="quiet"):
        made.apdu(b"\xaa", plenty)
    assert clock.now_s == waited_s, "nobody waits five seconds for a card"


def test_raw_frames_for_cards_without_iso_dep():
    device = ThrowingDevice(sak=b"\x00", answers=(bytes(8), nfc.clf.TimeoutError("x"), b"\x00"))
    made = frontend(device)
    made.sense()
    assert made.raw(b"\x60") == bytes(8)
    assert device.heard == ["60"]
    with pytest.raises(DeviceTimeout):
        made.raw(b"\x60")
    with pytest.raises(DeviceRefused, match="NAK 0"):
        made.raw(b"\x60")
