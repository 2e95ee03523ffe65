"""Whatever drivers, cars, boards, meters, the disk and the power do: what must always hold, holds.

The judge is `tests/support/oracle.py`; each example is a story of some tens of happenings.
"""

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from oracle import Judged
from world import PLAN, World

from edge.controller.catalogue import CATALOGUE
from edge.controller.core import step
from edge.controller.effects import Effect
from edge.controller.events import CardPresented, ReadingTaken, RequestReceived, Stamped
from edge.controller.faults import Until
from edge.controller.idtoken import IdToken, Level, TokenRecord
from edge.controller.pilot import BoardFault, PilotState
from edge.controller.reading import PerPhase, Reading
from edge.controller.request import Origin, Request
from edge.controller.state import initial

CARDS = tuple(TokenRecord(token=IdToken(ref=name * 32, last4="5E80"), group_ref=group)
              for name, group in (("a", None), ("b", "family"), ("c", "family"), ("d", None)))
FAULTS = tuple(f for f in BoardFault if f not in (BoardFault.HEARTBEAT, BoardFault.MEMORY))
ODD_PILOTS = (PilotState.D, PilotState.E, PilotState.F, PilotState.UNKNOWN)
WAITS_S = (0.1, 0.3, 0.5, 1.0, 2.0, 3.5, 5.0, 6.5, 17.0)


def ask(world: World, action: str, **args: str) -> None:
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
        meter_id=bay.evse.meter_id, mono_ns=world.now_ns, energy_import_wh=int(bay.energy_wh),
        power_w=nan, current_a=PerPhase(L1=nan, L2=float("inf")))))


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


HAPPENINGS = {
    "charge": charge,
    "plug": plug,
    "leave": leave,
    "swap cars unseen": swap_unseen,
    "diode": toggle("diode"),
    "ask": pilot(PilotState.C),
    "rest": pilot(PilotState.B),
    "odd pilot": pilot(*ODD_PILOTS),
    "tap": lambda w, _e, n: tap(w, n, tuple(w.bays)),
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
    "disk": lambda w, _e, _n: w.stall(not w.stalled),
    "kill": lambda w, _e, n: (w._pass(n * 0.5), w.start()),
    "stop": lambda w, e, _n: ask(w, "session.stop", evse_id=e),
    "acknowledge": lambda w, _e, _n: acknowledge(w),
    "nonsense": nonsense,
    "no numbers": no_numbers,
}
GENTLE = ("charge", "plug", "leave", "ask", "rest", "tap", "tap here", "wait", "stop")
NAMES = sorted(HAPPENINGS)

happenings = st.lists(
    st.tuples(st.sampled_from(NAMES) | st.sampled_from(GENTLE), st.sampled_from(("1", "2", "3")),
              st.integers(0, 9), st.sampled_from((0.1, 0.3, 1.2))), min_size=2, max_size=14)
stories = st.tuples(st.booleans(), st.lists(st.sampled_from(("1", "2", "3")), max_size=3, unique=True),
                    happenings)
Story = tuple[bool, list[str], list[tuple[str, str, int, float]]]


def play(world: World, story: Story) -> None:
    """Some charge already, perhaps on boards whose interlock is broken; then things happen."""
    world.start()
    world.wait(0.3)
    dumb, begun, things = story
    for bay in world.bays.values():
        bay.dumb = dumb
    for n, evse_id in enumerate(begun):
        charge(world, evse_id, n)
    for name, evse_id, n, pause_s in things:
        HAPPENINGS[name](world, evse_id, n)
        world.wait(pause_s)


@settings(max_examples=250, derandomize=True, deadline=None,
          suppress_health_check=[HealthCheck.too_slow])
@given(stories)
@example((False, ["1"], [("swap cars unseen", "1", 4, 0.1)]))
@example((False, ["1"], [("meter silent", "1", 0, 0.1), ("leave", "1", 0, 0.1), ("wait", "1", 8, 0.1)]))
@example((True, ["1", "2"], [("tap here", "1", 0, 1.2), ("kill", "1", 4, 0.1), ("rest", "1", 0, 1.2)]))
def test_every_story_is_safe_and_ends_with_its_books_in_order(story):
    world = Judged()
    play(world, story)
    world.everybody_leaves()
    left = {CATALOGUE[f.code].until for f in world.site.faults.values()}
    assert left <= {Until.TECHNICIAN}, "with its cause every fault ends that needs nobody"
    acknowledge(world)
    world.wait(0.3)
    assert not world.site.faults


@settings(max_examples=25, derandomize=True, deadline=None,
          suppress_health_check=[HealthCheck.too_slow])
@given(stories)
def test_after_every_story_every_bay_still_charges(story):
    world = Judged()
    play(world, story)
    world.everybody_leaves()
    acknowledge(world)
    world.wait(62)  # cards that waited for a plug are forgotten
    assert not world.site.cards
    for n, evse_id in enumerate(world.bays):
        closes = world.closes
        world.bays[evse_id].polite = True
        charge(world, evse_id, n)
        world.wait(3)
        assert world.site.outlets[evse_id].phase == "charging" and world.closes == closes + 1
        leave(world, evse_id, 0)
        world.wait(3)
    world.everybody_leaves()


class Kept(World):
    """Keeps what the core answered in this boot."""

    def start(self) -> None:
        self.answers: list[bytes] = []
        super().start()

    def judge(self, before: object, stamped: Stamped, effects: tuple[Effect, ...]) -> None:
        self.answers.append(msgspec.json.encode(effects))


@settings(max_examples=40, derandomize=True, deadline=None,
          suppress_health_check=[HealthCheck.too_slow])
@given(stories)
def test_a_recording_replays_to_the_byte(story):
    """JSON knows no NaN; no adapter hands one in, and the core bears one all the same (above)."""
    world = Kept()
    dumb, begun, things = story
    play(world, (dumb, begun, [thing for thing in things if thing[0] != "no numbers"]))
    site = initial(PLAN)
    for stamped, answer in zip(world.script, world.answers, strict=True):
        again = msgspec.json.decode(msgspec.json.encode(stamped), type=Stamped)
        site, effects = step(site, again)
        assert msgspec.json.encode(effects) == answer
    assert msgspec.json.encode(site) == msgspec.json.encode(world.site)


def test_a_day_of_drivers_leaves_no_more_state_than_a_morning():
    world = Judged()
    world.start()

    def size() -> int:
        return len(msgspec.json.encode(world.site))

    sizes = []
    for n in range(24):
        charge(world, "1", n)
        world.wait(3)
        tap(world, n, ("1",))
        world.wait(3)
        leave(world, "1", n)
        world.wait(5)
        sizes.append(size())
    assert max(sizes[12:]) <= max(sizes[:12]) * 1.05
    assert len(world.priced) == 24
