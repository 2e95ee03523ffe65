"""The virtual site's broker is a real one that can die and come back on the same port."""

import os
import socket

import pytest

from hil_tests.virtual.broker import Broker, NoBroker, find_mosquitto

pytestmark = pytest.mark.wire


@pytest.fixture
def broker(tmp_path):
    try:
        find_mosquitto()
    except NoBroker as error:
        pytest.skip(str(error))
    broker = Broker(tmp_path / "broker")
    yield broker
    broker.kill()


def answers(broker):
    try:
        socket.create_connection(("127.0.0.1", broker.port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_comes_back_on_its_port_after_a_kill(broker):
    broker.start()
    port, pid = broker.port, broker.pid
    assert answers(broker)
    broker.kill()
    assert not answers(broker)
    assert broker.pid is None
    broker.start()
    assert answers(broker)
    assert broker.port == port
    assert broker.pid != pid


def test_stops_and_leaves_no_process(broker):
    broker.start()
    pid = broker.pid
    broker.stop()
    assert not answers(broker)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    broker.stop()


def test_refuses_to_start_twice(broker):
    broker.start()
    with pytest.raises(RuntimeError, match="runs already"):
        broker.start()


def test_says_where_its_log_is_when_it_cannot_start(broker):
    broker.settings = ("no_such_setting true",)
    with pytest.raises(RuntimeError, match=r"mosquitto\.log"):
        broker.start()
