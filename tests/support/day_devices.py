"""The bays of a `Day` at the station's ports: board, relay and meter, each frame a place to die at."""

import asyncio
from collections.abc import Callable

from bay import CAR_IN, LATCHED
from crash_point import Places
from day import DayBay

from edge.controller.pilot import BoardStatus, PilotState
from edge.controller.reading import PerPhase, Quality, Reading, ReadingContext
from edge.controller.trouble import DeviceRefused, DeviceTimeout
from edge.meter.acceptor import EnergyAcceptor
from edge.outlet.settings import BoardSettings

FRAME_S = 0.01


class DayBoard:
    """The pilot board of a bay."""

    def __init__(self, bay: DayBay, places: Places, clock_ns: Callable[[], int]) -> None:
        self._bay, self._places, self._clock_ns = bay, places, clock_ns

    async def poll(self) -> BoardStatus:
        sent_ns = self._clock_ns()
        await asyncio.sleep(FRAME_S)
        return self._bay.status(sent_ns)

    async def offer(self, current_a: float) -> None:
        await asyncio.sleep(FRAME_S)
        bay = self._bay
        if bay.pilot not in CAR_IN or bay.faults:
            raise DeviceRefused("offer", where="board", got="a refusal", expected="an offer")
        self._places.at("before offer")
        bay.asked_a = current_a
        bay._settle_offer(bay.now_s)
        self._places.at("after offer")

    async def withdraw(self) -> None:
        await asyncio.sleep(FRAME_S)
        self._bay.asked_a = 0.0
        self._bay._settle_offer(self._bay.now_s)

    async def grant(self, current_a: float, grant_s: float) -> None:
        await asyncio.sleep(FRAME_S)
        bay = self._bay
        if bay.pilot is not PilotState.C or not bay.told_a or bay.faults or bay.closed:
            raise DeviceRefused("grant", where="board", got="a refusal", expected="PERMIT")
        self._places.at("before grant")
        bay.permit, bay.renewed_at = True, bay.now_s
        bay.asked_a = min(bay.asked_a, current_a)
        bay.look()
        self._places.at("after grant")

    async def renew(self, current_a: float, grant_s: float) -> None:
        await asyncio.sleep(FRAME_S)
        bay = self._bay
        if bay.permit:
            bay.renewed_at = bay.now_s
            bay.asked_a = min(bay.asked_a, current_a) if current_a >= 6 else bay.asked_a

    async def revoke(self) -> None:
        await asyncio.sleep(FRAME_S)
        self._bay.permit = False
        self._bay.look()
        self._places.at("after revoke")

    async def wake(self, pulse_ms: int) -> None:
        await asyncio.sleep(FRAME_S)

    async def acknowledge(self, fault_seq: int) -> None:
        await asyncio.sleep(FRAME_S)
        self._bay.faults -= LATCHED

    async def configure(self, settings: BoardSettings) -> None:
        await asyncio.sleep(FRAME_S)

    async def tell_clock(self, utc_s: int) -> None:
        await asyncio.sleep(FRAME_S)


class DayRelay:
    """The Pi's relay and its mirror input."""

    def __init__(self, bay: DayBay, places: Places) -> None:
        self._bay, self._places = bay, places

    def set(self, on: bool) -> None:
        name = "relay on" if on else "relay off"
        self._places.at(f"before {name}")
        self._bay.relay = on
        self._bay.look()
        self._places.at(f"after {name}")

    def coil_on(self) -> bool:
        return self._bay.relay

    def mirror_closed(self) -> bool:
        return self._bay.closed


class DayMeter:
    """The meter of a bay, its register judged by the acceptor itself."""

    def __init__(self, bay: DayBay, clock_ns: Callable[[], int]) -> None:
        self._bay, self._clock_ns = bay, clock_ns
        self.acceptor = EnergyAcceptor(22_080, step_wh=1.0)

    def resume(self, energy_wh: int, since_ns: int | None = None) -> None:
        self.acceptor.resume(energy_wh, since_ns)

    async def read(self, context: ReadingContext = ReadingContext.SAMPLE_PERIODIC) -> Reading:
        return await self._read(context, brief=False)

    async def read_energy(self, context: ReadingContext) -> Reading:
        return await self._read(context, brief=True)

    async def _read(self, context: ReadingContext, *, brief: bool) -> Reading:
        asked_ns = self._clock_ns()
        await asyncio.sleep(FRAME_S)
        bay = self._bay
        if bay.meter_silent:
            raise DeviceTimeout("read", where="meter", got="nothing", expected="an answer")
        wh = bay.register_wh
        if bay.torn:
            bay.torn, wh = False, wh - 9_000
        verdict = self.acceptor.judge(wh, asked_ns)
        amps = min(bay.load_a, bay.drawn_a) if bay.closed and bay.pilot is PilotState.C else 0.0
        phases = dict.fromkeys(("L1", "L2", "L3")[:len(bay.evse.phases)], amps)
        return Reading(
            meter_id=bay.evse.meter_id, mono_ns=asked_ns, context=context,
            quality=Quality.GOOD if verdict.accepted else Quality.SUSPECT,
            energy_import_wh=verdict.energy_wh if verdict.accepted else wh,
            energy_raw=f"{wh:08x}", energy_scale="1",
            rebased_from_wh=verdict.rebased_from_wh, rebased_why=verdict.rebased_why,
            power_w=None if brief else amps * 230 * len(phases),
            current_a=PerPhase() if brief else PerPhase(**phases))
