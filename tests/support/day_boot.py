"""One life of a controller in a `Day`: the station, its journal and its list of cards are the real
ones, the clock and the devices are not. Wired as `edge/station/wiring.py` does it.
"""

import asyncio
import pickle
import random
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from crash_point import Asked, Lane, PatientLoop, Places, Turns, watched
from day import CARDS, NEW_CARDS, NS, OLD_CARDS, PLAN, STEP_S, UTC_S, Day
from day_devices import DayBoard, DayMeter, DayRelay

from edge.billing.cdr import CdrFacts, Connector, Place
from edge.controller.effects import Stream
from edge.controller.events import CardPresented, OutletFound, RequestReceived
from edge.controller.idtoken import Level
from edge.controller.request import Origin, Request
from edge.journal.journal import Journal
from edge.journal.retention import KeepDays
from edge.journal.row import Batch
from edge.outlet.settings import BoardSettings
from edge.rfid.tokens.schema import CARDS_FILE, TAPS_FILE
from edge.rfid.tokens.store import TokenStore
from edge.rfid.tokens.taps import Taps
from edge.rfid.tokens.vault import Vault
from edge.station.clock import Clock
from edge.station.housekeeper import Housekeeper
from edge.station.meter_driver import MeterDriver
from edge.station.outlet_driver import OutletDriver
from edge.station.pricing import Pricing, read_tariff, read_tariff_text
from edge.station.restoring import restore
from edge.station.runner import Runner
from edge.station.scribe import Scribe
from edge.station.station import Station

TARIFF = Path(__file__).parents[2] / "examples" / "tariff.json"
FACTS = CdrFacts(place=Place(
    country_code="SE", party_id="FCT", location_id="SE*FCT*E1", name="x", address="x", city="x",
    country="SWE", latitude="59.00000", longitude="18.00000"),
    connectors=tuple(Connector(evse_uid=evse.id, phases=3) for evse in PLAN.evses))
LISTED_S = 1_008.0  # the new list of cards comes
LIMIT_S = (1_014.0, 1_022.0)  # somebody allows less at the row meanwhile
AFTER_S = 6.0
LAST_S = 1_400.0
FAULTS_TO_CLEAR = ("F401",)


def live(day: Day, folder: Path, aim: int | None = None,
         until_s: float | None = None) -> tuple[Day, list[str]]:
    """A boot in `folder`, to the end of the day, or in order to `until_s`, or to its place number
    `aim`, where the process ends; then the day is in `folder`/day. Returns the day and the names of
    the places that were passed.
    """
    loop = PatientLoop(day.now_s)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(Boot(day, folder, loop, aim, until_s).run())


def kept_day(folder: Path) -> Day:
    """The day as it was when the controller died."""
    return pickle.loads((folder / "day").read_bytes())


class Tidied:
    """The journal as its housekeeper sees it, on a disk that never fills."""

    def __init__(self, journal: Journal, asked: Asked) -> None:
        self._journal, self._asked = journal, asked
        self.full = False
        self.on_full: Callable[[], None] = lambda: None

    async def forget(self, day: str, keep: KeepDays) -> int:
        return await self._asked(self._journal.forget(day, keep))

    async def thin(self, at: Batch, because: str) -> int:
        return await self._asked(self._journal.thin(at, because))

    async def hold_reserve(self) -> None: ...

    async def relieve(self) -> None: ...

    def pace(self) -> tuple[float, int] | None:
        return None


class Boot:
    """A controller that runs. Belongs to one loop."""

    def __init__(self, day: Day, folder: Path, loop: PatientLoop, aim: int | None,
                 until_s: float | None) -> None:
        self.day, self.folder, self.loop, self._until_s = day, folder, loop, until_s
        self.turns, self.asked = Turns(), Asked()
        self.places = Places(aim, self._last_words)
        self._dice = random.Random(day.boots)
        day.boots += 1

    def _last_words(self) -> None:
        self.day.now_s = self.loop.time()
        self.day.deaths.append(self.places.names[-1])
        (self.folder / "day").write_bytes(pickle.dumps(self.day))

    def _mono_ns(self) -> int:
        return round(self.loop.time() * NS) + self.day.mono_shift_ns

    def _utc(self) -> datetime:
        now_s = self.loop.time()
        off_s = [by_s for from_s, by_s in self.day.clock if from_s <= now_s] or [0.0]
        return datetime.fromtimestamp(UTC_S, UTC) + timedelta(seconds=now_s + off_s[-1])

    async def run(self) -> tuple[Day, list[str]]:
        self.turns.wake = lambda: self.loop.call_soon_threadsafe(lambda: None)
        self.loop.patient.turns = self.turns
        self.loop.patient.outstanding = lambda: self.asked.count > 0
        self.journal = journal = await self.asked(Journal.open(
            self.folder / "journal.db", new_epoch=lambda: "0123456789abcdef", clock=self._mono_ns,
            factory=watched(self.places, self.turns)))
        self.loop.patient.outstanding = lambda: (
            self.asked.count > 0 or journal.oldest_pending_ns() is not None)
        clock = Clock(boot=journal.boot, floor_utc=await self.asked(journal.clock_floor_utc()),
                      mono_ns=self._mono_ns, utc=self._utc, draw=self._dice.random,
                      fresh_id=lambda: f"{self._dice.getrandbits(64):016x}")
        self.scribe = Scribe(Lane(journal, self.places, self.turns))
        self.station = Station(msgspec.structs.replace(PLAN, tariff=read_tariff_text(TARIFF)),
                               clock, self.scribe)
        self.loop.set_exception_handler(lambda _loop, context: self.station.fail(
            context.get("exception") or RuntimeError(context["message"])))
        self._wire()
        await self._restore(clock)
        self._begin()
        try:
            await self._until_over()
        finally:
            await self.station.stop()
        if self.station.failure.done():
            raise self.station.failure.result()
        await self.scribe.flush()
        await self._tell_cloud()
        await self.asked(journal.close())
        self.day.now_s = self.loop.time()
        return self.day, self.places.names

    def _wire(self) -> None:
        station, day = self.station, self.day
        self.outlets = {e: OutletDriver(
            e, DayBoard(bay, self.places, self._mono_ns), DayRelay(bay, self.places),
            settings=BoardSettings(), hand_in=station.hand_in, clock_ns=self._mono_ns,
            utc_s=station.clock.utc_s, spawn=station.spawn) for e, bay in day.bays.items()}
        self.meters = {bay.evse.meter_id: MeterDriver(
            bay.evse.meter_id, DayMeter(bay, self._mono_ns), hand_in=station.hand_in,
            clock_ns=self._mono_ns, spawn=station.spawn, phase_s=n / 3)
            for n, bay in enumerate(day.bays.values())}
        pricing = Pricing(read_tariff(TARIFF), "Europe/Stockholm", FACTS)
        self.refused: list[str] = []
        station.run_effects = Runner(
            scribe=self.scribe, outlets=self.outlets, meters=self.meters, hand_in=station.hand_in,
            price=pricing.price, spawn=station.spawn,
            answer=lambda _id, refusal: self.refused.append(refusal or "")).run

    async def _restore(self, clock: Clock) -> None:
        found = [OutletFound(evse_id=e, relay_on=bay.relay, pi_mirror_closed=bay.closed)
                 for e, bay in self.day.bays.items()]
        batch = await self.asked(restore(
            self.journal, hand_in=self.station.hand_in, meters=self.meters, found=found,
            software="test", computer=self.day.computer, at=clock.header()))
        if batch is not None:
            self.scribe.write(batch)

    def _begin(self) -> None:
        self.tokens = self._cards()
        for outlet in self.outlets.values():
            self.station.spawn(outlet.run())
        for meter in self.meters.values():
            self.station.spawn(meter.run())
        self.station.spawn(self.station.tick())
        self.station.spawn(self._world())
        self.station.spawn(self._people())
        self.station.spawn(self._sync())
        self.station.spawn(self._tidy())

    def _cards(self) -> TokenStore:
        vault = Vault.load(self.folder)
        TokenStore.open(self.folder, vault).close()

        def connected(name: str) -> sqlite3.Connection:
            factory = watched(self.places, None, f"{name.removesuffix('.db')}: ")
            db = factory(self.folder / name, isolation_level=None)
            db.execute("PRAGMA synchronous = FULL")
            return db

        taps = Taps(connected(TAPS_FILE), self.folder / TAPS_FILE, vault.pepper)
        return TokenStore(connected(CARDS_FILE), self.folder / CARDS_FILE, vault, taps)

    async def _world(self) -> None:
        while True:
            await asyncio.sleep(STEP_S)
            self.day.now_s = self.loop.time()
            self.day.live({e: o.phase.value for e, o in self.station.site.outlets.items()})

    async def _people(self) -> None:
        """Cards that are held to a reader, the list of them, and a technician."""
        while True:
            await asyncio.sleep(0.3)
            known = {record.token.ref for record in self.tokens.list()}
            for uid in (OLD_CARDS | (NEW_CARDS if self.day.now_s >= LISTED_S else {})).values():
                if self.tokens.token(uid).ref not in known:
                    self.tokens.add(uid)
            while self.day.taps:
                who, evse_id = self.day.taps.pop(0)
                stored = self.tokens.lookup(CARDS[who])
                self.station.hand_in(CardPresented(
                    reader_id="front", evse_ids=(evse_id,), token=stored.token,
                    record=stored.record, level=Level.UID))
            self._technician()

    def _technician(self) -> None:
        limited, wanted = "row" in self.station.site.limits, (
            LIMIT_S[0] <= self.day.now_s < LIMIT_S[1])
        if limited != wanted:
            self._ask("limit.set", where="row", current_a=14.0 if wanted else None)
        for fault in list(self.station.site.faults.values()):
            if fault.code.value in FAULTS_TO_CLEAR and self.loop.time() % 6 > 4:
                self._ask("fault.clear", code=fault.code.value, where=fault.where)

    def _ask(self, action: str, **args: object) -> None:
        self.station.hand_in(RequestReceived(request=Request(
            id=f"r-{self.loop.time():.1f}", origin=Origin.SERVICE, action=action,
            args={k: msgspec.Raw(msgspec.json.encode(v)) for k, v in args.items()})))

    async def _sync(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            await self._tell_cloud()

    async def _tidy(self) -> None:
        keeper = Housekeeper(
            Tidied(self.journal, self.asked), KeepDays(telemetry=0), now=self.station.clock.header,
            low=lambda: False, hand_in=self.station.hand_in)
        while True:
            await asyncio.sleep(3.7)
            await keeper.tidy()

    async def _tell_cloud(self) -> None:
        for stream in Stream:
            told = self.day.cloud[stream.value]
            rows = await self.asked(self.journal.read(stream, told[-1][0] if told else 0))
            told += [(row.seq, row.type, row.data, row.hash.hex()) for row in rows]
            if rows:
                await self.asked(self.journal.acked(
                    self.journal.epoch, stream, rows[-1].seq, rows[-1].hash))

    async def _until_over(self) -> None:
        while not (self.day.over and self._at_rest()) and not self.station.failure.done():
            await asyncio.sleep(0.5)
            if self._until_s is not None and self.loop.time() >= self._until_s:
                return
            assert self.loop.time() < LAST_S, (
                f"the day did not end: {self.day.drivers},"
                f" {[(e, o.phase.value) for e, o in self.station.site.outlets.items()]},"
                f" {sorted(f.code for f in self.station.site.faults.values())}")
        await asyncio.sleep(AFTER_S)

    def _at_rest(self) -> bool:
        return all(o.phase == "vacant" for o in self.station.site.outlets.values())
