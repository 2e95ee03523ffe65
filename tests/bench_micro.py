"""Rows of single rooms for `make bench`, one JSON object a line: run by `hil_tests/bench/programs.py`.

It stands here because it looks into many rooms at once, which no room may. Not a test: asserts nothing.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from core_desk import Desk, plan
from deciding import rows as decisions
from msgspec import structs

from edge.billing.cdr import CdrFacts, Connector, Place
from edge.billing.tariff import decode
from edge.controller.core import step
from edge.controller.effects import PriceSession, Stream
from edge.controller.events import Event, Header, OutletSeen, ReadingTaken, Stamped, Tick
from edge.controller.idtoken import IdToken
from edge.controller.pilot import BoardStatus, PilotState
from edge.controller.reading import PerPhase, Quality, Reading, ReadingContext
from edge.controller.session import Session
from edge.controller.site import Circuit
from edge.controller.state import Site
from edge.journal.journal import Journal
from edge.journal.row import Batch, NewRow
from edge.station.pricing import Pricing
from hil_tests.bench.programs import tell
from hil_tests.bench.report import Row, distribution
from hil_tests.virtual.site_file import TARIFF

COMMAND = "python -m hil_tests.bench --only micro"
EVSES = 8


def measured(quick: bool) -> Iterator[Row]:
    yield from steps(300 if quick else 3000)
    for count in (1, EVSES, 32):
        yield from mixed(count, 2 if quick else 10)
    yield from decisions(EVSES, 300 if quick else 3000, COMMAND)
    yield from prices(50 if quick else 500)
    yield from asyncio.run(commits(50 if quick else 400))


def steps(count: int) -> Iterator[Row]:
    """The core by itself, as CPU time: all outlets charging."""
    desk = Desk(plan(EVSES, fuse_a=63))
    for number in range(1, EVSES + 1):
        desk.plug(str(number))
        desk.tap(IdToken(ref=f"{number:032x}", last4="5E80"))
        desk.run(8)  # the next offer waits until the others have sunk
        desk.ask(str(number), 6.0)
    desk.run(20)
    charging = sum(outlet.phase == "charging" for outlet in desk.site.outlets.values())
    board = desk.outlet("1").board
    assert board is not None
    events: dict[str, Callable[[int], Event]] = {
        "Tick": lambda _: Tick(), "OutletSeen": lambda ns: seen(ns, board), "ReadingTaken": reading}
    for name, event in events.items():
        taken = []
        for n in range(count):
            desk.now_ns += 25_000_000
            stamped = Stamped(at=header(desk.now_ns, n), event=event(desk.now_ns))
            start_ns = time.thread_time_ns()
            desk.site, _ = step(desk.site, stamped)
            taken.append((time.thread_time_ns() - start_ns) / 1e3)
        yield distribution(f"core: step {name}, {EVSES} EVSEs", taken, "us", COMMAND,
                           note=f"{charging} of them charging")


def mixed(count: int, seconds: int) -> Iterator[Row]:
    """A site as it runs: of each EVSE two polls and a reading a second, and four ticks; CPU time.

    Beside it the least that any core of immutable values must do: to find the kind of an event and
    to put one fact of it into one outlet of the site.
    """
    desk = charging_desk(count)
    boards = {evse_id: outlet.board for evse_id, outlet in desk.site.outlets.items()}
    start_ns, spent, plain, n = desk.now_ns, [], [], 0
    for tick in range(4 * seconds):
        due: list[Event] = [Tick()]
        now_ns = start_ns + tick * 250_000_000
        for evse_id, board in boards.items():
            if board is not None and tick % 2:
                due.append(seen(now_ns, board, evse_id))
            if tick % 4 == 0:
                due.append(reading(now_ns, evse_id))
        for event in due:
            stamped = Stamped(at=header(now_ns, n := n + 1), event=event)
            begun_ns = time.thread_time_ns()
            dispatched(desk.site, stamped)
            between_ns = time.thread_time_ns()
            desk.site, _ = step(desk.site, stamped)
            spent.append((time.thread_time_ns() - between_ns) / 1e3)
            plain.append((between_ns - begun_ns) / 1e3)
    mean_us, plain_us = sum(spent) / len(spent), sum(plain) / len(plain)
    yield distribution(f"core: event of a busy site, {count} EVSEs", spent, "us", COMMAND,
                       note=f"{1e6 / mean_us:.0f} events/s on one core")
    yield Row(f"core: the same / plain dispatch, {count} EVSEs", mean_us / plain_us, "ratio", n,
              COMMAND, note=f"plain dispatch: {1e6 / plain_us:.0f} events/s")


def charging_desk(count: int) -> Desk:
    """So many cars, all charging at 6 A or more on a fuse that is large enough."""
    desk = Desk(plan(count, fuse_a=16 * count))
    big = tuple(Circuit(id=c.id, fuse_a=16 * count, parent=c.parent) for c in desk.site.plan.circuits)
    desk.site = structs.replace(desk.site, plan=structs.replace(desk.site.plan, circuits=big))
    for number in range(1, count + 1):
        device = desk.devices[str(number)]
        device.pilot, device.plug_seq = PilotState.B, 1
    desk.run(1, step_s=0.5)
    for number in range(1, count + 1):
        desk.tap(IdToken(ref=f"{number:032x}", last4="5E80"), evse_ids=(str(number),))
    desk.run(6, step_s=0.5)
    for number in range(1, count + 1):
        desk.ask(str(number), 6.0)
    desk.run(4, step_s=0.5)
    charging = sum(outlet.phase == "charging" for outlet in desk.site.outlets.values())
    if charging < count:
        raise RuntimeError(f"{charging} of {count} cars charge")
    return desk


def dispatched(site: Site, stamped: Stamped) -> Site:
    """The baseline: one fact of an event into the site, and nothing decided."""
    match stamped.event:
        case OutletSeen(evse_id=evse_id, board=board):
            outlet = structs.replace(site.outlets[evse_id], board=board)
            return structs.replace(site, outlets={**site.outlets, evse_id: outlet})
        case ReadingTaken(reading=taken):
            return structs.replace(site, readings={**site.readings, taken.meter_id: taken})
        case _:
            return structs.replace(site, telemetry_ns=stamped.at.mono_ns)


def header(mono_ns: int, n: int) -> Header:
    return Header(mono_ns=mono_ns, boot=1, fresh_id=f"bench-{n}", utc="2026-11-21T10:00:00.000Z",
                  clock_ok=True)


def seen(mono_ns: int, board: BoardStatus, evse_id: str = "1") -> OutletSeen:
    return OutletSeen(evse_id=evse_id, relay_on=True, pi_mirror_closed=True, board=BoardStatus(
        mono_ns=mono_ns, pilot=board.pilot, pwm_on=board.pwm_on, offered_a=board.offered_a,
        permit=board.permit, mirror_closed=board.mirror_closed, diode_ok=board.diode_ok,
        plug_seq=board.plug_seq, boot_count=board.boot_count))


def reading(mono_ns: int, evse_id: str = "1") -> ReadingTaken:
    return ReadingTaken(reading=Reading(
        meter_id=f"bay-{evse_id}", mono_ns=mono_ns, quality=Quality.GOOD,
        context=ReadingContext.SAMPLE_PERIODIC,
        energy_import_wh=2_000, energy_raw="0000", energy_scale="1", power_w=4140.0,
        current_a=PerPhase(L1=6.0, L2=6.0, L3=6.0)))


def prices(count: int) -> Iterator[Row]:
    """A finished session of some periods, as CPU time: the bill, the CDR and the receipt."""
    pricing = Pricing(decode(json.dumps(TARIFF).encode()), "Europe/Stockholm", CdrFacts(
        place=Place(country_code="SE", party_id="FCT", location_id="bench", name="Bench", address="-",
                    city="-", country="SWE", latitude="59.33258", longitude="18.07230"),
        connectors=(Connector(evse_uid="1", phases=3),)))
    session = finished_session()
    taken = []
    for _ in range(count):
        start_ns = time.thread_time_ns()
        pricing.price("1", session)
        taken.append((time.thread_time_ns() - start_ns) / 1e3)
    yield distribution(f"price of a session ({len(session.periods)} periods)", taken, "us", COMMAND)


def finished_session() -> Session:
    desk = Desk(plan(1))
    desk.charge("1")
    for _ in range(4):
        desk.devices["1"].wh += 500
        desk.run(30)
        desk.rest("1")
        desk.run(10)
        desk.ask("1")
        desk.run(10)
    desk.unplug("1")
    desk.run(20)
    priced = desk.effects(PriceSession)[-1]
    assert isinstance(priced, PriceSession)
    return priced.session


async def commits(count: int) -> list[Row]:
    """A step's rows from `append` to the disk: one at a time, as a tap is."""
    batch = Batch(mono_ns=1, utc="2026-11-21T10:00:00.000Z", clock_ok=True, sessions={"t": b"x" * 900},
                  rows=(NewRow(stream=Stream.TX, type="tx.event.v1", data=b"x" * 700),))
    taken = []
    with tempfile.TemporaryDirectory(prefix="bench-journal-") as folder:
        journal = await Journal.open(Path(folder) / "journal.db")
        try:
            for _ in range(count):
                start_ns = time.monotonic_ns()
                await journal.append(batch)
                taken.append((time.monotonic_ns() - start_ns) / 1e6)
        finally:
            await journal.close()
    return [distribution("journal: append -> durable", taken, "ms", COMMAND,
                         note="a row and a session on this disk; fsync is most of it")]


if __name__ == "__main__":
    sys.exit(tell(sys.argv[1:], measured, __doc__))
