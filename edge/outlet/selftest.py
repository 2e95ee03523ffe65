"""`forecourt board selftest`: let the board test its residual current module, and look at the rest."""

import asyncio

from edge.controller.pilot import BoardStatus, PilotState
from edge.controller.trouble import DeviceRefused
from edge.outlet.board import PilotBoard
from edge.outlet.board_service import BoardService
from edge.outlet.checks import Check, Measured, Verdict
from edge.outlet.settings import SelfTest

TEST_S = 4.0  # 1.2 s for the trip, 1 s to come back, and the board's turns
LOOK_S = 0.1
SETTLE_S = 2.0  # a car in C counts after 0.5 s
SHOW_F_MS = 800


async def measure(board: PilotBoard, service: BoardService) -> Measured:
    """Everything that `checks.judge` wants to know. Raises `DeviceError`; takes some 5 s.

    What the board refuses now (a car is plugged in, the contactor is closed) is left out, and said.
    """
    refusal, test = "", None
    try:
        test = await self_test(service)
    except DeviceRefused as refused:
        refusal = str(refused)
    low_mv = await _low_mv(board, service)
    return Measured(status=await settled(board), registers=await service.registers(), self_test=test,
                    refusal=refusal, low_mv=low_mv)


async def self_test(service: BoardService) -> SelfTest | None:
    """Test the residual current module now; None: it did not end in time. Raises `DeviceError`."""
    await service.start_self_test()
    for _ in range(round(TEST_S / LOOK_S)):
        await asyncio.sleep(LOOK_S)
        test = await service.self_test()
        if test.result not in ("running", "never"):
            return test
    return None


async def _low_mv(board: PilotBoard, service: BoardService) -> int | None:
    """The pilot at F, as the board measures it; afterwards it is in A again. None: not allowed now."""
    if (await settled(board)).pilot is not PilotState.A:
        return None
    await service.show_f(SHOW_F_MS)
    await asyncio.sleep(SHOW_F_MS / 2000)
    low_mv = (await board.poll()).cp_low_mv
    await settled(board, SHOW_F_MS / 1000)
    return low_mv


async def settled(board: PilotBoard, f_s: float = 0.0) -> BoardStatus:
    """The status once the pilot is known: after the board's start, or after state F of so long."""
    for _ in range(round((f_s + SETTLE_S) / LOOK_S)):
        status = await board.poll()
        if status.pilot not in (PilotState.UNKNOWN, PilotState.F):
            break
        await asyncio.sleep(LOOK_S)
    return status


def lines(checks: tuple[Check, ...]) -> list[str]:
    """For people: the verdict first, the remedy below."""
    shown = []
    for check in checks:
        expected = f"   ({check.expected})" if check.expected else ""
        shown.append(f"{check.verdict.value:<5}{check.name:<26}{check.shown}{expected}")
        if check.remedy and check.verdict is not Verdict.OK:
            shown.append(f"     -> {check.remedy}")
    return shown
