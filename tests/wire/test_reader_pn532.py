"""The real pn532 driver and pyserial, against a chip that is played on a pseudo terminal.

Proves what a UDP radio cannot: a serial cable that is pulled out (termios.error, which is no OSError).
"""

import contextlib
import errno
import os
import pathlib

import pytest

from edge.controller.idtoken import Level
from edge.controller.trouble import LineDown
from edge.rfid.frontend import Card, Frontend
from edge.rfid.pn532 import open_pn532
from edge.rfid.proof.ways import NotProven, Proven, prove
from edge.rfid.wire import Mutual, Originality
from hil_tests.virtual.cabinet_config import CardSpec
from hil_tests.virtual.field import number_card
from hil_tests.virtual.pn532_chip import Pn532Chip
from hil_tests.virtual.site_cards import SITE_CARDS
from hil_tests.virtual.wallet import build

pytestmark = pytest.mark.wire

UID, ATS = bytes.fromhex("04A3C6CAE26180"), bytes.fromhex("067777710280")
KEY = bytes(range(16))
SPEC = CardSpec(uid=UID.hex(), kind="ntag424", keys={"0": KEY.hex()})
MUTUAL = Mutual(protocol="ev2", application=bytes.fromhex("D2760000850101"), key_no=0, keys=(KEY,))
NINA = next(card for card in SITE_CARDS if card.name == "nina")  # with the maker's own signature


def lay(chip):
    """A card on the antenna that is only a number."""
    chip.air.present(number_card(UID, atqa=b"\x44\x03", ats=ATS))


@pytest.fixture
def chip():
    chip = Pn532Chip()
    yield chip
    chip.unplug()


def connect_to(chip):
    """A pseudo terminal has no name that nfcpy's paths can spell."""
    return Frontend("tty:played:pn532", virtual=False, connect=lambda _: open_pn532(chip().path))


@pytest.fixture
def frontend(chip):
    frontend = connect_to(lambda: chip)
    frontend.open()
    yield frontend
    frontend.close()


def test_a_card_is_seen_and_selected(chip, frontend):
    assert frontend.sense() is None
    lay(chip)
    card = frontend.sense()
    assert card == Card(uid=UID, sak=0x20, atqa=b"\x44\x03")
    assert frontend.select(card) == ATS


def test_a_pulled_cable_is_a_lost_line_and_leaves_no_open_port_behind(chip, frontend):
    assert frontend.sense() is None
    before = open_terminals()
    chip.unplug()
    for _ in range(3):
        with pytest.raises(LineDown):
            frontend.sense()
    frontend.close()
    assert len(open_terminals()) < len(before)


def test_a_wedged_chip_is_a_lost_line_and_can_be_opened_again(chip, frontend):
    chip.wedged = True
    with pytest.raises(LineDown):
        frontend.sense()
    frontend.close()
    with pytest.raises(LineDown):
        frontend.open()
    chip.wedged = False
    frontend.open()
    lay(chip)
    assert frontend.sense() is not None


def test_a_reader_plugged_in_again_works(chip):
    chips = [chip]
    frontend = connect_to(lambda: chips[-1])
    frontend.open()
    chip.unplug()
    with pytest.raises(LineDown):
        frontend.sense()
    with pytest.raises(LineDown):
        frontend.open()
    chips.append(Pn532Chip())
    try:
        frontend.open()
        assert frontend.sense() is None
        lay(chips[-1])
        assert frontend.sense() is not None
    finally:
        frontend.close()
        chips[-1].unplug()


@pytest.mark.parametrize("baud", [921600, 460800, 230400])
def test_a_chip_that_a_killed_process_left_at_a_high_baud_rate_is_called_back(baud):
    chip = Pn532Chip(baud=baud)
    frontend = connect_to(lambda: chip)
    try:
        frontend.open()
        assert chip.misheard > 0, "it did not hear the first rate"
        lay(chip)
        assert frontend.sense() is not None
    finally:
        frontend.close()
        chip.unplug()


def test_a_reader_in_use_is_at_its_highest_rate_and_one_that_was_closed_sleeps_at_the_first(chip):
    frontend = connect_to(lambda: chip)
    frontend.open()
    assert chip.baud > 115200
    frontend.close()
    assert (chip.baud, chip.asleep) == (115200, True)
    frontend.open()
    assert not chip.asleep
    assert frontend.sense() is None
    frontend.close()


def test_a_process_that_is_killed_leaves_the_chip_where_it_was(chip, frontend):
    high = chip.baud
    frontend._clf.device.chipset.transport.tty.close()  # as the kernel does for it
    assert chip.baud == high > 115200
    frontend.close()
    frontend.open()
    assert frontend.sense() is None


def test_a_reader_whose_supply_failed_is_opened_again(chip, frontend):
    chip.power_cycle()
    with pytest.raises(LineDown):
        frontend.sense()
    frontend.close()
    frontend.open()
    lay(chip)
    assert frontend.sense() is not None


def test_two_readers_see_each_their_own_card(chip, frontend):
    other = Pn532Chip()
    second = connect_to(lambda: other)
    try:
        second.open()
        lay(other)
        assert frontend.sense() is None
        assert second.sense().uid == UID
    finally:
        second.close()
        other.unplug()


def test_a_port_without_a_chip_is_a_lost_line_and_is_left_closed(chip):
    chip.wedged = True
    before = len(open_terminals())
    with pytest.raises(LineDown):
        connect_to(lambda: chip).open()
    assert len(open_terminals()) == before


def test_a_port_that_is_not_there_is_a_lost_line():
    for path in ("tty:no-such-port:pn532", "tty:USB99:pn532"):
        with pytest.raises(LineDown, match="No such device"):
            Frontend(path, virtual=False).open()


@pytest.mark.parametrize("how", ["well", "short_ats", "chained", "waiting"])
def test_a_card_proves_itself_through_the_chip(chip, frontend, how):
    chip.air.present(build(SPEC, how))
    assert proven(frontend) == Proven(level=Level.MUTUAL, uid=UID)


def test_a_type_2_card_is_asked_by_raw_frames(chip, frontend):
    chip.air.present(build(NINA.spec))
    found = prove(Originality(), None, frontend.sense().uid, raw=frontend.raw)
    assert found.level == Level.ORIGINALITY
    chip.air.present(build(NINA.spec, "copied"))
    with pytest.raises(NotProven, match="unable"):
        prove(Originality(), None, frontend.sense().uid, raw=frontend.raw)


def test_a_cable_that_is_pulled_within_a_proof(chip, frontend):
    chip.air.present(build(SPEC))
    frontend.select(frontend.sense())
    commands = iter((chip.unplug, lambda: None))

    def exchange(command):
        answer = frontend.apdu(command, lambda: 1.0)
        next(commands)()
        return answer
    with pytest.raises(LineDown):
        prove(MUTUAL, exchange, UID)


def test_a_card_that_is_slower_than_it_says_is_waited_for_by_asking_again(chip, frontend):
    chip.air.present(build(SPEC))
    frontend.select(frontend.sense())
    chip.air.lose(2)
    assert prove(MUTUAL, lambda command: frontend.apdu(command, lambda: 1.0), UID).level == Level.MUTUAL


def proven(frontend):
    card = frontend.sense()
    frontend.select(card)
    return prove(MUTUAL, lambda command: frontend.apdu(command, lambda: 1.0), card.uid)


def open_terminals():
    found = []
    for fd in pathlib.Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if "/dev/pts/" in str(fd.readlink()):
                found.append(fd)
    return found


def test_the_played_chip_breaks_as_a_real_line_does(chip):
    host = os.open(chip.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        chip.unplug()
        with pytest.raises(OSError) as caught:
            os.write(host, b"\x55")
        assert caught.value.errno == errno.EIO
    finally:
        os.close(host)
