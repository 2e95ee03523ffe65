"""What nobody caught, anywhere in the controller: safe first, then status 1, then a new start."""

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from site_desk import SiteDesk, site_desk

from edge.link.errors import LinkError
from hil_tests.virtual.keeper import Keeper, kept
from hil_tests.virtual.site_file import Choices

pytestmark = [pytest.mark.site, pytest.mark.timeout(300)]

INJECT = Path(__file__).parents[1] / "support" / "inject"
QUICK = Choices(timers={"min_off_s": 1, "fault_off_s": 1})
WITHIN_S = 30.0


def raised(where: str, error: str = "TypeError") -> Mapping[str, object]:
    return {"call": where, "error": error}


#: Where it is raised: what there is besides the tasks of the station.
IN_SHORT = {
    "memory, in a step": raised("edge/controller/core.py:step", "MemoryError"),
    "the owner of a line": raised("edge/bus/owner.py:_serve"),
    "the journal's thread": {"thread": "journal", "error": "RuntimeError"},
}
IN_FULL = {
    "a task of the station": raised("edge/station/outlet_driver.py:_poll", "ValueError"),
    "a callback of the loop": raised("edge/station/sockets.py:push", "KeyError"),
    "a handler of a socket": raised("edge/station/desk.py:_handle", "KeyError"),
    "depth, in a step": raised("edge/controller/core.py:step", "RecursionError"),
    "the supervision of a reader": raised("edge/rfid/supervisor.py:_heard"),
    "the end of a commit": raised("edge/station/scribe.py:_ended"),
    "the recorder's thread": {"thread": "recorder", "error": "RuntimeError"},
    "any thread": {"do": "thread"},
    "a finaliser": {"do": "finaliser"},
}


@contextlib.asynccontextmanager
async def broken_site(folder: Path, **options: object) -> AsyncIterator[tuple[SiteDesk, Keeper, Path]]:
    """A site whose controller is kept, and the file that breaks it."""
    async with site_desk(folder, choices=QUICK) as desk:
        spec = folder / "inject.json"
        desk.site.environment.update(PYTHONPATH=str(INJECT), FORECOURT_INJECT=str(spec))
        async with kept(desk.site, **options) as keeper:  # type: ignore[arg-type]
            yield desk, keeper, spec
        desk.tracebacks = list  # type: ignore[method-assign]  # that is what this is about


async def ended(desk: SiteDesk, keeper: Keeper, lives: int) -> int:
    """How the controller ended, once it did; somebody asks it for something all the while."""
    async with asyncio.timeout(WITHIN_S):
        while len(keeper.ends) < lives:
            if desk.site.children.alive("controller"):
                with contextlib.suppress(LinkError, TimeoutError):
                    async with asyncio.timeout(1.0):
                        await desk.snapshot()
            await asyncio.sleep(0.02)
    return keeper.ends[-1]


def tell(desk: SiteDesk, spec: Path, how: Mapping[str, object],
         number: signal.Signals = signal.SIGUSR1) -> None:
    spec.write_text(json.dumps(how))
    desk.site.children.signal("controller", number)


async def relay_is_off(desk: SiteDesk, what: object) -> None:
    """It was dropped before the process ended, or by its last act."""
    moves = [move for move in await desk.rig.moves() if move["what"] == "relay"]
    assert not moves[-1]["level"], what


async def break_and_go_on(desk: SiteDesk, keeper: Keeper, spec: Path,
                          how: Mapping[str, object]) -> None:
    lives = len(keeper.ends) + 1
    tell(desk, spec, how)
    if "thread" in how:  # it hears of its fault when it has something to do
        await desk.rig.plug("2")
    assert await ended(desk, keeper, lives) == 1
    await relay_is_off(desk, how)
    await desk.rig.unplug("2")
    await desk.until_screen("charging")


def logged(desk: SiteDesk) -> str:
    return desk.site.children.log_path("controller").read_text(errors="replace")


async def breaks(folder: Path, cases: Mapping[str, Mapping[str, object]]) -> None:
    async with broken_site(folder) as (desk, keeper, spec):
        before = await desk.start()
        for how in cases.values():
            await break_and_go_on(desk, keeper, spec, how)
        after = await desk.finish()
        cdr, = await desk.cdrs(1)
        assert round(cdr["total_energy"] * 1000) == after - before
        transaction, = await desk.transactions()
        assert (transaction["starts"], transaction["stops"]) == (1, 1)


async def test_an_exception_anywhere_drops_the_relay_and_starts_anew_and_the_session_goes_on(tmp_path):
    await breaks(tmp_path, IN_SHORT)


@pytest.mark.slow
async def test_an_exception_in_the_rarer_places_too(tmp_path):
    await breaks(tmp_path, IN_FULL)


@pytest.mark.slow
async def test_an_exception_while_it_starts_drops_what_the_last_one_left_on(tmp_path):
    """Before any line is claimed, while lines are, after them; and while it ends. Short forms of it are
    in `test_failed_starts.py` and `test_safe_stop.py`.
    """
    async with broken_site(tmp_path) as (desk, keeper, spec):
        await desk.start()
        for where in ("edge/journal/journal.py:open", "edge/station/claiming.py:_look",
                      "edge/station/restoring.py:restore", "edge/station/wiring.py:_start_senses"):
            lives = len(keeper.ends)
            tell(desk, spec, {"at_start": True, **raised(where)}, signal.SIGKILL)
            assert await ended(desk, keeper, lives + 2) == 1, where
            await relay_is_off(desk, where)
            await desk.until_screen("charging")
        lives = len(keeper.ends)
        tell(desk, spec, raised("edge/bus/owner.py:close"))
        await desk.snapshot()
        desk.site.children.signal("controller", signal.SIGTERM)
        assert await ended(desk, keeper, lives + 1) == 1
        await desk.until_screen("charging")


async def test_a_crash_in_c_and_what_the_watchdog_ends_leave_the_session_to_the_next_start(tmp_path):
    """SIGSEGV and SIGABRT leave the pins: coil on, and the session goes on as after `kill -9`. The
    watchdog ends a loop that hangs and a process that is stopped.
    """
    async with broken_site(tmp_path, watchdog_s=3.0) as (desk, keeper, spec):
        async def served_again() -> bool:
            return "READY=1" in keeper.lines
        before = await desk.start()
        keeper.lines.clear()
        desk.site.children.signal("controller", signal.SIGSEGV)
        assert await ended(desk, keeper, 1) == -signal.SIGSEGV
        await desk.until(served_again, "ready")
        assert "Fatal Python error: Segmentation fault" in logged(desk)
        assert await desk.rig.coil_on("1"), "back within the grant"
        keeper.lines.clear()
        tell(desk, spec, {"do": "hang"})
        assert await ended(desk, keeper, 2) == -signal.SIGABRT
        assert keeper.aborted == 1
        await desk.until(served_again, "ready")  # before, a start has a minute
        await desk.until_screen("charging")
        log = logged(desk)
        assert "Fatal Python error: Aborted" in log and "sitecustomize.py" in log, "where it was"
        desk.site.children.signal("controller", signal.SIGSTOP)
        assert await ended(desk, keeper, 3) == -signal.SIGABRT
        await desk.until_screen("charging")
        after = await desk.finish()
        cdr, = await desk.cdrs(1)
        assert round(cdr["total_energy"] * 1000) == after - before
        assert keeper.status.startswith("0 of 2 charging")
