"""The ACR122U: left to itself, it does not open again after nfcpy closed it, until somebody replugs it.

Its firmware and nfcpy both drive the PN532 inside. nfcpy's close() puts that chip to sleep, from which
the firmware does not wake it (nfcpy issues 154, 192, 231, 239, 243, 251). Not tried on hardware.
"""

from typing import Any


def tame_acr122(device: Any) -> None:
    """Leaves the chip of this one device awake when it is closed. Other devices: nothing is done."""
    if type(device).__module__ == "nfc.clf.acr122":
        device.chipset.power_down = _stay_awake


def _stay_awake(*_: Any, **__: Any) -> None:
    """In place of the driver's `power_down`."""
