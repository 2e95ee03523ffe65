"""Does what the core says, in the order that keeps people safe.

Effects that take power run at once, in the order given. Records of the step go to the scribe as one
batch. Effects that grant wait until everything recorded so far is on the disk, and are dropped if
power was taken from their EVSE meanwhile.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from typing import NamedTuple, Protocol

import msgspec

from edge.controller.catalogue import CATALOGUE
from edge.controller.effects import (
    AcknowledgeBoard,
    AnswerRequest,
    AskCloud,
    ClearFault,
    CloseContactor,
    Effect,
    Keep,
    LowerCurrent,
    NoteRefusal,
    OfferCurrent,
    OpenContactor,
    PriceSession,
    RaiseFault,
    ReadMeter,
    Record,
    RememberCard,
    RenewGrant,
    SaveSession,
    TellReader,
    WakeCar,
    WithdrawOffer,
)
from edge.controller.events import (
    Event,
    GrantFailed,
    GrantPassed,
    Header,
    SessionPriced,
    SessionSetAside,
)
from edge.controller.reading import ReadingContext
from edge.controller.session import Session
from edge.controller.trouble import DeviceError
from edge.journal.row import Batch, NewRow
from edge.station import trace
from edge.station.scribe import Scribe

log = logging.getLogger(__name__)


#: Each gives something, or the current back that was withdrawn: less is still more than X1.
_NOT_AT_THE_END = (CloseContactor, OfferCurrent, LowerCurrent, RenewGrant, WakeCar)


class OutletPort(Protocol):
    """What the runner does to an outlet. Methods that take power return at once."""

    def open(self, reason: str, *, urgent: bool = True) -> None: ...

    def lower(self, current_a: float) -> None: ...

    def withdraw(self) -> None: ...

    def renew(self, current_a: float, grant_s: float) -> None: ...

    def acknowledge(self, fault_seq: int) -> None: ...

    def wake(self, pulse_s: float) -> None: ...

    async def offer(self, current_a: float) -> None: ...

    async def close(self, current_a: float, grant_s: float, wanted: Callable[[], bool]) -> None: ...


class MeterPort(Protocol):
    """A meter that can be asked between its turns."""

    def read_now(self, context: ReadingContext) -> None: ...


class CardPort(Protocol):
    """Cards' own effects, and whoever charges by one. Both return at once."""

    def run(self, effect: AskCloud | RememberCard | NoteRefusal | TellReader) -> None: ...

    def charges(self, session: Session) -> None: ...


class Runner:
    """Belongs to one loop. `spawn` starts a task whose failure is the station's failure."""

    def __init__(self, *, scribe: Scribe, outlets: Mapping[str, OutletPort],
                 meters: Mapping[str, MeterPort], hand_in: Callable[[Event], None],
                 price: Callable[[str, Session], SessionPriced],
                 answer: Callable[[str, str | None], None],
                 spawn: Callable[[Coroutine[None, None, None]], object],
                 cards: CardPort | None = None) -> None:
        self._cards = cards
        self._scribe, self._outlets, self._meters = scribe, outlets, meters
        self._hand_in, self._price, self._answer, self._spawn = hand_in, price, answer, spawn
        self._taken: Counter[str] = Counter()  # how often power was taken, per EVSE
        self._lowered: dict[str, tuple[int, float]] = {}  # how often lowered, and to what
        self._told: dict[str, float] = {}  # the most that the board was told to offer; 0: X1
        self._ending = False

    def end(self) -> None:
        """From now on nothing is granted, renewed or offered: the controller stops in order."""
        self._ending = True

    def run(self, at: Header, effects: tuple[Effect, ...]) -> None:
        """Carry out the effects of one step."""
        rows: list[NewRow] = []
        sessions: dict[str, bytes | None] = {}
        kept: dict[str, bytes | None] = {}
        grants: list[tuple[Effect, _Mark]] = []
        for effect in effects:
            if self._ending and isinstance(effect, _NOT_AT_THE_END):
                continue
            if isinstance(effect, LowerCurrent):
                count = self._lowered.get(effect.evse_id, (0, 0.0))[0]
                self._lowered[effect.evse_id] = (count + 1, effect.current_a)
            elif isinstance(effect, OfferCurrent):
                self._told.setdefault(effect.evse_id, effect.from_a)
            if effect.GRANTS or self._raises(effect):
                grants.append((effect, self._mark(effect)))
            elif isinstance(effect, Record):
                rows.append(NewRow(stream=effect.stream, type=effect.type, data=bytes(effect.data)))
            elif isinstance(effect, SaveSession):
                sessions[effect.transaction_id] = (
                    None if effect.session is None else msgspec.json.encode(effect.session))
                if self._cards is not None and effect.session is not None:
                    self._cards.charges(effect.session)
            elif isinstance(effect, Keep):
                kept[effect.key] = None if effect.data is None else bytes(effect.data)
            else:
                self._now(effect)
        if rows or sessions or kept:
            self._scribe.write(Batch(rows=tuple(rows), sessions=sessions, kept=kept,
                                     mono_ns=at.mono_ns, utc=at.utc, clock_ok=at.clock_ok))
        for effect, mark in grants:
            self._spawn(self._grant(effect, mark))

    def _raises(self, effect: Effect) -> bool:
        """Less than an offer that never passed can be more than the board was told: that waits too."""
        return isinstance(effect, LowerCurrent) and effect.current_a > self._told.get(
            effect.evse_id, effect.current_a)

    def _mark(self, effect: Effect) -> "_Mark":
        evse_id = getattr(effect, "evse_id", "")
        return _Mark(self._taken[evse_id], self._lowered.get(evse_id, (0, 0.0))[0])

    def _now(self, effect: Effect) -> None:
        match effect:
            case OpenContactor():
                self._take(effect.evse_id)
                self._outlets[effect.evse_id].open(effect.reason, urgent=effect.urgent)
                log.info("evse %s: open, %s%s", effect.evse_id, effect.reason,
                         ", at once" if effect.urgent else "")
            case WithdrawOffer():
                self._take(effect.evse_id)
                self._told[effect.evse_id] = 0.0
                self._outlets[effect.evse_id].withdraw()
            case LowerCurrent():
                self._told[effect.evse_id] = effect.current_a
                self._outlets[effect.evse_id].lower(effect.current_a)
            case RenewGrant():
                self._outlets[effect.evse_id].renew(effect.current_a, effect.grant_s)
            case ReadMeter():
                self._meters[effect.meter_id].read_now(effect.context)
            case RaiseFault():
                log.error("%s %s at %s: %s", effect.fault.code, CATALOGUE[effect.fault.code].name,
                          effect.fault.where, effect.fault.detail)
            case ClearFault():
                log.info("%s %s at %s: ended", effect.fault.code, CATALOGUE[effect.fault.code].name,
                         effect.fault.where)
            case AcknowledgeBoard():
                self._outlets[effect.evse_id].acknowledge(effect.fault_seq)
            case WakeCar():
                self._outlets[effect.evse_id].wake(effect.pulse_s)
            case AnswerRequest():
                self._answer(effect.request_id, effect.refusal)
            case AskCloud() | RememberCard() | NoteRefusal() | TellReader():
                if self._cards is not None:
                    self._cards.run(effect)

    def _take(self, evse_id: str) -> None:
        self._taken[evse_id] += 1

    async def _grant(self, effect: Effect, mark: "_Mark") -> None:
        written = self._scribe.written()
        if written is not None:
            await asyncio.shield(written)
        trace.mark("committed", type(effect).__name__ + ":" + getattr(effect, "evse_id", ""))
        match effect:
            case PriceSession():
                self._hand_in(self._priced(effect))
            case OfferCurrent() | LowerCurrent():
                await self._offer(effect.evse_id, effect.current_a, self._mark(effect) == mark)
            case CloseContactor():
                await self._close(effect, mark)

    def _priced(self, effect: PriceSession) -> SessionPriced | SessionSetAside:
        """A session that cannot be priced stays in the journal: it stops no other, and no start."""
        try:
            return self._price(effect.evse_id, effect.session)
        except (LookupError, ValueError, ArithmeticError, msgspec.MsgspecError) as error:
            log.exception("session %s: cannot be priced", effect.session.transaction_id)
            return SessionSetAside(transaction_id=effect.session.transaction_id,
                                   error=f"cannot be priced: {error}")

    async def _offer(self, evse_id: str, current_a: float, wanted: bool) -> None:
        if not wanted or self._ending:
            return  # power was taken, or less was told, while the disk was waited for
        self._told[evse_id] = current_a
        try:
            await self._outlets[evse_id].offer(current_a)
            trace.mark("offered", evse_id)
        except DeviceError as error:
            log.warning("evse %s: offer of %g A: %s", evse_id, current_a, error)
        told_a = self._told[evse_id]
        if told_a == 0.0:  # it overtook this offer on the line, so it is said again
            self._outlets[evse_id].withdraw()
        elif told_a < current_a:
            self._outlets[evse_id].lower(told_a)

    async def _close(self, effect: CloseContactor, mark: "_Mark") -> None:
        evse_id = effect.evse_id

        def wanted() -> bool:
            return self._taken[evse_id] == mark.taken and not self._ending

        if not wanted():
            return
        lowered, to_a = self._lowered.get(evse_id, (0, 0.0))
        current_a = min(effect.current_a, to_a) if lowered != mark.lowered else effect.current_a
        try:
            await self._outlets[evse_id].close(current_a, effect.grant_s, wanted)
        except DeviceError as error:
            if wanted():
                self._hand_in(GrantFailed(evse_id=evse_id, error=str(error)))
            return
        if wanted():
            self._hand_in(GrantPassed(evse_id=evse_id))


class _Mark(NamedTuple):
    """What had been taken from an EVSE when a grant was asked for."""

    taken: int
    lowered: int
