"""What may happen to a `World`, by name: what drivers, cars, boards, meters, the disk and people do."""

import msgspec
from world import UTC_MS, World

from edge.controller.clockwork import text
from edge.controller.events import CardPresented, ReadingTaken, RequestReceived
from edge.controller.faults import FaultCode
from edge.controller.idtoken import IdToken, Level, Role, TokenRecord, TokenStatus
from edge.controller.pilot import BoardFault, PilotState
from edge.controller.reading import PerPhase, Reading
from edge.controller.request import Origin, Request

CARDS = tuple(TokenRecord(token=IdToken(ref=name * 32, last4="5E80"), group_ref=group)
              for name, group in (("a", None), ("b", "family"), ("c", "family"), ("d", None)))
ODD_CARDS = (
    None, TokenRecord(token=IdToken(ref="e" * 32), status=TokenStatus.BLOCKED),
    TokenRecord(token=IdToken(ref="f" * 32), role=Role.FLEET, concurrent=2),
    TokenRecord(token=IdToken(ref="0" * 32), role=Role.MASTER),
    TokenRecord(token=IdToken(ref="1" * 32), role=Role.SERVICE),
    TokenRecord(token=IdToken(ref="2" * 32), min_level=Level.MUTUAL))
FAULTS = tuple(f for f in BoardFault if f not in (BoardFault.HEARTBEAT, BoardFault.MEMORY))
ODD_PILOTS = (PilotState.D, PilotState.E, PilotState.F, PilotState.UNKNOWN)
WAITS_S = (0.1, 0.3, 0.5, 1.0, 2.0, 3.5, 5.0, 6.5, 17.0)


def ask(world: World, action: str, **args: object) -> None:
    world.feed(RequestReceived(request=Request(
        id="r", origin=Origin.SERVICE, action=action,
        args={k: msgspec.Raw(msgspec.json.encode(v)) for k, v in args.items()})))


def acknowledge(world: World) -> None:
    for fault in list(world.site.faults.values()):
        ask(world, "fault.clear", code=fault.code.value, where=fault.where)


def tap(world: World, card: int, evse_ids: tuple[str, ...]) -> None:
    record = CARDS[card % len(CARDS)]
    world.feed(CardPresented(reader_id="front", evse_ids=evse_ids, token=record.token,
                             level=Level.UID, record=record))


def tap_odd(world: World, evse_id: str, n: int) -> None:
    """One that nobody knows, or that is good for more, or less, than charging."""
    record = ODD_CARDS[n % len(ODD_CARDS)]
    token = IdToken(ref=f"{n:032x}") if record is None else record.token
    world.feed(CardPresented(reader_id="front", evse_ids=tuple(world.bays) if n > 3 else (evse_id,),
                             token=token, level=Level.UID, record=record))


def reserve(world: World, evse_id: str, n: int) -> None:
    """For somebody who comes, or not, within seconds."""
    if n == 0:
        ask(world, "reservation.cancel", id="r")
        return
    until_ms = UTC_MS + world.now_ns // 1_000_000 + n * 3_000
    ask(world, "reservation.set", id=f"r{n % 2}", evse_id=evse_id, until_utc=text(until_ms),
        token_ref=CARDS[n % len(CARDS)].token.ref)


def choose(world: World, evse_id: str, n: int) -> None:
    """Somebody touches the screen, wherever it asks."""
    for choice in list(world.site.choices.values()):
        ask(world, "card.choose", choice_id=choice.id,
            evse_id=choice.evse_ids[n % len(choice.evse_ids)])


def plug(world: World, evse_id: str, n: int) -> None:
    bay = world.bays[evse_id]
    if bay.pilot is PilotState.A:
        bay.pilot, bay.plug_seq, bay.load_a = PilotState.B, bay.plug_seq + 1, 10.0 + n
        bay.proximity_a = (None, 13, 20, 32)[n % 4]
        bay.polite = n % 3 != 0


def nonsense(world: World, evse_id: str, n: int) -> None:
    """Things that are nowhere, and registers that cannot be."""
    meter_id = world.bays[evse_id].evse.meter_id
    world.feed(ReadingTaken(reading=Reading(meter_id="nowhere", mono_ns=-1)))
    world.feed(ReadingTaken(reading=Reading(meter_id=meter_id, mono_ns=world.now_ns)))
    if world.bays[evse_id].evse.meter_on_supply_side:  # else the first reading starts a session
        world.feed(ReadingTaken(reading=Reading(
            meter_id=meter_id, mono_ns=world.now_ns, energy_import_wh=n, power_w=1.0)))


def no_numbers(world: World, evse_id: str, n: int) -> None:
    bay, nan = world.bays[evse_id], float("nan")
    world.feed(ReadingTaken(reading=Reading(
        meter_id=bay.evse.meter_id, mono_ns=world.now_ns, energy_import_wh=bay.register_wh,
        power_w=nan, current_a=PerPhase(L1=nan, L2=float("inf")))))


def exchange(world: World, evse_id: str, n: int) -> None:
    """Another meter; its acceptor believes it at once, for what it refuses before is `meter odd`."""
    bay = world.bays[evse_id]
    if n > 5:  # under a session that has metered something
        charge(world, evse_id, n)
        world.wait(5)
    for _ in range(1 + n // 8):  # or two
        before = bay.slow
        bay.exchange()
        world.wait(0.1)
        world.read(bay)
        if before is not None and n % 2:  # an answer of before that was late
            world.feed(ReadingTaken(reading=Reading(
                meter_id=bay.evse.meter_id, mono_ns=world.now_ns, energy_import_wh=before[0],
                energy_mono_ns=before[1], power_w=0.0)))


def toggle(name: str):  # type: ignore[no-untyped-def]
    def change(world: World, evse_id: str, n: int) -> None:
        bay = world.bays[evse_id]
        setattr(bay, name, not getattr(bay, name))
    return change


def fault(world: World, evse_id: str, n: int) -> None:
    world.bays[evse_id].faults ^= {FAULTS[n % len(FAULTS)]}


def pilot(*states: PilotState):  # type: ignore[no-untyped-def]
    def change(world: World, evse_id: str, n: int) -> None:
        if world.bays[evse_id].pilot is not PilotState.A:
            world.bays[evse_id].pilot = states[n % len(states)]
    return change


def charge(world: World, evse_id: str, n: int) -> None:
    """A whole good beginning, so that stories get past their first page."""
    plug(world, evse_id, n)
    tap(world, n, (evse_id,))
    world.wait(0.5)
    pilot(PilotState.C)(world, evse_id, 0)
    world.wait(2)


def leave(world: World, evse_id: str, n: int) -> None:
    world.bays[evse_id].pilot = PilotState.A


def swap_unseen(world: World, evse_id: str, n: int) -> None:
    """The board does not answer while one car leaves and the next one asks."""
    bay = world.bays[evse_id]
    bay.silent = True
    world.wait(0.5 * n)
    leave(world, evse_id, n)
    world.wait(0.1)
    plug(world, evse_id, n)
    bay.pilot, bay.silent = PilotState.C, False
    world.wait(8)


def bounce(world: World, evse_id: str, n: int) -> None:
    """The plug leaves for a moment; every other time it is another car that comes."""
    bay = world.bays[evse_id]
    before = bay.pilot
    leave(world, evse_id, n)
    world.wait(0.7 * n)
    plug(world, evse_id, n)
    if n % 2:
        bay.pilot = before


def order(world: World) -> None:
    """What people had forbidden is allowed again; a contactor that was held off has rested."""
    for evse_id in world.bays:
        ask(world, "limit.set", where=evse_id, current_a=None)
        ask(world, "availability.set", evse_id=evse_id, operational=True)
    ask(world, "limit.set", where="row", current_a=None)
    if any(f.code is FaultCode.HAMMERING for f in world.site.faults.values()):
        world.wait(301)


HAPPENINGS = {
    "bounce": bounce,
    "pause": lambda w, e, _n: ask(w, "session.pause", evse_id=e),
    "resume": lambda w, e, _n: ask(w, "session.resume", evse_id=e),
    "limit": lambda w, e, n: ask(w, "limit.set", where=e, current_a=2.0 * n, because="x"),
    "limit of a row": lambda w, _e, n: ask(w, "limit.set", where="row", current_a=3.0 * n, ttl_s=5),
    "out of service": lambda w, e, n: ask(w, "availability.set", evse_id=e, operational=n > 6),
    "charge": charge,
    "plug": plug,
    "leave": leave,
    "swap cars unseen": swap_unseen,
    "diode": toggle("diode"),
    "ask": pilot(PilotState.C),
    "rest": pilot(PilotState.B),
    "odd pilot": pilot(*ODD_PILOTS),
    "tap": lambda w, _e, n: tap(w, n, tuple(w.bays)),
    "tap odd": tap_odd,
    "reserve": reserve,
    "choose": choose,
    "tap here": lambda w, e, n: tap(w, n, (e,)),
    "wait": lambda w, _e, n: w.wait(WAITS_S[n % len(WAITS_S)]),
    "board silent": toggle("silent"),
    "board reset": lambda w, e, _n: w.bays[e].reset(),
    "board dumb": toggle("dumb"),
    "board fault": fault,
    "frames lost": lambda w, _e, n: setattr(w, "lost_frames", n),
    "weld": toggle("welded"),
    "coil": toggle("stuck_open"),
    "mirror": toggle("mirror_lies"),
    "meter silent": toggle("meter_silent"),
    "meter odd": toggle("meter_odd"),
    "another meter": exchange,
    "disk": lambda w, _e, _n: w.stall(not w.stalled),
    "kill": lambda w, _e, n: (w._pass(n * 0.5), w.start()),
    "stop": lambda w, e, _n: ask(w, "session.stop", evse_id=e),
    "acknowledge": lambda w, _e, _n: acknowledge(w),
    "nonsense": nonsense,
    "no numbers": no_numbers,
}
