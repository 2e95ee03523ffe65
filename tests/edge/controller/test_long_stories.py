"""The same world with a will of its own, for hours: rests, limits, restarts, events that come twice.

Hypothesis chooses; `tests/support/strict_oracle.py` judges each step and each tenth of a second.
"""

import pytest
from happenings import HAPPENINGS, ask, charge, order, pilot
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from strict_oracle import Strict

from edge.controller.events import BoardLost, MeterLost, ReadingTaken, Tick
from edge.controller.pilot import BoardFault, PilotState

pytestmark = pytest.mark.stories

EVSES = st.sampled_from(("1", "2", "3"))
#: What starts, rests and asks again and again; all the rest is one choice among many.
NAMES = sorted(set(HAPPENINGS) - {"no numbers", "wait"})
REPLAYED = (ReadingTaken, MeterLost, BoardLost, Tick)
NS = 1_000_000_000


class Hours(RuleBasedStateMachine):
    """Three EVSEs, a disk, boards and cars, from a start to the last car that leaves."""

    def __init__(self) -> None:
        super().__init__()
        self.world = Strict()
        self.world.start()
        self.world.wait(0.3)

    @rule(name=st.sampled_from(NAMES), evse_id=EVSES, n=st.integers(0, 9))
    def happen(self, name: str, evse_id: str, n: int) -> None:
        HAPPENINGS[name](self.world, evse_id, n)
        self.world.wait(0.3)

    @rule(evse_id=EVSES, n=st.integers(0, 9))
    def charge(self, evse_id: str, n: int) -> None:
        charge(self.world, evse_id, n)

    @rule(evse_id=EVSES, times=st.integers(2, 8), rest_s=st.sampled_from((0.5, 6.0)))
    def flap(self, evse_id: str, times: int, rest_s: float) -> None:
        """A car that rests as soon as it charges, and asks until it does."""
        charge(self.world, evse_id, 1)
        for _ in range(times):
            pilot(PilotState.B)(self.world, evse_id, 0)
            self.world.wait(rest_s)
            pilot(PilotState.C)(self.world, evse_id, 0)
            for _ in range(45):
                if self.world.bays[evse_id].closed:
                    break
                self.world.wait(1)

    @rule(evse_id=EVSES, fault=st.sampled_from((BoardFault.BROWN_OUT, BoardFault.TEMPERATURE)))
    def cut_and_mended(self, evse_id: str, fault: BoardFault) -> None:
        """A fault that goes by itself after a moment."""
        charge(self.world, evse_id, 1)
        self.world.bays[evse_id].faults.add(fault)
        self.world.wait(0.5)
        self.world.bays[evse_id].faults.discard(fault)
        self.world.wait(12)

    @rule(evse_id=EVSES, current_a=st.sampled_from((0.0, 5.9, 6.0, 10.0, 31.0)))
    def limit(self, evse_id: str, current_a: float) -> None:
        if self.world.bays[evse_id].pilot is PilotState.A:
            charge(self.world, evse_id, 1)
        ask(self.world, "limit.set", where=evse_id, current_a=current_a, because="x")
        self.world.wait(0.3)

    @rule(seconds=st.sampled_from((1.0, 7.0, 31.0, 130.0)))
    def time_passes(self, seconds: float) -> None:
        self.world.wait(seconds)

    @rule(seconds=st.integers(60, 7200))
    def controller_is_down(self, seconds: int) -> None:
        self.world._pass(seconds / 10)  # boards open by themselves meanwhile
        self.world.now_ns += seconds * NS
        self.world.start()
        self.world.wait(0.5)

    @precondition(lambda self: len(self.world.script) > 20)
    @rule(back=st.integers(1, 20), times=st.integers(1, 3))
    def again(self, back: int, times: int) -> None:
        """An event comes twice, or long after its moment."""
        stamped = self.world.script[-back]
        if isinstance(stamped.event, REPLAYED) and not isinstance(stamped.event, BoardLost | MeterLost):
            for _ in range(times):
                self.world.replay(stamped)
        self.world.wait(0.1)

    @rule()
    def backwards(self) -> None:
        """A tick of a second ago."""
        self.world.now_ns -= NS
        self.world.feed(Tick())
        self.world.now_ns += NS
        self.world.wait(0.1)

    def teardown(self) -> None:
        order(self.world)
        self.world.everybody_leaves()


def play(examples: int, steps: int) -> None:
    run_state_machine_as_test(Hours, settings=settings(
        max_examples=examples, stateful_step_count=steps, derandomize=True, deadline=None,
        phases=(Phase.generate, Phase.shrink), suppress_health_check=list(HealthCheck)))


def test_hours_of_everything_are_safe_and_every_wh_has_one_owner():
    play(6, 12)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_hours_of_everything_are_safe_and_every_wh_has_one_owner():
    play(150, 40)
