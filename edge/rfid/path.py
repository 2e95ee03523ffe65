"""Which reader paths may be used: nfcpy's own rules, said before a process is started."""

import re

# nfcpy reads a path as bus, device, driver of letters, digits and dashes only (nfc/clf/transport.py).
_TTY = re.compile(r"tty:[A-Za-z0-9-]+:(pn532|arygon)")
_USB = re.compile(r"usb(:[0-9]{1,3}(:[0-9]{1,3})?|:[0-9A-Fa-f]{4}(:[0-9A-Fa-f]{4})?)?")
_UDP = re.compile(r"udp:[A-Za-z0-9.-]+:[0-9]{1,5}")


def path_problem(path: str, *, virtual: bool) -> str | None:
    """What is wrong with a reader's path, as one sentence for the person who wrote it, or None.

    `udp:` is a simulated radio without any authentication: whoever reaches the port can play any
    card. It is allowed on a virtual site only.
    """
    if path.startswith("udp"):
        if not virtual:
            return "udp: is a simulated radio and is allowed on a virtual site only"
        known = _UDP.fullmatch(path) and 0 < split_udp(path)[1] < 65536
        return None if known else "expected udp:HOST:PORT"
    if path.startswith("tty"):
        return None if _TTY.fullmatch(path) else (
            "expected tty:NAME:pn532 or tty:NAME:arygon, NAME of letters, digits and dashes without "
            "the leading /dev/ or tty (give a udev symlink without underscore)")
    if _USB.fullmatch(path):
        return None
    return "expected tty:NAME:DRIVER, usb, usb:VENDOR, usb:VENDOR:PRODUCT or, virtual, udp:HOST:PORT"


def split_udp(path: str) -> tuple[str, int]:
    """Host and port of a `udp:` path that has no problem."""
    _, host, port = path.split(":")
    return host, int(port)
