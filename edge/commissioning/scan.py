"""The search for meters on a line: which units answer, at which setting, and what they are.

One short question for each unit and setting, the likely ones first, so that whoever stops early has
the most for his time. Anything with a right CRC counts as an answer, a refusal too. What comes late
tells of a slow unit; bytes that are no frame, of two units with one id or a device at another setting.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

from edge.bus.pdu import READ_HOLDING, READ_INPUT, read_holding, read_input
from edge.bus.port import BusClass
from edge.bus.url import LineUrl
from edge.commissioning.identify import Identifier
from edge.commissioning.line import Line
from edge.commissioning.patient import Patient
from edge.commissioning.saw import Sign, saw
from edge.controller.struct import Value
from edge.controller.trouble import DeviceError, LineDown
from edge.meter.model import MeterModel

LIKELY = range(1, 17)  # units that most people give
_CHARS, _BITS = 11.5, 11  # a question and the silence after it
_SLOW_S = 0.5
_NOISY = 3  # units of one setting that give garbage: that is the line, not a unit
_HARDLY = (181, 203, 229)  # units that nobody gives, let alone all three
_GARBAGE_TRIES = 3

Functions = tuple[int, ...]


class Setting(NamedTuple):
    """How a serial line is set while it is asked."""

    baud: int
    parity: str

    def __str__(self) -> str:
        return f"{self.baud} 8{self.parity}1"


class Found(Value):
    """A unit that answered. `models`: slugs; several if they cannot be told apart, none: unknown.

    `by`: "code" (the product said so), "sunspec", "values" (its registers fit), or "name" (its own, and
    no model of ours); `says`: evidence.
    """

    unit: int
    baud: int | None
    parity: str | None
    models: tuple[str, ...] = ()
    by: str = ""
    says: str = ""
    turnaround_ms: float | None = None


class Step(NamedTuple):
    """One unit asked at one setting."""

    setting: Setting | None
    unit: int
    functions: Functions


OpenLine = Callable[[Setting | None], AbstractAsyncContextManager[Line]]
Watch = Callable[[float, float, str], None]


class Scan:
    """`found` and `notes` grow while `run` goes, and hold what there is if it is cancelled."""

    def __init__(self, open_line: OpenLine, settings: Sequence[Setting | None], units: Sequence[int],
                 models: Iterable[MeterModel], *, timeout_s: float,
                 on_found: Callable[[Found], None] = lambda _: None,
                 watch: Watch = lambda *_: None,
                 now_s: Callable[[], float] = time.monotonic) -> None:
        """`watch` gets the share that is done, seconds left, and what is under way."""
        self._open, self._settings, self._units = open_line, settings, units
        self._models, self._timeout_s = tuple(models), timeout_s
        self._on_found, self._watch, self._now_s = on_found, watch, now_s
        self.found: list[Found] = []
        self._garbage: dict[tuple[Setting | None, int], str] = {}
        self._told: list[str] = []
        self._began_s, self._done_s, self._total_s = now_s(), 0.0, 0.0
        self._over = False

    @property
    def notes(self) -> list[str]:
        """What a technician should know besides."""
        notes = list(dict.fromkeys(self._told))
        for setting in dict.fromkeys(setting for setting, _ in self._garbage):
            units = sorted(unit for at, unit in self._garbage if at == setting
                           and unit not in self._taken(setting))
            at = f" at {setting}" if setting else ""
            if len(units) >= _NOISY:
                listed = ", ".join(map(str, units))
                notes.append(f"noise{at} at units {listed}: another master, a device at another "
                             "setting, or a line without termination")
            else:
                notes += [f"unit {unit}{at} answers, but never with a whole frame"
                          f" ({self._garbage[setting, unit]}): two devices with this unit id? Take one "
                          "off the line and scan again" for unit in units]
        return notes

    async def run(self) -> None:
        """All rounds. Raises `LineDown` if the line cannot be had, or goes."""
        self._total_s = sum(map(self._cost_s, [*self._likely(), *self._rest(self._settings)]))
        await self._round(list(self._likely()))
        fruitful = {Setting(f.baud, f.parity) for f in self.found if f.baud and f.parity}
        first = [s for s in self._settings if s in fruitful]
        await self._round(list(self._rest([*first, *(s for s in self._settings if s not in first)])))

    def _likely(self) -> Iterator[Step]:
        few = [unit for unit in self._units if unit in LIKELY]
        for setting in self._settings:
            yield from (Step(setting, unit, (READ_HOLDING, READ_INPUT)) for unit in few)

    def _rest(self, settings: Sequence[Setting | None]) -> Iterator[Step]:
        others = [unit for unit in self._units if unit not in LIKELY]
        for setting in settings:
            yield from (Step(setting, unit, (READ_HOLDING,)) for unit in others)

    def _cost_s(self, step: Step) -> float:
        """If nobody answers. The second question waits twice as long."""
        chars_s = _CHARS * _BITS / step.setting.baud if step.setting else 0.0
        return sum(chars_s + (n + 1) * self._timeout_s for n in range(len(step.functions)))

    async def _round(self, steps: list[Step]) -> None:
        for setting in dict.fromkeys(step.setting for step in steps):
            mine = [step for step in steps if step.setting == setting]
            async with self._open(setting) as line:
                for step in mine:
                    if self._over:
                        return
                    if step.unit not in self._taken(setting):
                        self._tell(step)
                        await self._step(line, step)
                    self._done_s += self._cost_s(step)
                await self._look_at(line)

    async def _look_at(self, line: Line) -> None:
        """What the line has shown besides answers."""
        told = await line.figures()
        if told is not None and told.echo:
            self._told.append("the adapter hears what it sends: add &echo=1 to the line's url")
        if told is not None and told.another_master:
            self._told.append("somebody else asks on this line: another master (a solar inverter, a "
                              "gateway, a second controller). Take it off")

    def _taken(self, setting: Setting | None) -> set[int]:
        """Units that were found at this baud: at another parity of it they are the same."""
        return {found.unit for found in self.found if setting is None or found.baud == setting.baud}

    def _tell(self, step: Step) -> None:
        took_s = self._now_s() - self._began_s
        pace = took_s / self._done_s if self._done_s > 2 * self._timeout_s else 1.0
        left_s = max(0.0, self._total_s - self._done_s) * pace
        at = f"{step.setting}, " if step.setting else ""
        self._watch(self._done_s / (self._total_s or 1.0), left_s,
                    f"{at}unit {step.unit}, {len(self.found)} found")

    async def _step(self, line: Line, step: Step) -> None:
        for n, function in enumerate(step.functions):
            sign, other = await self._ask(line, step, function, (n + 1) * self._timeout_s)
            if sign is Sign.OTHER and other is not None and other != step.unit:
                await self._late(line, step._replace(unit=other))
                sign, _ = await self._ask(line, step, function, self._timeout_s)
            if sign is Sign.GARBAGE:
                sign = await self._again(line, step, function)
            if sign is Sign.ANSWER:
                await self._identify(line, step)
                return

    async def _again(self, line: Line, step: Step, function: int) -> Sign:
        """Garbage may be one disturbance; if it stays, it is told."""
        for _ in range(_GARBAGE_TRIES - 1):
            sign, _ = await self._ask(line, step, function, 2 * self._timeout_s)
            if sign is not Sign.GARBAGE:
                break
        return sign

    async def _late(self, line: Line, step: Step) -> None:
        """Somebody spoke out of turn: a slow unit, if it answers when it is given time."""
        if step.unit in self._taken(step.setting) or step.unit not in self._units:
            return
        for function in step.functions:
            sign, _ = await self._ask(line, step, function, _SLOW_S)
            if sign is Sign.ANSWER:
                self._told.append(f"unit {step.unit} is slow: it takes more than "
                                  f"{self._timeout_s * 1000:.0f} ms to answer")
                await self._identify(line, step)
                return

    async def _ask(self, line: Line, step: Step, function: int,
                   timeout_s: float) -> tuple[Sign, int | None]:
        pdu = read_holding(0, 2) if function == READ_HOLDING else read_input(0, 2)
        patient = Patient(line, tries=1)
        try:
            await patient.transact(step.unit, pdu, BusClass.BULK, timeout_s=timeout_s)
        except LineDown:
            raise
        except DeviceError as error:
            seen = saw(error)
            if seen.sign is Sign.GARBAGE:
                self._garbage[step.setting, step.unit] = error.got
            if seen.sign is Sign.OTHER and seen.unit == step.unit:
                return Sign.ANSWER, None  # to another question, but it is there
            return seen.sign, seen.unit
        return Sign.ANSWER, None

    async def _identify(self, line: Line, step: Step) -> None:
        """Noted before it is known, so that it is not lost if we are stopped."""
        at = step.setting or _fixed(line.url)
        self.found.append(Found(unit=step.unit, baud=at.baud if at else None,
                                parity=at.parity if at else None))
        self._watch(self._done_s / (self._total_s or 1.0), max(0.0, self._total_s - self._done_s),
                    f"what is unit {step.unit}?")
        turnaround_s = line.turnaround_s(step.unit) or self._timeout_s
        identifier = Identifier(Patient(line), step.unit, self._models,
                                timeout_s=max(1.5 * self._timeout_s, 4 * turnaround_s))
        product = await identifier.identify()
        turnaround_s = line.turnaround_s(step.unit) or turnaround_s
        known = Found(unit=step.unit, baud=self.found[-1].baud, parity=self.found[-1].parity,
                      turnaround_ms=round(turnaround_s * 1000, 1))
        if product is not None:
            known = Found(unit=known.unit, baud=known.baud, parity=known.parity,
                          turnaround_ms=known.turnaround_ms, models=product.slugs, by=product.by,
                          says=product.says)
        self.found[-1] = known
        if len(self.found) != 1 or not await self._is_everybody(line, step):
            self._on_found(known)
            return
        self._told.append("it answers under every unit id: one device with an address of its own, and "
                          "no gateway. The other units were not asked")
        self._over = True
        self._on_found(known)

    async def _is_everybody(self, line: Line, step: Step) -> bool:
        """A device on the network may answer under any unit id; behind a gateway few do."""
        if line.url.kind != "tcp":
            return False
        for unit in _HARDLY:
            sign, _ = await self._ask(line, step._replace(unit=unit), step.functions[0], _SLOW_S)
            if sign is not Sign.ANSWER:
                return False
        return True


def _fixed(url: LineUrl) -> Setting | None:
    return Setting(url.baud, url.parity) if url.kind == "rtu" else None


def orders(bauds: Sequence[int], parities: Sequence[str]) -> list[Setting]:
    """Every setting, the likely ones first: bauds and parities as they are given, mixed."""
    ranked = [(bauds.index(baud) + 2 * parities.index(parity), Setting(baud, parity))
              for baud in bauds for parity in parities]
    return [setting for _, setting in sorted(ranked, key=lambda one: one[0])]
