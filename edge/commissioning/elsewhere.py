"""Where else a unit that said nothing may answer: at another setting, or in another protocol."""

import contextlib
from collections.abc import Iterator

import msgspec

from edge.bus.pdu import read_holding, read_input
from edge.bus.port import BusClass
from edge.bus.url import LineUrl
from edge.commissioning.line import own_line, set_as
from edge.commissioning.saw import Sign, saw
from edge.commissioning.scan import orders
from edge.controller.trouble import DeviceError, LineDown

BAUDS = (9600, 19200, 38400, 115200, 4800, 2400, 57600, 1200)
PARITIES = ("N", "E", "O")
_SERIAL_S, _NETWORK_S = 0.15, 0.8


async def answers_at(url: LineUrl, unit: int) -> LineUrl | None:
    """The first other way to reach the unit through the same port or address; None: there is none.

    Takes a few seconds. The port must be free.
    """
    for other in _others(url):
        with contextlib.suppress(LineDown):
            async with own_line(other) as line:
                for pdu in (read_holding(0, 2), read_input(0, 2)):
                    try:
                        await line.transact(unit, pdu, BusClass.BULK, timeout_s=(
                            _SERIAL_S if url.kind == "rtu" else _NETWORK_S))
                        return other
                    except DeviceError as error:
                        if saw(error).sign is Sign.ANSWER:
                            return other
                        if url.kind == "rtu":
                            break  # one question for each setting
    return None


def _others(url: LineUrl) -> Iterator[LineUrl]:
    if url.kind != "rtu":
        kind = "tcp" if url.kind == "rtu+tcp" else "rtu+tcp"
        yield msgspec.structs.replace(url, kind=kind)
        return
    for setting in orders(BAUDS, PARITIES):
        if (setting.baud, setting.parity) != (url.baud, url.parity):
            yield msgspec.structs.replace(url, baud=setting.baud, parity=setting.parity)


def said(unit: int, url: LineUrl) -> str:
    """In words, with the url to use."""
    how = f"at {set_as(url)}" if url.kind == "rtu" else {
        "tcp": "in Modbus TCP", "rtu+tcp": "in RTU frames over TCP"}[url.kind]
    return f"unit {unit} answers {how}: use --url '{_short(url)}'"


def _short(url: LineUrl) -> str:
    if url.kind == "rtu":
        return f"rtu:{url.path}?baud={url.baud}&parity={url.parity}"
    return f"{url.kind}://{url.address}"
