"""What a failed request tells of the line, and what a technician may try. Pure."""

import enum
import re
from typing import NamedTuple

from edge.bus.url import LineUrl
from edge.commissioning.line import set_as
from edge.controller.trouble import BadAnswer, DeviceError, DeviceRefused, DeviceTimeout
from edge.meter.model import MeterModel

_OTHER = re.compile(r"unit (\d+) function (\d+)")


class Sign(enum.Enum):
    """What came back."""

    ANSWER = "answer"  # or a refusal of the unit itself: it is there
    SILENCE = "silence"
    OTHER = "other"  # a whole frame of another unit or function
    GARBAGE = "garbage"  # bytes that are no frame, or one with a bad CRC
    DOWN = "down"  # the line, not the unit


class Saw(NamedTuple):
    """`unit`: who spoke, where another did."""

    sign: Sign
    unit: int | None = None


def saw(error: DeviceError) -> Saw:
    """What was behind a failed request."""
    if isinstance(error, DeviceRefused):
        return Saw(Sign.ANSWER)
    if isinstance(error, DeviceTimeout):
        return Saw(Sign.SILENCE)
    if isinstance(error, BadAnswer):
        other = _OTHER.search(error.got)
        return Saw(Sign.OTHER, int(other[1])) if other else Saw(Sign.GARBAGE)
    return Saw(Sign.DOWN)


def advice(error: DeviceError, unit: int, url: LineUrl, model: MeterModel | None) -> list[str]:
    """What to try, the likeliest first."""
    seen = saw(error)
    if seen.sign is Sign.DOWN:
        return _down(error, url)
    if seen.sign is Sign.ANSWER:
        return _refused(error, model)
    if seen.sign is Sign.OTHER:
        if seen.unit == unit:
            return ["the unit answers another question than was asked: is another master on this line "
                    "(a solar inverter, a gateway, a second controller)? Take it off."]
        return [f"unit {seen.unit} spoke: is that this meter's unit id? If not, another master asks on "
                "this line: take it off."]
    if seen.sign is Sign.GARBAGE:
        return ["bytes came that are no whole frame: another baud rate or parity than the meter's "
                f"({_settings(url, model)}), two meters with the same unit id, another master, or a "
                "line without termination."]
    return _silent(error, url, model)


def _settings(url: LineUrl, model: MeterModel | None) -> str:
    said = f"the line is at {set_as(url)}" if url.kind == "rtu" else "look at the gateway's serial side"
    if model is None:
        return said
    usual = model.serial
    return f"{said}; this model leaves its factory at {usual.baud} 8{usual.parity}{usual.stop}"


def _silent(error: DeviceError, url: LineUrl, model: MeterModel | None) -> list[str]:
    if "exception" in error.got:  # 10 or 11: a gateway's word for it
        return ["the gateway is there, but got no answer from the meter behind it: check the unit id, "
                "the gateway's baud rate and parity, and the A and B wires behind it."]
    if url.kind == "tcp":
        return ["the address takes connections, but says nothing in Modbus TCP: a serial device server "
                f"speaks RTU frames (try --url rtu+tcp://{url.address}); check the unit id too, and "
                "whether the device allows one connection only."]
    if url.kind == "rtu+tcp":
        return ["the device server takes connections, but nothing came through it: check the unit id "
                "and the server's baud rate and parity; one that speaks Modbus TCP wants "
                f"--url tcp://{url.address}."]
    return [f"check the unit id, baud rate and parity ({_settings(url, model)}), the meter's supply, "
            "and whether the A and B wires are swapped.",
            f"`forecourt meter scan --port {url.path}` looks for meters at every setting."]


def _refused(error: DeviceError, model: MeterModel | None) -> list[str]:
    name = model.name if model else "this model"
    code = error.code if isinstance(error, DeviceRefused) else None
    if code in (None, 1, 2, 3):
        return [f"line, unit id and settings are right, but this meter has no such register as {name} "
                "has: it is another model, or a variant of it."]
    if code in (5, 6):
        return ["the meter is busy: ask again in a minute."]
    return ["the meter answers that it cannot: look at its display for a fault of its own."]


def _down(error: DeviceError, url: LineUrl) -> list[str]:
    got = error.got.lower()
    if error.what == "controller":
        return ["a controller runs here and may own this line: ask it as a member of its group, with "
                "sudo, or stop it first (`systemctl stop forecourt`)."]
    if "lock" in got or "busy" in got:
        return ["another program has this port open (a controller of another site file? See "
                "`fuser -v " + url.path + "`). If it is a controller, name its file with --site."]
    if "permission" in got:
        return ["you may not use this port: use sudo, or join the group dialout."]
    if "inappropriate ioctl" in got or "is a directory" in got:
        return [f"{url.path} is no serial port: is the path right? See `ls -l /dev/serial/by-id`."]
    if "name or service" in got or "name resolution" in got or "hostname" in got:
        return [f"nobody knows the name {url.host}: check how it is written, or give the address in "
                "numbers."]
    if url.kind == "rtu":
        return ["there is no such port: is the adapter plugged in? See `ls -l /dev/serial/by-id`."]
    return ["nobody takes connections there: check address, port and network, and whether another "
            "program has the only connection that the device allows."]
