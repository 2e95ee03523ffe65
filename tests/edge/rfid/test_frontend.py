"""The wall around nfcpy: the real ContactlessFrontend over a device that throws."""

import errno
import termios

import nfc.clf
import pytest

from edge.controller.trouble import BadAnswer, LineDown
from edge.rfid.frontend import Card, Frontend


class ThrowingDevice:
    """Stands where a driver of nfcpy stands. Raises, or finds a card with `uid`."""

    def __init__(self, error=None, uid=b"\xde\xad\xbe\xef", sak=b"\x20", ats=b"\x01", close_error=None):
        self.error, self.uid, self.sak, self.ats, self.close_error = error, uid, sak, ats, close_error
        self.socket = self
        self.closed = 0

    def mute(self):
        pass

    def sense_tta(self, target):
        if self.error is not None:
            raise self.error
        return nfc.clf.RemoteTarget("106A", sens_res=bytearray(b"\x04\x00"),
                                    sdd_res=bytearray(self.uid), sel_res=bytearray(self.sak))

    def send_cmd_recv_rsp(self, target, data, timeout):
        if isinstance(self.ats, Exception):
            raise self.ats
        return bytearray(self.ats)

    def close(self):
        self.closed += 1
        if self.close_error is not None and self.closed == 1:
            raise self.close_error


def frontend(device):
    def connect(path):
        clf = nfc.clf.ContactlessFrontend()
        clf.device = device
        return clf
    made = Frontend("usb", virtual=False, connect=connect)
    made.open()
    return made


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
