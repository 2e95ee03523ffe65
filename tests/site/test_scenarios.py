"""The scenarios of docs/proofs.md, by their numbers, on one virtual site.

Those of one bay run side by side, each on a bay of its own, as drivers do; those of the whole site
follow, one after the other. Each test waits for its own.
"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import pytest_asyncio
from site_desk import SiteDesk, site_desk

from hil_tests.scenarios import limits, ordinary, trouble
from hil_tests.scenarios.trial import Trial
from hil_tests.virtual.site_file import Choices

pytestmark = [pytest.mark.site, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

BAYS = 3
ROW, GRID = "row-a", "grid"
IMPATIENT = Choices(rules={"auth_timeout_s": 15, "replug_s": 1}, senses=False,
                    timers={"plug_in_s": 20, "fault_off_s": 3, "derate_hold_s": 5, "min_off_s": 2,
                            "hammer_window_s": 15})


ONE_BAY: dict[str, Callable[[Trial], Awaitable[None]]] = {
    "01-basic-session": ordinary.basic_session,
    "02-no-energy-before": limits.no_energy_before,
    "03-no-energy-during": limits.no_energy_during,
    "04-paused-by-car": ordinary.paused_by_car,
    "05-paused-and-no-energy": limits.paused_and_no_energy,
    "06-plug-first": ordinary.plug_first,
    "07-same-card-twice": ordinary.same_card_twice,
    "12-faulted-outlet": trouble.refused_while_faulted,
    "15-out-of-service-idle": limits.out_of_service_idle,
    "15-out-of-service-charging": limits.out_of_service_charging,
    "16-late-card": ordinary.late_card_after_a_cancel,
    "18-x1-ignored": trouble.x1_ignored,
    "19-e-from-c": lambda trial: trouble.opens_from_c(trial, 0, "F302"),
    "19-a-from-c": lambda trial: trouble.opens_from_c(trial, None, None),
    "20-d-from-c": lambda trial: trouble.opens_from_c(trial, trouble.VENTILATION_OHM, "F303"),
    "21-set-of-causes": trouble.causes_are_a_set,
    "22-more-than-offered": trouble.more_than_offered,
    "23-heat": trouble.heat,
}
WHOLE_SITE: dict[str, Callable[[Trial, Trial], Awaitable[None]]] = {
    "06-card-first": lambda first, _: ordinary.card_first(first),
    "06-card-without-a-plug": lambda first, _: ordinary.card_without_a_plug(first),
    "08-two-outlets-one-reader": ordinary.two_outlets_one_reader,
    "11-no-card-in-time": lambda first, _: ordinary.no_card_in_time(first),
    "14-card-taken-back": lambda first, _: ordinary.card_taken_back(first),
    "24-one-capped": lambda first, second: limits.one_capped(first, second, ROW),
    "25-one-idle": lambda first, second: limits.one_idle(first, second, ROW),
    "26-nested-limits": lambda first, _: limits.nested_limits(first, ROW, GRID),
    "29-killed-and-started": lambda first, _: trouble.killed_and_started(first),
    "29-killed-and-the-car-left": lambda first, _: trouble.killed_and_the_car_left(first),
    "34-history": lambda first, _: trouble.history_outlives_a_restart(first),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def under_way(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """Every scenario that somebody will ask for, as a task by its name."""
    asked = {item.callspec.params["name"] for item in request.session.items
             if item.path == request.path and hasattr(item, "callspec")}
    async with site_desk(tmp_path_factory.mktemp("scenarios"), evses=BAYS,
                         choices=IMPATIENT) as desk:
        free: asyncio.Queue[str] = asyncio.Queue()
        for evse_id in desk.site.evses:
            free.put_nowait(evse_id)
        tasks = {name: asyncio.create_task(_on_a_bay(desk, free, scenario))
                 for name, scenario in ONE_BAY.items() if name in asked}
        before: list[asyncio.Task[None]] = list(tasks.values())
        for name, both in WHOLE_SITE.items():
            if name in asked:
                tasks[name] = asyncio.create_task(_on_the_site(desk, both, list(before)))
                before.append(tasks[name])
        yield tasks
        for task in before:
            task.cancel()
        await asyncio.gather(*before, return_exceptions=True)


async def _on_a_bay(desk: SiteDesk, free: asyncio.Queue[str],
                    scenario: Callable[[Trial], Awaitable[None]]) -> None:
    evse_id = await free.get()
    try:
        await scenario(await desk.trial(evse_id))
    finally:
        await desk.rest(evse_id)
        free.put_nowait(evse_id)


async def _on_the_site(desk: SiteDesk, scenario: Callable[[Trial, Trial], Awaitable[None]],
                       before: list[asyncio.Task[None]]) -> None:
    await asyncio.gather(*before, return_exceptions=True)
    try:
        await scenario(await desk.trial("1"), await desk.trial("2"))
    finally:
        await asyncio.gather(desk.rest("1"), desk.rest("2"))


@pytest.mark.parametrize("name", sorted([*ONE_BAY, *WHOLE_SITE]))
async def test_scenario(under_way: dict[str, asyncio.Task[None]], name: str) -> None:
    await under_way[name]
