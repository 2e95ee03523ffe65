"""Reads the registers of one device in the blocks that cost least, and learns what it refuses."""

import logging
from collections.abc import Callable, Iterable

from edge.bus.pdu import READ_HOLDING, read_holding, read_input, registers_of
from edge.bus.port import Bus, BusClass
from edge.controller.trouble import BadAnswer, DeviceRefused, DeviceTimeout
from edge.meter import sunspec
from edge.meter.image import Image
from edge.meter.learnt import Learnt
from edge.meter.model import MeterModel, Register
from edge.meter.pace import TURNAROUND_S, Pace
from edge.meter.plan import (
    HEADER_SPAN,
    Block,
    Span,
    block_of,
    limits_of,
    plan,
    spans_of,
    ties_of,
    told_apart,
)

_HALVED = (2, 3)  # illegal address, illegal value: for a block that a device does not want whole
_SILENT_TURNS = 3  # as many timeouts of one block in a row, and its halves are tried
_CHANGED, _CHANGED_S = 0.3, 0.003  # a turnaround that strays by less changes no plan
_WALK_AGAIN_NS = 10_000_000_000  # a device without the model is not walked through at every turn

log = logging.getLogger(__name__)


class RegisterReader:
    """Of one device. `pace`: of its line."""

    def __init__(self, bus: Bus, unit: int, model: MeterModel, pace: Pace,
                 clock_ns: Callable[[], int]) -> None:
        self._bus, self.unit, self.model = bus, unit, model
        self._pace, self._clock_ns = pace, clock_ns
        self._learnt = Learnt(limits_of(model))
        self._silent: dict[Span, int] = {}  # timeouts in a row
        self._answers = 0
        self._answers_at: dict[Span, int] = {}  # how many answers there were at its first timeout
        self._plans: dict[tuple[str, ...], tuple[Block, ...]] = {}
        self._shapes: dict[tuple[int, int], int] = {}  # function, length -> address of its block
        self._planned = (0.0, -1)  # with this turnaround, and this version of what was learnt
        self._base: int | None = 0 if model.sunspec is None else None
        self._starts = sunspec.STARTS
        self._walked: tuple[int, BadAnswer] | None = None  # in vain: until when it counts

    @property
    def where(self) -> str:
        return f"unit {self.unit} ({self.model.slug})"

    def registers(self, quantities: Iterable[str]) -> list[Register]:
        """Those that the model has, each once."""
        return [register for name in dict.fromkeys(quantities)
                if (register := self.model.register(name)) is not None]

    def missing(self, quantities: Iterable[str]) -> dict[str, str]:
        """Which of these are not asked for now, as the device refused them, and what it said."""
        return {register.quantity: why for register in self.registers(quantities)
                if (why := self._why_missing(register)) is not None}

    def ask_again(self, quantities: Iterable[str]) -> None:
        """Ask for these at the next opportunity, whatever was refused before."""
        for register in self.registers(quantities):
            for span in spans_of(register):
                self._learnt.ask_again(span)

    def refusal(self, quantities: Iterable[str]) -> DeviceRefused:
        """To be raised where nothing of these could be had."""
        missing = self.missing(quantities)
        name, why = next(iter(missing.items()), ("nothing", "no such registers"))
        return DeviceRefused("registers refused", where=self.where, got=f"{why} for {name}",
                             expected=f"the registers of {self.model.name}")

    def blocks(self, quantities: tuple[str, ...]) -> tuple[Block, ...]:
        """What to ask for, by what is known of the device now."""
        self._learnt.expire(self._clock_ns())
        turnaround_s = self._bus.turnaround_s(self.unit) or TURNAROUND_S
        planned_s, version = self._planned
        if abs(turnaround_s - planned_s) > max(_CHANGED * planned_s, _CHANGED_S):
            planned_s, version = turnaround_s, -1
        if version != self._learnt.version:
            self._plans.clear()
            self._shapes.clear()
            self._planned = planned_s, self._learnt.version
        known = self._plans.get(quantities)
        if known is None:
            known = self._plans[quantities] = self._plan(quantities, planned_s)
        return known

    def _plan(self, quantities: tuple[str, ...], turnaround_s: float) -> tuple[Block, ...]:
        wanted = [register for register in self.registers(quantities)
                  if self._why_missing(register) is None]
        spans = [span for register in wanted for span in spans_of(register)]
        if self.model.sunspec is not None and spans:
            spans.append(HEADER_SPAN)
        blocks = plan(spans, self._pace, turnaround_s, self._learnt.limits, ties_of(self.model, wanted))
        return told_apart(blocks, self._shapes, self._known(), self._learnt.limits)

    def _known(self) -> list[Span]:
        """What may be read along with anything. A SunSpec model has no holes."""
        spans = [span for register in self.model.registers
                 if not register.optional and self._why_missing(register) is None
                 for span in spans_of(register)]
        if self.model.sunspec is None:
            return spans
        end = max((span.end for span in spans), default=0)
        return [Span(sunspec.HOLDING, at, at + 1) for at in range(end)]

    def _why_missing(self, register: Register) -> str | None:
        return next((why for span in spans_of(register)
                     if (why := self._learnt.missing(span)) is not None), None)

    async def fetch(self, block: Block, image: Image, klass: BusClass,
                    timeout_s: float | None = None) -> None:
        """Ask for a block, in parts if the device refuses it whole; what is refused alone is noted.

        Raises what `Bus.transact` raises, but for such refusals.
        """
        await self._find(klass, timeout_s)
        turns = self._silent.get(block.span, 0)
        try:
            if turns >= _SILENT_TURNS and (len(block.spans) > 1 or block.is_grown):
                await self._past_silence(block, image, klass, timeout_s, turns)
            else:
                await self._parts(block, image, klass, timeout_s)
        except DeviceTimeout:
            self._stayed_silent(block)
            raise
        self._silent.pop(block.span, None)
        self._check_model(image)

    async def _parts(self, block: Block, image: Image, klass: BusClass,
                     timeout_s: float | None) -> bool:
        """Whether it was answered whole."""
        try:
            words = await self._ask(block.function, (self._base or 0) + block.address, block.count,
                                    klass, timeout_s)
        except DeviceRefused as refused:
            if refused.code not in _HALVED:
                raise
            self._answers += 1
            if block.is_grown:
                wanted = block_of(block.spans)
                if await self._parts(wanted, image, klass, timeout_s):
                    self._learnt.leave(wanted.span)
                return False
            if len(block.spans) == 1:
                self._miss(block.spans[0], refused.got)
                return False
            left, right = block.halves()
            left_whole = await self._parts(left, image, klass, timeout_s)
            right_whole = await self._parts(right, image, klass, timeout_s)
            if left_whole and right_whole:
                self._learnt.part(left, right, self._clock_ns())
            return False
        self._answers += 1
        image.put(block.function, block.address, words)
        self._learnt.found(block)
        return True

    async def _ask(self, function: int, address: int, count: int, klass: BusClass,
                   timeout_s: float | None) -> tuple[int, ...]:
        build = read_holding if function == READ_HOLDING else read_input
        answer = await self._bus.transact(self.unit, build(address, count), klass,
                                          timeout_s=timeout_s)
        return registers_of(answer)

    async def _past_silence(self, block: Block, image: Image, klass: BusClass,
                            timeout_s: float | None, turns: int) -> None:
        """A unit that is dead costs no more than by its whole block; one that only does not answer
        this block does answer half of it.
        """
        parts = (block_of(block.spans),) if block.is_grown else block.halves()
        await self._parts(parts[turns % 2 - 1], image, klass, timeout_s)
        try:
            await self._parts(block, image, klass, timeout_s)
        except DeviceTimeout:
            if block.is_grown:
                self._learnt.leave(parts[0].span)
            else:
                self._learnt.part(*block.halves(), self._clock_ns())

    def _stayed_silent(self, block: Block) -> None:
        """A value that stays silent alone, while others of the unit answer, is as good as refused."""
        span = block.span
        turns = self._silent[span] = self._silent.get(span, 0) + 1
        if turns == 1:
            self._answers_at[span] = self._answers
        if (turns >= _SILENT_TURNS and len(block.spans) == 1 and not block.is_grown
                and self._answers - self._answers_at[span] >= _SILENT_TURNS):
            del self._silent[span]
            self._miss(span, "no answer, while other registers of it are answered")

    def _miss(self, span: Span, why: str) -> None:
        registers = [each for each in self.model.registers if span in spans_of(each)]
        optional = bool(registers) and all(register.optional for register in registers)
        log.log(logging.INFO if optional else logging.WARNING, "%s: %s at register %d", self.where, why,
                span.start)
        self._learnt.miss(span, why, self._clock_ns(), optional=optional)

    async def _find(self, klass: BusClass, timeout_s: float | None) -> None:
        """Where the SunSpec model begins, once; a unit that is silent at one start is asked at the
        next start next time.
        """
        if self._base is not None or self.model.sunspec is None:
            return
        if self._walked is not None and self._clock_ns() < self._walked[0]:
            raise self._walked[1].with_traceback(None)

        async def ask(address: int, count: int) -> tuple[int, ...]:
            return await self._ask(sunspec.HOLDING, address, count, klass, timeout_s)

        try:
            found = await sunspec.walk(ask, self.model.sunspec, self.where, self._starts)
        except DeviceTimeout:
            self._starts = (*self._starts[1:], self._starts[0])
            raise
        except BadAnswer as error:
            self._walked = self._clock_ns() + _WALK_AGAIN_NS, error
            raise
        need = max(span.end for register in self.model.registers if not register.optional
                   for span in spans_of(register)) - sunspec.HEADER
        if found.length < need:
            raise BadAnswer("SunSpec model", where=self.where, got=f"a length of {found.length}",
                            expected=f"{need} registers of model {self.model.sunspec}")
        self._base = found.address

    def proven(self, image: Image) -> bool:
        """Whether what was read is where it should be, by what was read with it."""
        return self.model.sunspec in (None, image.word(sunspec.HOLDING, 0))

    def _check_model(self, image: Image) -> None:
        """The id stands in the first register; where it does not any longer, nothing else is right."""
        found = image.word(sunspec.HOLDING, 0) if self.model.sunspec is not None else None
        lost = self.model.sunspec is not None and self._learnt.missing(HEADER_SPAN) is not None
        if not lost and (found is None or found == self.model.sunspec):
            return
        self._base = None
        self._learnt.forget()
        raise BadAnswer("SunSpec model", where=self.where, expected=f"model {self.model.sunspec}",
                        got="a refusal" if found is None else f"model {found}")
