"""Requests of a screen, the cloud or a technician; the controller's own rules may refuse."""

import enum

import msgspec

from edge.controller.struct import Value

JSON = str | int | float | bool | None | list["JSON"] | dict[str, "JSON"]


class Origin(enum.StrEnum):
    """Through which socket a request came in."""

    UI = "ui"
    SERVICE = "service"
    SYNC = "sync"


class Request(Value):
    """`args` is checked by the handler of `action`. `expires_utc`: ISO 8601, refuse after it."""

    id: str
    origin: Origin
    action: str
    role: str = ""
    args: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict)
    expires_utc: str | None = None
