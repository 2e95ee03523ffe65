"""Where an exploration begins: one good story for each phase, and the starts that no phase has."""

from collections.abc import Callable

from evse_judge import judge
from evse_stage import MS, WILD, Stage, plan
from explorer import Broken, deadlines_ns

from edge.controller.site import SitePlan

_CHARGING = ("B", "card", "later", "C", "start register", "granted")
#: A happening of the alphabet, or "later": the next deadline, board and meter well.
STORIES: dict[str, tuple[str, ...]] = {
    "vacant": (),
    "awaiting_card": ("B",),
    "ready": ("B", "card", "later"),
    "preparing": ("B", "card", "later", "C"),
    "closing": ("B", "card", "later", "C", "start register"),
    "charging": (*_CHARGING, "later"),
    "pausing": (*_CHARGING, "later", "meter lost at last"),
    "paused": (*_CHARGING, "brown-out"),
    "replug": (*_CHARGING, "A"),
    "stopping": (*_CHARGING, "later", "later", "stop"),
    "ending": (*_CHARGING, "residual current"),
    "finished": (*_CHARGING, "later", "later", "stop", "B", "later", "later", "end register"),
    "resting": (*_CHARGING, "later", "B"),
    "asking again": (*_CHARGING, "later", "B", "later", "C", "later"),
    "killed while charging": (*_CHARGING, "killed"),
    "mains cut while charging": (*_CHARGING, "mains cut"),
}

#: EVSEs that differ in what a sign may read.
KINDS: dict[str, Callable[[], SitePlan]] = {
    "plain": plan,
    "with ventilation": lambda: plan(ventilation=True),
    "meter behind the contactor": lambda: plan(meter_on_supply_side=False),
}


def seeds(site_plan: SitePlan | None = None) -> dict[str, Stage]:
    """A stage at the end of each story. Raises `Broken` where one is not safe itself."""
    stages = {}
    for name, story in STORIES.items():
        try:
            stages[name] = _told(Stage(site_plan or plan(), judge), story)
        except AssertionError as error:
            raise Broken(f"[{name}]: {error}") from error
    return stages


def _told(stage: Stage, story: tuple[str, ...]) -> Stage:
    for name in story:
        stage.now_ns += MS
        if name == "later":
            ahead = [ns for ns in deadlines_ns(stage) if ns > stage.now_ns]
            stage.let_pass(min(ahead, default=stage.now_ns), polled=True, metered=True)
        elif name == "meter lost at last":
            since_ns = stage.good_ns or stage.now_ns
            stage.let_pass(since_ns + round(stage.plan.timers.meter_lost_s * 1e9), polled=True,
                           metered=False)
        else:
            WILD[name](stage)
    return stage
