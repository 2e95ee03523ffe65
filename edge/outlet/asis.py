"""Read a GPIO line without claiming its direction: the kernel's "as is" request.

`GPIO_V2_GET_LINE_IOCTL` with neither the INPUT nor the OUTPUT flag leaves a line as it is, and
`GPIO_V2_LINE_GET_VALUES_IOCTL` reads inputs and outputs alike (Linux, Documentation/userspace-api/
gpio, and include/uapi/linux/gpio.h, from which numbers and sizes below were printed by a C compiler).
Closing the request gives the line back: on Raspberry Pi kernels it stays an output unless the module
parameter `strict_gpiod` is set, in which case no line outlives its process and none is found as an
output in the first place.
"""

import os
import struct
from pathlib import Path

from edge.controller.trouble import LineDown

_CHIP_INFO = 0x8044B401  # struct gpiochip_info: name[32], label[32], lines u32
_GET_LINE = 0xC250B407  # struct gpio_v2_line_request, 592 bytes
_GET_VALUES = 0xC010B40E  # struct gpio_v2_line_values: bits u64, mask u64
_CONSUMER_AT, _NUM_LINES_AT, _FD_AT, _REQUEST_BYTES = 256, 560, 588, 592

# The header's lines, by the label of the chip: Pi 1-3, Pi 4, Pi 5.
_LABELS = frozenset(("pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1"))


def read_as_is(pin: int, dev: Path = Path("/dev")) -> bool:
    """Level of a BCM line that this process has not claimed. Raises `LineDown`."""
    chips = sorted(dev.glob("gpiochip*"))
    try:
        for chip in chips:
            with chip.open("rb", buffering=0) as file:
                if _label(file.fileno()) in _LABELS:
                    return _level(file.fileno(), pin)
    except OSError as error:
        raise LineDown("cannot read line", where=f"GPIO{pin}", got=str(error),
                       expected="a readable GPIO line") from error
    raise LineDown("no GPIO chip", where=str(dev), got=f"{[c.name for c in chips]}",
                   expected=f"one labelled {', '.join(sorted(_LABELS))}")


def _label(chip: int) -> str:
    from fcntl import ioctl

    info = ioctl(chip, _CHIP_INFO, bytes(68))
    return info[32:64].split(b"\0", 1)[0].decode("ascii", "replace")


def _level(chip: int, pin: int) -> bool:
    from fcntl import ioctl

    request = bytearray(_REQUEST_BYTES)  # flags stay 0: as is
    struct.pack_into("=I", request, 0, pin)
    struct.pack_into("=9s", request, _CONSUMER_AT, b"forecourt")
    struct.pack_into("=I", request, _NUM_LINES_AT, 1)
    ioctl(chip, _GET_LINE, request)
    (line,) = struct.unpack_from("=i", request, _FD_AT)
    try:
        values = ioctl(line, _GET_VALUES, struct.pack("=QQ", 0, 1))
    finally:
        os.close(line)
    return bool(struct.unpack("=QQ", values)[0] & 1)
