"""The virtual card against the standard, and its field on a real UDP socket."""

import asyncio
import socket

import pytest

from hil_tests.virtual.card import CardField, VirtualCard

CARDS = {
    "DEADBEEF": ["DEADBEEF22"],
    "04A3C6CAE26180": ["8804A3C6E9", "CAE26180C9"],
    "04112233445566778899": ["88041122BF", "88334455AA", "6677889900"],
}


def frame(text):
    return bytes.fromhex(text)


def select(card, levels):
    """What a reader sends from REQA to the last SELECT; the SAKs."""
    assert card.answer(b"\x26") is not None
    saks = []
    for command, level in zip((0x93, 0x95, 0x97), levels, strict=False):
        assert card.answer(bytes([command, 0x20])) == frame(level)
        saks.append(card.answer(bytes([command, 0x70]) + frame(level)))
    return saks


@pytest.mark.parametrize(("uid", "levels", "atqa", "saks"), [
    ("DEADBEEF", CARDS["DEADBEEF"], "0400", ["20"]),
    ("04A3C6CAE26180", CARDS["04A3C6CAE26180"], "4400", ["24", "20"]),
    ("04112233445566778899", CARDS["04112233445566778899"], "8400", ["24", "24", "20"])])
def test_uids_of_every_length_go_through_their_cascade_levels(uid, levels, atqa, saks):
    card = VirtualCard(frame(uid), sak=0x20, ats=b"\x01")
    assert card.answer(b"\x26") == frame(atqa)
    card.power_off()
    assert select(card, levels) == [frame(sak) for sak in saks]


@pytest.mark.parametrize("uid", ["", "04", "0411223344", "0411223344556677889900"])
def test_uids_of_other_lengths_are_refused(uid):
    with pytest.raises(ValueError, match="4, 7 or 10"):
        VirtualCard(frame(uid), sak=0, ats=b"")


def test_a_card_is_silent_to_what_is_not_meant_for_it():
    card = VirtualCard(frame("DEADBEEF"), sak=0x20, ats=b"\x01")
    assert card.answer(frame("9320")) is None, "not before REQA"
    card.answer(b"\x26")
    assert card.answer(frame("9370DEADBEEF23")) is None, "wrong check byte"
    assert card.answer(frame("9520")) is None, "a level that it does not have"
    assert card.answer(frame("E080")) is None, "RATS before it is selected"
    card.power_off()
    select(card, CARDS["DEADBEEF"])
    assert card.answer(b"\x26") is None, "REQA while active; ISO/IEC 14443-3, 6.3"


def test_a_halted_card_wakes_up_for_wupa_only():
    card = VirtualCard(frame("DEADBEEF"), sak=0x08, ats=b"")
    select(card, CARDS["DEADBEEF"])
    assert card.answer(frame("5000")) is None
    assert card.answer(b"\x52") == frame("0400")


def test_iso_dep_with_apdu_presence_check_repeat_and_deselect():
    card = VirtualCard(frame("DEADBEEF"), sak=0x20, ats=frame("0578807002"), apdu=lambda c: c[::-1])
    select(card, CARDS["DEADBEEF"])
    assert card.answer(frame("E080")) == frame("0578807002")
    assert card.answer(frame("B2")) == frame("A3"), "R(NAK) with nothing to repeat: R(ACK)"
    assert card.answer(frame("020102")) == frame("020201")
    assert card.answer(frame("B2")) == frame("020201"), "R(NAK) of the same number: the last again"
    assert card.answer(frame("030304")) == frame("030403")
    assert card.answer(frame("C2")) == frame("C2")
    assert card.answer(frame("020102")) is None


def test_a_card_without_iso_dep_ignores_rats():
    card = VirtualCard(frame("DEADBEEF"), sak=0x08, ats=b"\x01")
    select(card, CARDS["DEADBEEF"])
    assert card.answer(frame("E080")) is None


class Probe:
    """A reader's bare socket."""

    def __init__(self, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.connect(("127.0.0.1", port))

    async def ask(self, data, timeout_s=5.0):
        self.socket.send(data)
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.socket, 300), timeout_s)


@pytest.fixture
async def field():
    field = CardField()
    await field.start()
    yield field
    await field.stop()


@pytest.fixture
def probe(field):
    probe = Probe(field.port)
    yield probe
    probe.socket.close()


@pytest.mark.wire
async def test_the_field_answers_for_the_card_in_it_and_for_no_other(field, probe):
    field.present("DEADBEEF")
    assert await probe.ask(b"106A 26") == b"106A 0400"
    probe.socket.send(b"RFOFF")
    field.present("04A3C6CAE26180")
    assert await probe.ask(b"106A 26") == b"106A 4400"
    field.remove()
    with pytest.raises(TimeoutError):
        await probe.ask(b"106A 26", timeout_s=0.05)


@pytest.mark.wire
async def test_other_technologies_find_nothing(field, probe):
    field.present("DEADBEEF")
    with pytest.raises(TimeoutError):
        await probe.ask(b"212F 0600FFFF0100", timeout_s=0.05)


@pytest.mark.wire
async def test_a_new_reader_finds_the_card_whatever_the_last_one_left_it_in(field, probe):
    field.present("DEADBEEF")
    await probe.ask(b"106A 26")
    other = Probe(field.port)
    try:
        assert await other.ask(b"106A 26") == b"106A 0400"
    finally:
        other.socket.close()


@pytest.mark.wire
async def test_faults_count_answers(field, probe):
    field.present("DEADBEEF")
    field.flip(1)
    assert await probe.ask(b"106A 26") == b"106A 0401"
    field.garble(1)
    assert await probe.ask(b"106A 9320") == b"106A zz"
    field.lose(1)
    with pytest.raises(TimeoutError):
        await probe.ask(b"106A 9320", timeout_s=0.05)
    assert await probe.ask(b"106A 9320") == b"106A deadbeef22"


@pytest.mark.wire
async def test_a_cut_reader_is_refused_and_comes_back_on_the_same_port(field, probe):
    field.present("DEADBEEF")
    port = field.port
    field.cut()
    with pytest.raises(ConnectionRefusedError):
        while True:  # the socket is closed in the loop's next turns
            await asyncio.sleep(0)
            await probe.ask(b"106A 26", timeout_s=1)
    await field.restore()
    assert field.port == port
    assert await probe.ask(b"106A 26") == b"106A 0400"
