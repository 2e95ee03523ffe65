import pytest

from edge.rfid.path import path_problem


@pytest.mark.parametrize("path", [
    "tty:forecourt-rfid:pn532", "tty:AMA0:pn532", "tty:USB0:arygon", "usb", "usb:072f:2200",
    "usb:054c"])
def test_paths_of_real_readers(path):
    assert path_problem(path, virtual=False) is None
    assert path_problem(path, virtual=True) is None


@pytest.mark.parametrize("path", [
    "", "front", "tty:forecourt_rfid:pn532", "tty:/dev/ttyUSB0:pn532", "tty:USB0", "usb:xyz",
    "com:1:pn532", "udp", "udp:127.0.0.1", "udp:127.0.0.1:port", "udp:127.0.0.1:65536", "usb:1:2:3"])
def test_paths_that_nfcpy_cannot_use(path):
    assert path_problem(path, virtual=True)


def test_a_simulated_radio_is_for_virtual_sites_only():
    assert path_problem("udp:127.0.0.1:54321", virtual=True) is None
    assert "virtual" in (path_problem("udp:127.0.0.1:54321", virtual=False) or "")
