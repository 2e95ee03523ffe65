"""The energy acceptor: which values of a billing register may be believed. Pure.

A register of imported energy only grows, and never faster than what can flow through the meter. A value
that breaks this is refused, and what was believed before stays the base: one bad read must not become
the truth against which good ones are refused.

A register that began anew (reset, or another meter in its place) breaks it for good. It becomes the
base only after several readings that fit each other by the same rules, with none that fits the old base
among them, over a time that no meter takes to start; what flowed between the two is nobody's, so it is
told as rebased and never billed. A register that is full and begins at zero is believed at once, for
then the sum still fits what can have flowed.
"""

import math
from typing import NamedTuple, Self

from edge.meter.decode import wh_per_count
from edge.meter.model import MeterModel, Register, RegisterType

CONFIRMATIONS = 5
CONFIRM_S = 20.0
#: A meter may answer zeros for a while after its power came back; one that was reset shows them too.
CONFIRM_ZERO_S = 60.0
#: What may have flowed over a gap of unknown length: a session that was left alone longer is not
#: resumed, and the boards open within minutes. More than this must prove itself, and is not billed.
UNKNOWN_GAP_S = 3600.0

_MARGIN = 1.25
_BEYOND_WH = 10**13  # 10 TWh: no site, but many a garbled float
_WH_PER_W_NS = 1 / 3_600_000_000_000
_FULL = 0.999
_MANTISSA_BITS = {RegisterType.FLOAT32: 24, RegisterType.FLOAT64: 53}
_COUNTS = {RegisterType.UINT32: 2**32, RegisterType.ACC32: 2**32, RegisterType.INT32: 2**31}
_DISPLAYS_WH = tuple(10**digits for digits in range(8, 13))  # 100 MWh to 1 TWh, all nines shown before


class Verdict(NamedTuple):
    """What became of a value. `energy_wh`: what is believed now; `refused`: why nothing is.

    `rebased_from_wh`: the register began anew, and this was believed last before; `rebased_why`:
    "reset", "exchanged" or "wrapped".
    """

    energy_wh: int | None = None
    refused: str | None = None
    rebased_from_wh: int | None = None
    rebased_why: str = ""

    @property
    def accepted(self) -> bool:
        return self.refused is None


class _Seen(NamedTuple):
    energy_wh: int
    mono_ns: int | None  # None: nobody knows when


class _Candidate(NamedTuple):
    """Readings that fit each other and not the base."""

    first: _Seen
    last: _Seen
    readings: int = 1


class EnergyAcceptor:
    """Judges one register, whose readings come in the order of their time."""

    def __init__(self, max_power_w: float, *, refresh_s: float = 1.0, step_wh: float = 10.0,
                 mantissa_bits: int | None = None, unit_wh: float = 1.0,
                 full_wh: tuple[int, ...] = _DISPLAYS_WH) -> None:
        """`refresh_s`: how old a register may be inside the meter. `step_wh`: its step by its data
        sheet. `mantissa_bits`: of a float, which steps more coarsely the higher it is; `unit_wh`: Wh
        in one whole unit of it. `full_wh`: values that it may begin at zero instead of.
        """
        self._max_power_w, self._refresh_s, self._step_wh = max_power_w, refresh_s, step_wh
        self._mantissa_bits, self._unit_wh, self._full_wh = mantissa_bits, unit_wh, full_wh
        self._base: _Seen | None = None
        self._candidate: _Candidate | None = None

    @classmethod
    def of(cls, model: MeterModel, register: Register | None) -> Self:
        """For the register that a model is billed by, or would be."""
        step_wh = float(model.billing.resolution_wh) if model.billing else 10.0
        if register is None:
            return cls(model.max_power_w, refresh_s=model.refresh_s, step_wh=step_wh)
        unit_wh = float(wh_per_count(register))
        counts = _COUNTS.get(register.type)
        full = (*_DISPLAYS_WH, *(() if counts is None else (round(counts * unit_wh),)))
        return cls(model.max_power_w, refresh_s=model.refresh_s, step_wh=step_wh, full_wh=full,
                   mantissa_bits=_MANTISSA_BITS.get(register.type), unit_wh=unit_wh)

    @property
    def accepted_wh(self) -> int | None:
        """The last value that was believed."""
        return None if self._base is None else self._base.energy_wh

    def resume(self, energy_wh: int, since_ns: int | None = None) -> None:
        """After a restart: a value believed then, at `since_ns` or later; None: nobody knows when."""
        self._base, self._candidate = _Seen(energy_wh, since_ns), None

    def judge(self, energy_wh: int | None, mono_ns: int) -> Verdict:
        """Judge a value that was read at `mono_ns`. Of each read once: a value that is shown again is
        no confirmation.
        """
        if energy_wh is None:
            return Verdict(refused="not available")
        if energy_wh < 0:
            return Verdict(refused=f"{energy_wh} Wh, below zero")
        if energy_wh > _BEYOND_WH:
            return Verdict(refused=f"{energy_wh:.3g} Wh, beyond any register")
        seen, base = _Seen(energy_wh, mono_ns), self._base
        if base is None:
            return self._believe(seen)
        why = self._misfit(base, seen)
        if why is None:
            return self._believe(seen)
        if 0 < base.energy_wh - energy_wh <= self._float_step_wh(base.energy_wh):
            return self._believe(_Seen(base.energy_wh, mono_ns))  # the same step, rounded another way
        if self._wrapped(base, seen):
            return self._rebase(seen, "wrapped")
        if self._confirmed(seen):
            return self._rebase(seen, "reset" if energy_wh < base.energy_wh else "exchanged")
        return Verdict(refused=why)

    def _believe(self, seen: _Seen) -> Verdict:
        self._base, self._candidate = seen, None
        return Verdict(energy_wh=seen.energy_wh)

    def _rebase(self, seen: _Seen, why: str) -> Verdict:
        from_wh = self.accepted_wh
        self._base, self._candidate = seen, None
        return Verdict(energy_wh=seen.energy_wh, rebased_from_wh=from_wh, rebased_why=why)

    def _misfit(self, before: _Seen, now: _Seen) -> str | None:
        """Why one value cannot follow another."""
        if now.energy_wh < before.energy_wh:
            return f"{now.energy_wh} Wh after {before.energy_wh} Wh, backward"
        most_wh = self._most_wh(before, now)
        if now.energy_wh - before.energy_wh > most_wh:
            return (f"{now.energy_wh} Wh after {before.energy_wh} Wh, more than {most_wh:.0f} Wh "
                    "that can have flowed")
        return None

    def _confirmed(self, seen: _Seen) -> bool:
        """Take a misfit in among those that fit each other; whether they are enough now."""
        known = self._candidate
        if known is not None and seen.mono_ns == known.last.mono_ns:
            return False
        if known is None or self._misfit(known.last, seen) is not None:
            self._candidate = _Candidate(seen, seen)
            return False
        self._candidate = known = _Candidate(known.first, seen, known.readings + 1)
        wait_s = CONFIRM_S if seen.energy_wh > 0 else CONFIRM_ZERO_S
        lasted_ns = (seen.mono_ns or 0) - (known.first.mono_ns or 0)
        return known.readings >= CONFIRMATIONS and lasted_ns >= wait_s * 1e9

    def _wrapped(self, base: _Seen, now: _Seen) -> bool:
        most_wh = self._most_wh(base, now)
        return any(full_wh * _FULL < base.energy_wh <= full_wh
                   and full_wh - base.energy_wh + now.energy_wh <= most_wh for full_wh in self._full_wh)

    def _most_wh(self, before: _Seen, now: _Seen) -> float:
        gap_ns = UNKNOWN_GAP_S * 1e9
        if before.mono_ns is not None and now.mono_ns is not None:
            gap_ns = max(0, now.mono_ns - before.mono_ns)
        flow_wh = self._max_power_w * _MARGIN * (gap_ns + self._refresh_s * 1e9) * _WH_PER_W_NS
        return flow_wh + max(self._step_wh, self._float_step_wh(now.energy_wh))

    def _float_step_wh(self, energy_wh: int) -> int:
        """The step of a float at this value, in whole Wh; 0 for an integer register."""
        if self._mantissa_bits is None or energy_wh <= 0:
            return 0
        _, exponent = math.frexp(energy_wh / self._unit_wh)
        return math.ceil(math.ldexp(self._unit_wh, exponent - self._mantissa_bits))
