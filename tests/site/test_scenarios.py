"""The scenarios of docs/proofs.md, by their numbers, on one virtual site.

Those of one bay run side by side, each on a bay of its own, as drivers do; those of the whole site
follow, one after the other. Each test waits for its own.
"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import pytest_asyncio
from site_desk import SiteDesk, site_desk

from hil_tests.scenarios.numbered import ONE_BAY, WHOLE_SITE
from hil_tests.scenarios.trial import Trial
from hil_tests.virtual.site_file import Choices

pytestmark = [pytest.mark.site, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

BAYS = 3
IMPATIENT = Choices(rules={"auth_timeout_s": 8, "replug_s": 1}, senses=False,
                    timers={"plug_in_s": 8, "fault_off_s": 3, "derate_hold_s": 5, "min_off_s": 2,
                            "hammer_window_s": 15})


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
