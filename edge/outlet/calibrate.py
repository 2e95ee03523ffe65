"""`forecourt board calibrate`: two plateaus of the pilot, a voltmeter, and a person to read it."""

import asyncio
from collections.abc import Awaitable, Callable

from edge.controller.pilot import PilotState
from edge.controller.trouble import DeviceRefused
from edge.outlet.board import PilotBoard
from edge.outlet.board_service import BoardService
from edge.outlet.calibration import CannotCalibrate, of_plateaus
from edge.outlet.selftest import settled
from edge.outlet.settings import Calibration

MEASURE_F_MS = 30_000  # for a person with a voltmeter
QUICK_F_MS = 1_500  # where the value was given already
SETTLE_S = 0.3
SAMPLES = 8
GOOD_MV = 100  # the board's ADC is good for 50 to 100 mV; the borders of its states are 1.5 V away

Ask = Callable[[str], Awaitable[str]]
Say = Callable[[str], None]


class Calibrator:
    """One calibration of one board. `ask` and `say` are a person's terminal, or a script's."""

    def __init__(self, board: PilotBoard, service: BoardService, ask: Ask, say: Say) -> None:
        self._board, self._service, self._ask, self._say = board, service, ask, say

    async def run(self, high_mv: int | None, low_mv: int | None, *, sure: bool) -> bool:
        """Measure, compute, ask unless `sure`, write, verify; whether the board now measures right.

        `high_mv`, `low_mv`: what a voltmeter shows between CP and PE at the outlet; None: to be asked.
        Raises `CannotCalibrate` (nothing was written), `DeviceError`.
        """
        await self._check_idle()
        high_mv, raw_high = await self._high(high_mv)
        low_mv, raw_low = await self._low(low_mv)
        before = await self._service.calibration()
        after = of_plateaus((high_mv, low_mv), (raw_high, raw_low), before)
        self._say(f"raw {raw_high} and {raw_low} mV; gain {_words(before)} -> {_words(after)}")
        if not sure and (await self._ask("write it? [y/N] ")).strip().lower() not in ("y", "yes"):
            raise CannotCalibrate("not written, as you wish")
        await self._service.calibrate(after)
        return await self._verify(after, high_mv, low_mv)

    async def _check_idle(self) -> None:
        status = await settled(self._board)
        if status.pilot is not PilotState.A or status.mirror_closed or status.permit:
            raise DeviceRefused(
                "cannot calibrate", where=self._board.where, expected="state A and an open contactor",
                got=f"state {status.pilot.value}, contactor "
                    f"{'closed' if status.mirror_closed else 'open'}")

    async def _high(self, given_mv: int | None) -> tuple[int, int]:
        raw_mv = (await self._raw())[0]
        if given_mv is None:
            given_mv = await self._millivolts(
                "steady +12 V: voltage between CP and PE at the outlet, without a car, in mV: ")
        return given_mv, raw_mv

    async def _low(self, given_mv: int | None) -> tuple[int, int]:
        """Show F; read the board's value at its begin, so that the person may take his time."""
        f_ms = MEASURE_F_MS if given_mv is None else QUICK_F_MS
        await self._service.show_f(f_ms)
        await asyncio.sleep(SETTLE_S)
        raw_mv = (await self._raw())[1]
        if given_mv is None:
            given_mv = await self._millivolts(
                f"steady -12 V for {f_ms // 1000} s: the same voltage, in mV, with its minus: ")
        await settled(self._board, f_ms / 1000)
        return given_mv, raw_mv

    async def _verify(self, wanted: Calibration, high_mv: int, low_mv: int) -> bool:
        if await self._service.calibration() != wanted:
            self._say("FAIL the board did not keep it")
            return False
        await asyncio.sleep(SETTLE_S)
        shown_high = (await self._board.poll()).cp_high_mv
        await self._service.show_f(QUICK_F_MS)
        await asyncio.sleep(SETTLE_S)
        shown_low = (await self._board.poll()).cp_low_mv
        await settled(self._board, QUICK_F_MS / 1000)
        good = abs(shown_high - high_mv) <= GOOD_MV and abs(shown_low - low_mv) <= GOOD_MV
        verdict = "ok  " if good else "FAIL"
        self._say(f"{verdict} the board now measures {shown_high} and {shown_low} mV, the voltmeter "
                  f"{high_mv} and {low_mv} mV (at most {GOOD_MV} mV apart)")
        return good

    async def _raw(self) -> tuple[int, int]:
        """The mean of some readings."""
        sums = [0, 0]
        for _ in range(SAMPLES):
            for i, value_mv in enumerate(await self._service.raw_plateaus_mv()):
                sums[i] += value_mv
            await asyncio.sleep(0.02)
        return round(sums[0] / SAMPLES), round(sums[1] / SAMPLES)

    async def _millivolts(self, question: str) -> int:
        text = (await self._ask(question)).strip()
        try:
            return int(text)
        except ValueError:
            raise CannotCalibrate(
                f"voltage: got {text!r}, expected whole millivolts, as 12030") from None


def _words(calibration: Calibration) -> str:
    return f"{calibration.cp_gain_permyriad / 100:g} % {calibration.cp_offset_mv:+d} mV"
