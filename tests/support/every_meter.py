"""Virtual meters of every model, and drivers for them."""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from edge.bus.port import Bus
from edge.meter.catalogue import load, slugs
from edge.meter.meter import Meter
from hil_tests.virtual.encoding import Spot
from hil_tests.virtual.meter import VirtualMeter


def every_model(**options: Any) -> list[VirtualMeter]:
    """One of each, with unit ids from 1 on."""
    return [VirtualMeter(unit, slug, turnaround_s=0.0, **options)
            for unit, slug in enumerate(slugs(), start=1)]


def driver_of(bus: Bus, meter: VirtualMeter, clock_ns: Callable[[], int] = time.monotonic_ns) -> Meter:
    """What the controller would read it with."""
    return Meter(bus, meter.unit, load(meter.model), "m", clock_ns)


def step(meter: VirtualMeter, spot: Spot) -> Decimal:
    """What one count of a register is, in its unit."""
    exponent = 0 if spot.scale_register is None else meter.exponents[spot.scale_register]
    return spot.scale * Decimal(10) ** exponent / (1000 if spot.type == "int32_milli" else 1)
