"""One step under way: the state as it changes and the effects as they gather. Lives for one event."""

from collections.abc import Iterator

import msgspec

from edge.controller.catalogue import CATALOGUE
from edge.controller.effects import Effect, Record, Stream
from edge.controller.events import Header
from edge.controller.faults import Fault, FaultCode, Stops
from edge.controller.session import Instant
from edge.controller.share import NO_BUDGETS, Budgets, Want
from edge.controller.site import Evse, SitePlan, Timers
from edge.controller.state import Outlet, Rest, Site
from edge.controller.struct import Value

NS = 1_000_000_000
NEVER_NS = 2**62
SITE = ""  # in `Turn.until_ns`: what belongs to no EVSE alone


class Turn:
    """Mutable only inside `core.step`, so that the functions of the core need not thread a state."""

    def __init__(self, site: Site, at: Header) -> None:
        self.site, self.at = site, at
        self.timers: Timers = site.plan.timers
        self.now_ns = at.mono_ns
        self.outlets = dict(site.outlets)
        self.faults = dict(site.faults)
        self.withdrawn: dict[str, Fault] = {}  # that a technician asks to end in this step
        self.effects: list[Effect] = []
        self.shares: dict[str, tuple[float, str]] = {}  # amperes and what set them, per EVSE
        self.wants: dict[str, Want] = {}  # who asks for current
        self.budgets: Budgets = NO_BUDGETS  # what is left of each fuse
        self.few: tuple[str, ...] | None = None  # EVSEs that are judged; None: everything is
        self.reaches_others = False  # what came of judging a few concerns others, too
        self.changed: set[str] = set()  # fields of the site
        self.until_ns: dict[str, int] = {}  # the first wait of each EVSE that is not over
        self._waits: str = SITE  # whose waits are noted
        self.used_ids: set[str] = set()
        self._evses = {evse.id: evse for evse in site.plan.evses}

    @property
    def plan(self) -> SitePlan:
        return self.site.plan

    @property
    def instant(self) -> Instant:
        return Instant(mono_ns=self.at.mono_ns, boot=self.at.boot, utc=self.at.utc,
                       clock_ok=self.at.clock_ok)

    def evse(self, evse_id: str) -> Evse:
        return self._evses[evse_id]

    def set(self, evse_id: str, **changes: object) -> Outlet:
        """Replace fields of an outlet; returns the new one."""
        self.outlets[evse_id] = msgspec.structs.replace(self.outlets[evse_id], **changes)
        return self.outlets[evse_id]

    def change(self, **changes: object) -> None:
        """Replace fields of the site (not outlets or faults, which gather here)."""
        self.changed.update(changes)
        self.site = msgspec.structs.replace(self.site, **changes)

    def emit(self, *effects: Effect) -> None:
        self.effects.extend(effects)

    def record(self, stream: Stream, row_type: str, data: Value | msgspec.Raw) -> None:
        """Append a row whose bytes are fixed here, once."""
        raw = data if isinstance(data, msgspec.Raw) else msgspec.Raw(msgspec.json.encode(data))
        self.emit(Record(stream=stream, type=row_type, data=raw))

    def past(self, since_ns: int | None, wait_s: float) -> bool:
        """Whether `wait_s` have passed since a moment; never since an unknown one."""
        if since_ns is None:
            return False
        wait_ns = wait_s * NS
        return self.now_ns - since_ns >= wait_ns or self._waits_until(since_ns + int(wait_ns))

    def reached(self, moment_ns: int) -> bool:
        """Whether a moment has come. Time is compared here and in `past` only: what has not come yet
        is noted, so that an EVSE at rest is judged again when it comes.
        """
        return self.now_ns >= moment_ns or self._waits_until(moment_ns)

    def _waits_until(self, moment_ns: int) -> bool:
        if moment_ns < self.until_ns.get(self._waits, NEVER_NS):
            self.until_ns[self._waits] = moment_ns
        return False

    def judged(self) -> Iterator[Outlet]:
        """The outlets that this step judges, each as it is by then. To be gone through to the end."""
        for evse_id in self.few if self.few is not None else list(self.outlets):
            self._waits = evse_id
            yield self.outlets[evse_id]
        self._waits = SITE

    def lasting(self, key: str, stands: bool, began_ns: int | None = None) -> int | None:
        """Since when something stands without a break (from `began_ns`, or now, on); None: it does
        not. Forgotten as soon as it does not.
        """
        since = self.site.since
        if stands:
            if key not in since:
                self.change(since={**since, key: self.now_ns if began_ns is None else began_ns})
            return self.site.since[key]
        if key in since:
            self.change(since={k: v for k, v in since.items() if k != key})
        return None

    def faults_of(self, evse_id: str) -> list[Fault]:
        return [f for f in self.faults.values() if f.concerns(evse_id)]

    def stands(self, evse_id: str, *stops: Stops) -> bool:
        """Whether a fault of this EVSE has one of these consequences."""
        if not self.faults:
            return False  # as it nearly always is
        return any(CATALOGUE[f.code].stops in stops for f in self.faults_of(evse_id))

    def has(self, code: FaultCode, where: str) -> bool:
        return fault_key(code, where) in self.faults

    def judge_only(self, few: tuple[str, ...], rest: Rest) -> None:
        """All others are at rest, and so is what belongs to none alone."""
        self.few, self.wants, self.shares = few, rest.wants, rest.shares

    def result(self, rest: Rest | None = None) -> tuple[Site, tuple[Effect, ...]]:
        """The state after this event, and what shall be done."""
        site = msgspec.structs.replace(self.site, outlets=self.outlets, faults=self.faults, rest=rest)
        return site, tuple(self.effects)


def fault_key(code: FaultCode, where: str) -> str:
    """The key of a fault in `Site.faults`."""
    return f"{code}@{where}"
