"""What a failure looked like, and what is advised: from the very words of the master."""

import pytest

from edge.bus.frame import expect, frame_of
from edge.bus.pdu import read_input
from edge.bus.url import parse_url
from edge.commissioning.saw import Saw, Sign, advice, saw
from edge.controller.trouble import BadAnswer, DeviceRefused, DeviceTimeout, LineDown
from edge.meter.catalogue import load

RTU, TCP, SERVER = map(parse_url, (
    "rtu:/dev/ttyUSB0?baud=9600&parity=N", "tcp://meter:502", "rtu+tcp://gateway:4001"))
SDM630 = load("eastron-sdm630")
AT = {"where": "unit 3 on x", "expected": "function 4, 9 bytes"}


def heard(data):
    return BadAnswer("bad answer", got=expect(3, read_input(0, 2)).diagnose(data)[0], **AT)


def silence():
    return DeviceTimeout("no answer", got="nothing in 300 ms", **AT)


def gateway():
    return DeviceTimeout("no answer", got="exception 11 (gateway target failed to respond)", **AT)


def refused(code):
    return DeviceRefused("request refused", got=f"exception {code}", code=code, **AT)


def down(got, what="line"):
    return LineDown(what, got=got, **AT)


@pytest.mark.parametrize(("error", "seen"), [
    (silence(), Saw(Sign.SILENCE)), (gateway(), Saw(Sign.SILENCE)),
    (refused(2), Saw(Sign.ANSWER)), (refused(6), Saw(Sign.ANSWER)),
    (heard(frame_of(7, b"\x04\x04\0\0\0\0")), Saw(Sign.OTHER, 7)),
    (heard(frame_of(3, b"\x03\x04\0\0\0\0")), Saw(Sign.OTHER, 3)),
    (heard(frame_of(3, b"\x04\x04\0\0\0\0")[:-1] + b"\x00"), Saw(Sign.GARBAGE)),
    (heard(frame_of(3, b"\x04\x04\0\0\0\0")[:5]), Saw(Sign.GARBAGE)),
    (heard(b"\x59\xfe\x81"), Saw(Sign.GARBAGE)), (down("unplugged"), Saw(Sign.DOWN)),
])
def test_what_came_back_is_told_apart(error, seen):
    assert saw(error) == seen


@pytest.mark.parametrize(("error", "url", "said"), [
    (silence(), RTU, ("9600 8N1", "A and B", "meter scan --port /dev/ttyUSB0")),
    (silence(), TCP, ("rtu+tcp://meter:502", "unit id")),
    (silence(), SERVER, ("tcp://gateway:4001", "server's baud rate")),
    (gateway(), TCP, ("gateway is there", "unit id")),
    (refused(2), RTU, ("Eastron SDM630", "another model")),
    (refused(6), RTU, ("busy",)),
    (refused(4), RTU, ("display",)),
    (heard(b"\x59\xfe\x81"), RTU, ("baud rate or parity", "same unit id", "termination")),
    (heard(frame_of(7, b"\x04\x04\0\0\0\0")), RTU, ("unit 7 spoke", "unit id")),
    (heard(frame_of(3, b"\x03\x04\0\0\0\0")), RTU, ("another master",)),
    (down("[Errno 2] No such file or directory"), RTU, ("/dev/serial/by-id",)),
    (down("Could not configure port: 'Inappropriate ioctl for device'"), RTU, ("no serial port",)),
    (down("[Errno 21] could not open port x: Is a directory: 'x'"), RTU, ("no serial port",)),
    (down("[Errno -2] Name or service not known"), TCP, ("nobody knows the name meter",)),
    (down("Could not exclusively lock port"), RTU, ("another program", "/dev/ttyUSB0", "--site")),
    (down("[Errno 13] Permission denied"), RTU, ("dialout", "sudo")),
    (down("Connection refused"), TCP, ("address, port",)),
    (down("permission denied", what="controller"), RTU, ("a controller runs here", "sudo")),
])
def test_advice_names_what_to_try(error, url, said):
    text = " ".join(advice(error, 3, url, SDM630))
    assert [part for part in said if part not in text] == []
