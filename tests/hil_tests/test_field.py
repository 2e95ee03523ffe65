"""The field of a reader on a real UDP socket."""

import asyncio
import socket

import pytest

from hil_tests.virtual.field import CardField


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
