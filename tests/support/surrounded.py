"""Random stories of a `World` among sensors, inputs, a disk and a cloud that nothing obeys."""

import random

import msgspec
from happenings import HAPPENINGS
from world import PLAN, World

from edge.controller.events import (
    CloudSeen,
    DiskSeen,
    Event,
    InputSeen,
    SensorSeen,
    Stamped,
    Started,
)
from edge.controller.site import Input, InputKind, Sensor, SensorPlace

SURROUNDED = msgspec.structs.replace(
    PLAN, timers=msgspec.structs.replace(PLAN.timers, whole_s=1e9, sensor_stale_s=8.0),
    sensors=(Sensor(id="cabinet", place=SensorPlace.CABINET, evse_ids=("1", "2")),
             Sensor(id="cable", place=SensorPlace.CABLE, evse_ids=())),
    inputs=(Input(id="door", kind=InputKind.DOOR, evse_ids=("1",)),
            Input(id="stop", kind=InputKind.EMERGENCY_STOP, evse_ids=("1", "2", "3"))))


class Surroundings:
    """What sensors and inputs say a few times a second; now and then it is another thing."""

    def __init__(self, draw: random.Random) -> None:
        self.draw, self.next_ns = draw, 0
        self.celsius: dict[str, float | None] = {"cabinet": 20.0, "cable": 20.0}
        self.active: dict[str, bool | None] = {"door": False, "stop": False}
        self.silent: tuple[str, ...] = ()

    def say(self) -> list[Event]:
        draw = self.draw
        if draw.random() < 0.004:
            self.celsius[draw.choice(list(self.celsius))] = draw.choice(
                (20.0, 21.0, 22.0, 23.0, 59.0, 63.0, 72.0, 86.0, None, float("nan")))
        if draw.random() < 0.003:
            self.active[draw.choice(list(self.active))] = draw.choice((False, False, True, None))
        if draw.random() < 0.003:
            self.silent = draw.choice(((), ("cabinet",), tuple(self.celsius)))
        said: list[Event] = [SensorSeen(sensor_id=name, celsius=value)
                             for name, value in self.celsius.items() if name not in self.silent]
        said += (InputSeen(input_id=name, active=level) for name, level in self.active.items())
        if draw.random() < 0.1:
            said.append(CloudSeen(connected=draw.random() < 0.98, last_ack_age_s=draw.random(),
                                  pending={"tx": draw.randrange(3)}))
        if draw.random() < 0.002:
            said.append(DiskSeen(free_bytes=draw.choice((10**9, 10**7)), total_bytes=10**10))
        return said


def surrounded(seed: int, happenings: int) -> list[Stamped]:
    """A story of the plan `SURROUNDED`, which is judged whole only where it must."""
    world, draw = World(SURROUNDED), random.Random(seed)
    world.start()
    for _ in range(happenings):
        HAPPENINGS[draw.choice([*sorted(HAPPENINGS), *["charge"] * 12])](
            world, draw.choice("123"), draw.randrange(10))
        world.wait(draw.choice((0.1, 0.5, 1.0, 3.0, 7.0)))
    around, story = Surroundings(draw), []
    for stamped in world.script:
        story.append(stamped)
        if not isinstance(stamped.event, Started) and stamped.at.mono_ns >= around.next_ns:
            around.next_ns = stamped.at.mono_ns + draw.choice((200, 500, 900)) * 1_000_000
            story += (msgspec.structs.replace(stamped, event=event) for event in around.say())
    return story
