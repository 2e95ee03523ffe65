"""The energy acceptor: which register values may be believed. Pure; the first form.

A register of imported energy only grows, and never faster than what can flow through the meter. A value
that breaks this is refused, and what was accepted before stays the base: one bad read must not become
the truth against which good ones are refused. (Taking a reset or an exchanged meter after several
consistent readings, by a journalled event, comes with the meters' own order.)
"""

_MARGIN = 1.25
_BEYOND_WH = 10**13  # 10 TWh: no site, but many a garbled float
_WH_PER_W_NS = 1 / 3_600_000_000_000


class EnergyAcceptor:
    """Judges one register. `refresh_s`: how old a register may be inside the meter."""

    def __init__(self, max_power_w: float, *, refresh_s: float = 1.0, step_wh: float = 10.0) -> None:
        self._max_power_w, self._refresh_s, self._step_wh = max_power_w, refresh_s, step_wh
        self._energy_wh: int | None = None
        self._mono_ns: int | None = None

    @property
    def accepted_wh(self) -> int | None:
        """The last value that was believed."""
        return self._energy_wh

    def resume(self, energy_wh: int, since_ns: int | None = None) -> None:
        """After a restart: a value believed then, at `since_ns` or later; None: nobody knows when."""
        self._energy_wh, self._mono_ns = energy_wh, since_ns

    def refusal(self, energy_wh: int | None, mono_ns: int) -> str | None:
        """Why this value, read at `mono_ns`, is not believed; `None`: it is, and becomes the base."""
        if energy_wh is None:
            return "not available"
        if energy_wh < 0:
            return f"{energy_wh} Wh, below zero"
        if energy_wh > _BEYOND_WH:
            return f"{energy_wh:.3g} Wh, beyond any register"
        last_wh = self._energy_wh
        if last_wh is not None:
            if energy_wh == 0 and last_wh > 0:
                return f"0 Wh after {last_wh} Wh"
            if energy_wh < last_wh:
                return f"{energy_wh} Wh after {last_wh} Wh, backward"
            most_wh = self._most_wh(mono_ns)
            if most_wh is not None and energy_wh - last_wh > most_wh:
                return (f"{energy_wh} Wh after {last_wh} Wh, more than {most_wh:.0f} Wh "
                        "that can have flowed")
        self._energy_wh, self._mono_ns = energy_wh, mono_ns
        return None

    def _most_wh(self, mono_ns: int) -> float | None:
        if self._mono_ns is None:
            return None
        elapsed_ns = max(0, mono_ns - self._mono_ns) + self._refresh_s * 1e9
        return self._max_power_w * _MARGIN * elapsed_ns * _WH_PER_W_NS + self._step_wh
