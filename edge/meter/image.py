"""The register words that were read in one turn, and the values in them."""

from collections.abc import Sequence
from decimal import Decimal

from edge.meter.decode import energy_wh, raw_hex, value_of, wh_per_count
from edge.meter.model import Register
from edge.meter.plan import spans_of


class Image:
    """Addresses are the model's own. A value is there when every word of it is, its scale's too."""

    def __init__(self) -> None:
        self._words: dict[tuple[int, int], int] = {}
        self.judged = False  # its energy was

    def put(self, function: int, address: int, words: Sequence[int]) -> None:
        """Words as an answer brought them."""
        for at, word in enumerate(words, address):
            self._words[function, at] = word

    def word(self, function: int, address: int) -> int | None:
        return self._words.get((function, address))

    def holds(self, register: Register | None) -> bool:
        """Whether it was read (it may have said "not available")."""
        return register is not None and all(
            (span.function, at) in self._words
            for span in spans_of(register) for at in range(span.start, span.end))

    def value(self, register: Register | None) -> Decimal | None:
        """In the register's unit, exact; `None`: not read, or not available."""
        if register is None or not self.holds(register):
            return None
        return value_of(register, self._own(register), self.exponent(register))

    def number(self, register: Register | None) -> float | None:
        """As a float."""
        value = self.value(register)
        return None if value is None else float(value)

    def energy_wh(self, register: Register | None) -> int | None:
        """In whole Wh, rounded to the nearest once; `None`: not read, or not available."""
        if register is None or not self.holds(register):
            return None
        return energy_wh(register, self._own(register), self.exponent(register))

    def energy_raw(self, register: Register) -> tuple[str, str]:
        """Of a register that it holds: its words in hex, and Wh per count as decimal text."""
        count_wh = wh_per_count(register, self.exponent(register))
        return raw_hex(register, self._own(register)), format(count_wh.normalize(), "f")

    def exponent(self, register: Register) -> int | None:
        """Of a register that it holds: the word that scales it; `None`: it needs none."""
        scale = register.scale_register
        return None if scale is None else self._words[register.function, scale]

    def _own(self, register: Register) -> tuple[int, ...]:
        return tuple(self._words[register.function, at]
                     for at in range(register.address, register.end))
