"""Cards that answer anything at all: the whole reader, nfcpy's frontend included, on a device of noise.

None of them ends the reader, holds it up, goes unanswered, or proves anything.
"""

import errno
import random

import nfc.clf
import pytest

from edge.controller.idtoken import Level
from edge.rfid.frontend import Frontend
from edge.rfid.reader import Reader
from edge.rfid.tap import TapFilter
from edge.rfid.wire import (
    CardProof,
    Certificate,
    Health,
    Mutual,
    Opening,
    Originality,
    Prove,
    RealUid,
    Sun,
    TagSeen,
)

SHORT, LONG = 250, 50_000
ERRORS = (nfc.clf.TimeoutError, nfc.clf.TransmissionError, nfc.clf.ProtocolError,
          nfc.clf.BrokenLinkError, IndexError, AssertionError)
ATS = tuple(bytes.fromhex(ats) for ats in (
    "067777710280", "067577810280", "0578807002", "01", "0278", "032881", "03288E", "020F"))
STATUS = tuple(bytes.fromhex(sw) for sw in (
    "9000", "9100", "91AF", "91AE", "9190", "6A82", "6982", "917E", "90AF", "00"))
NTAG_424 = bytes.fromhex("D2760000850101")
POINT = b"\x04" + bytes(64)
URL = b"\x00\x45\xd1\x01\x41U\x04x.example/?e=" + b"0F" * 16 + b"&c=" + b"3C" * 8
CERTIFICATE = bytes.fromhex("7F2181905304") + b"\x93\x07" + bytes(7) + b"\x42\x0201" + b"\x5f\x20\x0212"
#: What a card that means well would say, by the instruction: bytes of noise, or these, and a status.
WELL = {0xA4: (b"", "9000"), 0x5A: (b"", "9100"), 0x71: (16, "91AF"), 0xAA: (16, "91AF"),
        0xAF: (32, "9100"), 0x51: (24, "9100"), 0x3C: (56, "9190"), 0x60: (7, "91AF"),
        0xB0: (URL, "9000"), 0x02: (CERTIFICATE, "9000"), 0x03: (64, "9000")}


class NoisyCards:
    """A device of nfcpy's: at each poll another card, or none."""

    def __init__(self, dice):
        self.dice, self.socket, self.broken = dice, self, 0

    def mute(self):
        pass

    close = mute

    def get_max_send_data_size(self, target):
        return 262

    get_max_recv_data_size = get_max_send_data_size

    def sense_tta(self, target):
        dice = self.dice
        if dice.random() < 0.05:
            raise self._error()
        if dice.random() < 0.05:
            return None
        uid = bytearray(dice.randbytes(dice.choice((4, *[7] * 8, 10, dice.randrange(12)))))
        return nfc.clf.RemoteTarget(
            "106A", sdd_res=uid, sel_res=bytearray([dice.choice((*[0x20] * 8, 0, 8, 0x28, 0x60))]),
            sens_res=bytearray(dice.choice((b"\x44\x03", b"\x44\x00", b"\x04\x00"))))

    def send_cmd_recv_rsp(self, target, data, timeout):
        dice = self.dice
        if dice.random() < 0.04:
            raise self._error()
        if dice.random() < 0.06:
            return bytearray(dice.randbytes(dice.choice((0, 1, 2, 3, dice.randrange(300)))))
        if data[0] == 0xE0:
            return bytearray(dice.choice(ATS))
        if data[0] & 0xFE in (0x02, 0xA2, 0xB2):
            return bytearray(self._block(data[0], data[2] if len(data) > 2 else 0))
        if data[0] == 0xF2:
            return bytearray(bytes([dice.choice((0x02, 0x03))]) + self._answer(0))
        return bytearray(dice.randbytes(dice.choice((1, 8, 32))))

    def _block(self, sent, instruction):
        dice, number = self.dice, sent & 1
        kind = dice.random() * (1 if dice.random() < 0.3 else 10)
        if kind < 0.05:
            return bytes([0xF2, dice.randrange(256)])
        if kind < 0.12:
            return bytes([0xA2 | dice.getrandbits(1)])
        more = 0x10 if kind < 0.3 else 0
        return bytes([0x02 | more | number]) + self._answer(instruction)

    def _answer(self, instruction):
        dice = self.dice
        if instruction in WELL and dice.random() < 0.8:
            said, status = WELL[instruction]
            said = dice.randbytes(said) if isinstance(said, int) else bytearray(said)
            if said and dice.random() < 0.3:
                said = said[:dice.randrange(len(said))]
            if said and dice.random() < 0.5:
                said = bytearray(said)
                said[dice.randrange(len(said))] = dice.randrange(256)
            return bytes(said) + bytes.fromhex(status)
        body = dice.randbytes(dice.choice((0, 2, 7, 8, 16, 16, 28, 32, 56, 64, dice.randrange(120))))
        return body + dice.choice(STATUS)

    def _error(self):
        if self.dice.random() < 0.01:
            self.broken += 1
            return OSError(errno.EIO, "Input/output error")
        return self.dice.choice(ERRORS)("04A3C6")


class AskingController:
    """Asks each card something, in time, and leaves after `cards` taps."""

    def __init__(self, dice, cards):
        self.dice, self.left = dice, cards
        self.now_ns, self.words, self.asked, self.heard = 0, [], [], []

    def send(self, message):
        self.heard.append(message)
        if isinstance(message, TagSeen):
            self.left -= 1
            self._ask(message.tap)
        elif isinstance(message, CardProof) and message.unproven is None and message.level == 0:
            self._ask(message.tap)

    def hear(self, seconds):
        if self.words:
            return self.words.pop(0)
        self.now_ns += round(seconds * 1e9)
        if self.left <= 0:
            raise BrokenPipeError
        return None

    def _ask(self, tap):
        ways = tuple(self._way() for _ in range(self.dice.choice((0, 1, 1, 1, 2))))
        if ways:
            self.asked.append(tap)
        self.words.append(Prove(tap=tap, ways=ways))

    def _way(self):
        dice = self.dice
        kind = dice.choice((Mutual, Mutual, RealUid, Certificate, Sun, Originality))
        if kind in (Sun, Originality):
            return kind()
        if kind is Certificate:
            return Certificate(authorities={"01": POINT}, day=dice.choice((None, "261122", "x")))
        return kind(protocol=dice.choice((*["ev2"] * 9, *["ev1"] * 9, "x")),
                    key_no=dice.choice((*[2] * 9, 99)),
                    application=dice.choice((*[b"abc"] * 9, *[NTAG_424] * 9, b"")),
                    keys=tuple(dice.randbytes(dice.choice((*[16] * 19, 3)))
                               for _ in range(dice.choice((*[1] * 9, 0, 2)))))


def ask_noise(cards, seed):
    dice = random.Random(seed)
    device = NoisyCards(dice)
    controller = AskingController(dice, cards)

    def connect(path):
        clf = nfc.clf.ContactlessFrontend()
        clf.device = device
        return clf

    def sleep(seconds):
        controller.now_ns += round(seconds * 1e9)

    def mono_ns():
        controller.now_ns += 1_000_000  # a millisecond for whatever is done
        return controller.now_ns

    radio = Frontend("usb", virtual=False, connect=connect, mono_s=lambda: mono_ns() / 1e9, sleep=sleep)
    with pytest.raises(BrokenPipeError):
        Reader("front", radio, controller, TapFilter(), mono_ns=mono_ns).run()
    return device, controller


def check(device, controller):
    proofs = [message for message in controller.heard if isinstance(message, CardProof)]
    assert [proof.tap for proof in proofs] == controller.asked, "each question has one answer, in order"
    assert {proof.level for proof in proofs} <= {Level.UID, Level.SUN}, "a SUN is judged elsewhere"
    assert {"torn", "unable", "wrong", None} <= {proof.unproven for proof in proofs}, "all kinds"
    opened = [message for message in controller.heard if isinstance(message, Opening)]
    lost = [message for message in controller.heard if isinstance(message, Health) and not message.ok]
    assert len(opened) - 1 <= device.broken, "noise is no lost reader"
    assert bool(lost) == (len(opened) > 1)
    assert "04A3C6" not in repr(controller.heard)


def test_no_card_of_noise_ends_the_reader():
    check(*ask_noise(SHORT, seed=7))


@pytest.mark.slow
def test_no_card_of_much_noise_ends_the_reader():
    check(*ask_noise(LONG, seed=8))
