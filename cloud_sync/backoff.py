"""How long to wait before the next attempt to connect. Pure."""

import random

STABLE_S = 60.0
"""A session that lasted this long forgives the failures before it. paho forgives at each CONNACK,
so a broker that accepts and kicks is called once a second for ever (measured)."""


class Backoff:
    """Doubles from `first_s` to `last_s`; each wait is drawn from its upper half, so that a thousand
    sites do not come back in the same second."""

    def __init__(self, *, first_s: float = 0.5, last_s: float = 60.0,
                 rng: random.Random | None = None) -> None:
        self._first_s = first_s
        self._last_s = last_s
        self._rng = rng or random.Random()
        self._failures = 0

    def next_s(self, session_s: float = 0.0) -> float:
        """The wait after a failed attempt (0 s) or after a session that lasted `session_s`."""
        if session_s >= STABLE_S:
            self._failures = 0
        whole_s = min(self._last_s, self._first_s * float(2 ** min(self._failures, 30)))
        self._failures += 1
        return whole_s * self._rng.uniform(0.5, 1.0)
