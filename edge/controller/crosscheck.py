"""Whether the numbers of a billing meter can be true together. Pure.

Apparent power is what power can be at the most, whatever the load. A car that draws real current is a
good load (IEC 61000-3-2 and -12 bound its harmonics, power factors are above 0.9): power below half of
it means a current transformer that is turned round or sits on another phase, or registers of another
model. And a register must grow as its own power says. Each must be wrong for long: currents and power
are not read in the same instant, voltages are seconds old, and a register moves in steps.

A meter that contradicts itself may bill too much or too little, and nobody can say which of its numbers
is the true one. So it bills nobody any more: the session ends in order, its driver has his card for
another bay, and only who has looked at the wiring opens this one again. By itself the contradiction
would end with the current that shows it, and begin anew with every car.
"""

import math

import msgspec

from edge.controller.reading import Reading
from edge.controller.site import Evse, Timers
from edge.controller.struct import Value

_NS = 1_000_000_000
LOAD_A = 8.0  # on a phase: below, what a large charger's filter draws may be most of it
NOISE_A, NOISE_W = 0.3, 50.0
APPARENT, HALF = 1.10, 0.5
FLOWS_W = 500.0  # an idle meter's power is noise, and its register need not count it
WINDOW_S, WINDOW_WH, WINDOW_STEPS = 300.0, 200.0, 20
LEAST, MOST = 0.8, 1.25
WINDOWS = 2
_FLOAT_STEP = 2.0 ** -23  # of any float register's value, at the most


class Checks(Value):
    """What was seen of a meter lately. `found`: what its last reading proved; empty: nothing."""

    seen_ns: int
    power_w: float
    odd_ns: int | None = None  # power and currents disagree since
    from_wh: int | None = None  # where the window began
    from_ns: int = 0
    energy_ns: int = 0  # of the last register that was looked at
    flow_wh: float = 0.0  # by the power, since the window began
    bad: int = 0  # windows in a row that were
    found: str = ""


def taken(known: Checks | None, evse: Evse, reading: Reading, timers: Timers) -> Checks | None:
    """What is known after a reading that was believed; after a silence everything begins anew.

    None: the meter is idle, and nothing needs to be remembered.
    """
    power_w = reading.power_w
    if power_w is None or (known is not None and reading.mono_ns <= known.seen_ns):
        return known
    fresh = known is None or reading.mono_ns - known.seen_ns > timers.meter_lost_s * _NS
    if known is None or fresh or reading.rebased_from_wh is not None:
        bad = 0 if known is None or reading.rebased_from_wh is not None else known.bad
        known = Checks(seen_ns=reading.mono_ns, power_w=power_w, bad=bad)
    why = against_currents(evse, reading)
    odd_ns = (known.odd_ns or reading.mono_ns) if why else None
    lasts = odd_ns is not None and reading.mono_ns - odd_ns >= timers.contradicts_s * _NS
    known = msgspec.structs.replace(
        _integrated(known, evse, reading, power_w), odd_ns=reading.mono_ns if lasts else odd_ns)
    if lasts:
        known = msgspec.structs.replace(known, found=why)
    idle = power_w < FLOWS_W and not (known.odd_ns or known.bad or known.found)
    return None if idle else known


def against_currents(evse: Evse, reading: Reading) -> str:
    """What is wrong between power and currents now; empty: nothing, or not known."""
    amps, volts = reading.current_a, reading.voltage_v
    pairs = [(abs(a), v) for a, v in ((amps.L1, volts.L1), (amps.L2, volts.L2), (amps.L3, volts.L3))
             if a is not None]
    power_w = reading.power_w
    if power_w is None or len(pairs) < len(evse.phases):
        return ""
    highest = evse.nominal_v * 1.15  # where a meter has no voltages
    most_va = sum((a + NOISE_A) * _known(v, highest) for a, v in pairs) * APPARENT + NOISE_W
    if power_w > most_va:
        return f"power {power_w:.0f} W, but V x I allows {most_va:.0f} W at the most"
    apparent_va = sum(max(a - NOISE_A, 0.0) * _known(v, evse.nominal_v * 0.85) for a, v in pairs)
    if max(a for a, _ in pairs) >= LOAD_A and power_w < HALF * apparent_va:
        return f"power {power_w:.0f} W, but V x I is {apparent_va:.0f} VA"
    return ""


def _known(volts: float | None, otherwise: float) -> float:
    return volts if volts is not None and math.isfinite(volts) and volts > 0 else otherwise


def _integrated(known: Checks, evse: Evse, reading: Reading, power_w: float) -> Checks:
    """The window of energy with this reading; judged when it is long enough, then begun anew."""
    hours = (reading.mono_ns - known.seen_ns) / _NS / 3600
    known = msgspec.structs.replace(
        known, seen_ns=reading.mono_ns, power_w=power_w, found="",
        flow_wh=known.flow_wh + (known.power_w + power_w) / 2 * hours)
    energy_wh, energy_ns = reading.energy_import_wh, reading.energy_ns
    if power_w < FLOWS_W or energy_wh is None:
        return msgspec.structs.replace(known, from_wh=None)
    if energy_ns <= known.energy_ns:
        return known  # carried: it says nothing new
    begun = msgspec.structs.replace(known, from_wh=energy_wh, from_ns=energy_ns, flow_wh=0.0,
                                    energy_ns=energy_ns)
    if known.from_wh is None or energy_wh < known.from_wh:
        return begun
    if (energy_ns - known.from_ns < WINDOW_S * _NS
            or known.flow_wh < max(WINDOW_WH, WINDOW_STEPS * evse.meter_step_wh)):
        return msgspec.structs.replace(known, energy_ns=energy_ns)
    grown_wh = energy_wh - known.from_wh
    slack_wh = 2 * (evse.meter_step_wh + energy_wh * _FLOAT_STEP
                    + power_w * evse.meter_refresh_s / 3600)
    well = LEAST * known.flow_wh - slack_wh <= grown_wh <= MOST * known.flow_wh + slack_wh
    if well or not grown_wh:  # a register that stands is another fault
        return msgspec.structs.replace(begun, bad=0)
    if known.bad + 1 < WINDOWS:
        return msgspec.structs.replace(begun, bad=known.bad + 1)
    return msgspec.structs.replace(begun, bad=0, found=(
        f"register grew by {grown_wh} Wh, power says {known.flow_wh:.0f} Wh"))
