"""Random stories of a `World` among sensors, inputs, a disk, a cloud and a clock that nothing obeys."""

import random

import msgspec
from happenings import HAPPENINGS
from world import PLAN, World

from edge.controller.authorisation.card_policy import CardPolicy, Choosing
from edge.controller.clockwork import parse_ms, text
from edge.controller.events import (
    CardAnswered,
    CardPresented,
    CloudSeen,
    DiskSeen,
    Event,
    Header,
    InputSeen,
    OutletSeen,
    ReadingTaken,
    SensorSeen,
    Stamped,
    Started,
)
from edge.controller.idtoken import TokenRecord, TokenStatus
from edge.controller.reading import PerPhase, Reading
from edge.controller.site import Circuit, Evse, Input, InputKind, Sensor, SensorPlace, SitePlan

SURROUNDED = msgspec.structs.replace(
    PLAN, cards=CardPolicy(unknown_offline=True, bad_taps=2, bad_tap_s=5.0, choose_s=4.0),
    timers=msgspec.structs.replace(PLAN.timers, whole_s=1e9, sensor_stale_s=8.0),
    sensors=(Sensor(id="cabinet", place=SensorPlace.CABINET, evse_ids=("1", "2")),
             Sensor(id="cable", place=SensorPlace.CABLE, evse_ids=())),
    inputs=(Input(id="door", kind=InputKind.DOOR, evse_ids=("1",)),
            Input(id="stop", kind=InputKind.EMERGENCY_STOP, evse_ids=("1", "2", "3"))))


def large(seed: int) -> SitePlan:
    """4 to 8 EVSEs on two circuits with meters, one of which is that of a bay; odd waits, shared
    sensors and inputs.
    """
    draw = random.Random(seed)
    ids = [str(n) for n in range(1, draw.randint(4, 8) + 1)]
    evses = tuple(
        Evse(id=one, label="", circuit=draw.choice(("row", "yard")), ordinal=n, failsafe_a=6,
             phases=draw.choice((("L1", "L2", "L3"), ("L2", "L3", "L1"), ("L2",))),
             max_a=draw.choice((16, 25, 32)), meter_id=f"m{one}",
             meter_on_supply_side=draw.random() < 0.8, meter_refresh_s=draw.choice((0.25, 1.0, 10.0)))
        for n, one in enumerate(ids, 1))
    cards = CardPolicy(
        free_vend=draw.random() < 0.1, unknown_offline=draw.random() < 0.5, bad_taps=2, bad_tap_s=3.0,
        choosing=draw.choice((Choosing.ASK, Choosing.OLDEST)), choose_s=4.0)
    return msgspec.structs.replace(
        SURROUNDED, evses=evses, cards=cards, site_meters=("main", "row"), circuits=(
            Circuit(id="grid", fuse_a=63, meter_id="main"),
            Circuit(id="row", fuse_a=25, parent="grid", meter_id="row"),
            Circuit(id="yard", fuse_a=32, parent="grid", meter_id=draw.choice((None, "m1")))),
        timers=msgspec.structs.replace(
            SURROUNDED.timers, auth_timeout_s=draw.choice((0.0, 20.0)), overload_s=4.0,
            derate_hold_s=draw.choice((15.0, 300.0)), clock_lost_s=20.0, cloud_lost_s=10.0,
            stagger_s=20.0, wake_after_s=draw.choice((0.0, 15.0))),
        sensors=(Sensor(id="cabinet", place=SensorPlace.CABINET, evse_ids=tuple(ids[::2])),
                 Sensor(id="cable", place=SensorPlace.CABLE, evse_ids=tuple(ids[:2]))),
        inputs=(Input(id="1", kind=InputKind.DOOR, evse_ids=tuple(ids[:2])),  # named like a bay
                Input(id="stop", kind=InputKind.EMERGENCY_STOP, evse_ids=tuple(ids))))


class Now:
    """Lets things happen now and then: in every other story ten times as seldom."""

    def __init__(self, draw: random.Random) -> None:
        self.draw, self.factor = draw, draw.choice((0.1, 1.0))

    def rare(self, chance: float) -> bool:
        return self.draw.random() < chance * self.factor


class Surroundings(Now):
    """What sensors, inputs and circuits' meters say; now and then it is another thing."""

    def __init__(self, draw: random.Random, plan: SitePlan) -> None:
        super().__init__(draw)
        self.next_ns, self.wh, self.meters = 0, 0, plan.site_meters
        self.celsius: dict[str, float | None] = {"cabinet": 20.0, "cable": 20.0}
        self.active: dict[str, bool | None] = {one.id: False for one in plan.inputs}
        self.silent: tuple[str, ...] = ()
        self.circuit_a = 5.0
        self.answers = draw.random() < 0.5

    def say(self, now_ns: int) -> list[Event]:
        draw = self.draw
        if self.rare(0.004):
            self.celsius[draw.choice(list(self.celsius))] = draw.choice(
                (20.0, 21.0, 22.0, 23.0, 59.0, 63.0, 72.0, 86.0, None, float("nan")))
        if self.rare(0.003):
            self.active[draw.choice(list(self.active))] = draw.choice((False, False, True, None))
        if self.rare(0.003):
            self.silent = draw.choice(((), ("cabinet",), tuple(self.celsius), self.meters))
        if self.rare(0.01):
            self.circuit_a = draw.choice((5.0, 5.0, 24.0, 40.0, 80.0))
        said: list[Event] = [SensorSeen(sensor_id=name, celsius=value)
                             for name, value in self.celsius.items() if name not in self.silent]
        said += (InputSeen(input_id=name, active=level) for name, level in self.active.items())
        if self.rare(0.01):
            self.answers = not self.answers
        if draw.random() < 0.1:
            said.append(CloudSeen(connected=draw.random() < 0.98, last_ack_age_s=draw.random(),
                                  pending={"tx": draw.randrange(3)}, answers_cards=self.answers))
        if self.rare(0.002):
            said.append(DiskSeen(free_bytes=draw.choice((10**9, 10**7)), total_bytes=10**10))
        self.wh += 1
        a = self.circuit_a
        said += (ReadingTaken(reading=Reading(
            meter_id=name, mono_ns=now_ns, energy_import_wh=self.wh, power_w=a * 690,
            current_a=PerPhase(L1=a, L2=a, L3=a))) for name in self.meters if name not in self.silent)
        return said


class Distorted(Now):
    """What the boards, the bays' meters and the clock say besides, each for a while."""

    def __init__(self, draw: random.Random) -> None:
        super().__init__(draw)
        self.heat: dict[str, float] = {}
        self.volts: dict[str, float] = {}
        self.cable_a: dict[str, int] = {}
        self.dark = ""
        self.clock_ok, self.jump_ms, self.dead = True, 0, False

    def tell(self, stamped: Stamped) -> Stamped:
        draw, event = self.draw, stamped.event
        if self.rare(0.002):
            self.clock_ok, self.dead = draw.random() < 0.8, draw.random() < 0.1
            self.jump_ms += draw.choice((0, 0, 0, 700, 5_000, -60_000))
        if isinstance(event, OutletSeen):
            one = event.evse_id
            if self.rare(0.003):
                self.heat[one] = draw.choice((20.0, 20.0, 55.0, 62.0, 66.0, 80.0))
                self.cable_a[one] = draw.choice((13, 20, 32))
                self.dark = draw.choice(("", "", one))
            event = msgspec.structs.replace(event, board=msgspec.structs.replace(
                event.board, temperature_c=self.heat.get(one), dark=self.dark == one,
                proximity_a=self.cable_a.get(one, event.board.proximity_a)))
        elif isinstance(event, Started):
            event = msgspec.structs.replace(event, mains_back=draw.random() < 0.5)
        elif isinstance(event, ReadingTaken):
            one = event.reading.meter_id
            if self.rare(0.01):
                self.volts[one] = draw.choice((230.0, 230.0, 150.0, 280.0))
            v = self.volts.get(one, 230.0)
            event = ReadingTaken(reading=msgspec.structs.replace(
                event.reading, voltage_v=PerPhase(L1=v, L2=v, L3=v)))
        return Stamped(at=self._dated(stamped.at), event=event)

    def _dated(self, at: Header) -> Header:
        utc = None if self.dead else text((parse_ms(at.utc) or 0) + self.jump_ms)
        return msgspec.structs.replace(at, utc=utc, clock_ok=self.clock_ok, random=self.draw.random())


def answer(draw: random.Random, tap: Stamped) -> CardAnswered:
    """What the cloud says of a card, if it is asked at all."""
    assert isinstance(tap.event, CardPresented)
    status = draw.choice((TokenStatus.ACCEPTED, TokenStatus.ACCEPTED, TokenStatus.BLOCKED))
    return CardAnswered(question_id=tap.at.fresh_id, error=draw.choice(("", "", "no line")),
                        record=TokenRecord(token=tap.event.token, status=status))


def surrounded(seed: int, happenings: int, plan: SitePlan = SURROUNDED) -> list[Stamped]:
    """A story of a plan that is judged whole only where it must, from its last start on."""
    world, draw = World(plan), random.Random(seed)
    world.start()
    for _ in range(happenings):
        HAPPENINGS[draw.choice([*sorted(HAPPENINGS), *["charge"] * 12])](
            world, draw.choice([*world.bays]), draw.randrange(10))
        world.wait(draw.choice((0.1, 0.5, 1.0, 3.0, 7.0)))
    around, distorted, story = Surroundings(draw, plan), Distorted(draw), []
    asked: list[tuple[int, CardAnswered]] = []
    for stamped in world.script:
        story.append(distorted.tell(stamped))
        if isinstance(stamped.event, CardPresented) and draw.random() < 0.5:
            asked.append((stamped.at.mono_ns + draw.choice((0, 1, 4)) * 10**9, answer(draw, stamped)))
        while asked and asked[0][0] <= stamped.at.mono_ns:
            story.append(distorted.tell(msgspec.structs.replace(stamped, event=asked.pop(0)[1])))
        if not isinstance(stamped.event, Started) and stamped.at.mono_ns >= around.next_ns:
            around.next_ns = stamped.at.mono_ns + draw.choice((200, 500, 900)) * 1_000_000
            story += (distorted.tell(msgspec.structs.replace(stamped, event=event))
                      for event in around.say(stamped.at.mono_ns))
    return story
