"""Every fault of the catalogue: raised by what breaks, seen, recorded, effective, and cleared.

One site. Three bays break side by side; what breaks for the whole site follows. Each test waits for its
own fault. What a fault does and how it ends is compared with its row of the catalogue.
"""

import asyncio
import contextlib
from collections import defaultdict

import pytest
import pytest_asyncio
from broken import BREAKS, Place
from site_desk import site_desk

from edge.controller.catalogue import CATALOGUE
from edge.controller.faults import FaultCode, Stops, Until
from edge.link.errors import LinkError
from hil_tests.rig import RigError
from hil_tests.virtual.site_file import Choices

pytestmark = [pytest.mark.site, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

C = FaultCode
LANES: dict[str, tuple[FaultCode, ...]] = {
    "1": (C.CABLE_HOT, C.CABLE_TOO_HOT, C.BREAKER_OPEN, C.TILTED, C.SITE_METER, C.CLOUD_OFFLINE,
          C.DISK_LOW, C.HOT, C.HAMMERING, C.OVERCURRENT, C.EMERGENCY_STOP, C.CAR_MODE),
    "2": (C.TEMPERATURE, C.BOARD_LOST, C.METER_SILENT, C.METER_IMPLAUSIBLE, C.METER_CONTRADICTS,
          C.CONTACTOR_WORN),
    "3": (C.MIRROR_MISMATCH, C.DIODE, C.VENTILATION, C.PILOT_ODD, C.PILOT_SHORT, C.BROWN_OUT,
          C.RESIDUAL_CURRENT, C.SELF_TEST, C.CONTACTOR_NOT_CLOSED, C.PROXIMITY, C.RELAY_STUCK,
          C.INTERLOCK_STUCK, C.CONTACTOR_WELDED),
}
WHOLE_SITE = (C.SENSOR_LOST, C.INPUT_LOST, C.OVERVOLTAGE, C.UNDERVOLTAGE, C.CIRCUIT_OVERLOAD,
              C.READER_LOST, C.JOURNAL_STALLED, C.JOURNAL_SLOW, C.DOOR_OPEN, C.WATER, C.EARTH_LOST,
              C.JOURNAL_FULL, C.AUTH_TIMEOUT, C.FOUND_CLOSED, C.BOARD_MEMORY, C.CLOCK_UNTRUSTED,
              C.RESTART_LOOP, C.CARDS_DAMAGED, C.JOURNAL_DAMAGED)
QUICK = Choices(
    rules={"auth_timeout_s": 8, "wake_after_s": 0, "replug_s": 1, "disk_low_mb": 60,
           "disk_full_mb": 20},
    timers={"fault_off_s": 1, "min_off_s": 1, "derate_hold_s": 2, "sensor_stale_s": 3,
            "meter_lost_s": 8, "contradicts_s": 4, "voltage_s": 1, "voltage_back_s": 2,
            "overcurrent_s": 3, "overload_s": 1,
            "cloud_lost_s": 2, "clock_lost_s": 2, "hammer_count": 3, "hammer_window_s": 12,
            "hammer_hold_s": 3, "raise_s": 1, "telemetry_s": 0.5},
    journal={"slow_commit_ms": 60}, rated={"rated_cycles": 5}, state_limit_mb=100)
#: OCPP 2.0.1 ReasonEnumType, where it has a word of its own.
REASONS = {C.RESIDUAL_CURRENT: "GroundFault", C.EMERGENCY_STOP: "EmergencyStop",
           C.OVERCURRENT: "OvercurrentFault", C.SELF_TEST: "Local", C.CONTACTOR_WELDED: "Local",
           C.RELAY_STUCK: "Local", C.INTERLOCK_STUCK: "Local"}
FAILURES = (AssertionError, TimeoutError, RigError, LinkError, OSError)  # DidNotHappen is the first
_STAYS_S = 1.5  # a fault that ends with its cause ends within a poll of it


async def test_every_fault_of_the_catalogue_is_raised_here():
    here = [code for lane in LANES.values() for code in lane] + list(WHOLE_SITE)
    assert len(here) == len(set(here))
    assert set(here) == set(BREAKS) == set(CATALOGUE)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def under_way(request, tmp_path_factory):
    """Every fault that somebody will ask for, as a task by its code."""
    asked = {item.callspec.params["code"] for item in request.session.items
             if item.path == request.path and hasattr(item, "callspec")}
    folder = tmp_path_factory.mktemp("faults")
    async with site_desk(folder, evses=len(LANES), choices=QUICK) as desk:
        ready: dict[FaultCode, asyncio.Future[None]] = defaultdict(asyncio.Future)

        async def lane(evse: str, codes: tuple[FaultCode, ...]) -> None:
            place = Place(desk, await desk.trial(evse))
            for code in codes:
                if code in asked:
                    await _try(place, code, ready[code])

        async def everything() -> None:
            await asyncio.gather(*(lane(evse, codes) for evse, codes in LANES.items()))
            await lane("1", WHOLE_SITE)
        running = asyncio.create_task(everything())
        yield desk, ready
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _try(place: Place, code: FaultCode, result: asyncio.Future[None]) -> None:
    """What fails here must not fail the others: everything is undone, and the test of it told."""
    try:
        async with asyncio.timeout(100):
            await raised_and_cleared(place, code)
        result.set_result(None)
    except FAILURES as failure:
        result.set_exception(failure)
        with contextlib.suppress(*FAILURES):
            await BREAKS[code].undo(place)
        with contextlib.suppress(*FAILURES):
            await place.desk.rest(place.evse)


async def raised_and_cleared(place: Place, code: FaultCode) -> None:
    """The whole life of one fault at one bay."""
    kind, how, trial = CATALOGUE[code], BREAKS[code], place.trial
    await (charges if how.charging else rests)(place)
    offered_a = (await trial.view())["offered_a"]
    await how.cause(place)
    fault = await trial.until_fault(code, within_s=20.0)
    assert fault["severity"] == kind.severity
    if how.charging:
        await has_effect(place, code, offered_a)
    await how.undo(place)
    if kind.until in (Until.GONE, Until.RESTART):
        await trial.until_fault(code, stands=False, within_s=75.0)
    else:
        await asyncio.sleep(_STAYS_S)
        assert code in {fault["code"] for fault in await trial.faults()}, "it should have latched"
    if kind.until is Until.UNPLUG:
        await place.desk.rig.unplug(place.evse)
        await trial.until_fault(code, stands=False)
    if kind.until is Until.TECHNICIAN:
        await (how.technician(place) if how.technician else trial.clear(code, fault["where"]))
        await trial.until_fault(code, stands=False)
    if kind.stops in (Stops.CUT, Stops.PAUSE, Stops.DERATE) and how.charging:
        await trial.until_screen("charging")


async def rests(place: Place) -> None:
    """No car."""
    await place.desk.rest(place.evse)


async def charges(place: Place) -> None:
    """A car charges at this bay; the one of before, if its session goes on."""
    view = await place.trial.view()
    if view["charging_state"] is None:
        await place.desk.rest(place.evse)
        await place.trial.start()
    await place.trial.until_screen("charging")


async def has_effect(place: Place, code: FaultCode, offered_a: float) -> None:
    """What its row of the catalogue says."""
    trial, stops = place.trial, CATALOGUE[code].stops
    if stops in (Stops.AT_ONCE, Stops.CUT, Stops.ORDERLY, Stops.PAUSE):
        await trial.coil(False)
        goes_on = stops in (Stops.CUT, Stops.PAUSE)
        await trial.until("the session paused" if goes_on else "the session over", lambda v: (
            v["charging_state"] == "SuspendedEVSE" if goes_on else v["charging_state"] is None))
        if not goes_on:
            reason = (await trial.receipt())["stop_reason"]
            assert reason == REASONS.get(code, "Other"), reason
        if code is not C.BOARD_LOST:  # nobody can tell that board to end its offer
            await trial.pwm(False)
    elif stops is Stops.DERATE:
        await trial.until("less", lambda v: 0 < v["offered_a"] < offered_a)
        assert await place.desk.rig.coil_on(place.evse)
    else:
        assert await place.desk.rig.coil_on(place.evse)


@pytest.mark.parametrize("code", sorted(BREAKS))
async def test_it_is_raised_seen_effective_and_cleared(under_way, code):
    desk, ready = under_way
    await ready[code]

    async def told() -> bool:
        rows = [event for row in await desk.rows("ev.fault.v1") for event in row["eventData"]
                if event["techCode"] == code]
        return {event["cleared"] for event in rows} == {False, True}
    await desk.until(told, f"{code} raised and cleared in the cloud")
