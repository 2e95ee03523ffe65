"""Finds a SunSpec model in a device: a walk from the mark "SunS" along the chain of its models.

Each model begins with its id and its length, counted without these two registers; the next one
follows at once; id 0xFFFF ends the chain (SunSpec Device Information Model Specification). A device may
have several of one kind: the first counts.
"""

from collections.abc import Awaitable, Callable

from edge.controller.struct import Value
from edge.controller.trouble import BadAnswer, DeviceRefused

HOLDING = 3
STARTS = (40000, 0, 50000)
HEADER = 2  # registers: id, length
_MARK = (0x5375, 0x6E53)  # "SunS"
_END = 0xFFFF
_MOST_MODELS = 100

Ask = Callable[[int, int], Awaitable[tuple[int, ...]]]


class Found(Value):
    """Where a model begins: the register of its id. `length`: of what follows its header."""

    address: int
    length: int


async def walk(ask: Ask, model_id: int, where: str, starts: tuple[int, ...] = STARTS) -> Found:
    """The first model with this id. `ask(address, count)` reads holding registers.

    Raises `BadAnswer` for a device without the mark or without the model, and what `ask` raises;
    an address that is refused is not where SunSpec begins, and no more than the end of a chain.
    """
    for start in starts:
        if await _marked(ask, start):
            return await _along(ask, start + len(_MARK), model_id, where)
    raise BadAnswer("SunSpec", where=where, got=f'no "SunS" at {", ".join(map(str, starts))}',
                    expected="a device with a SunSpec map")


async def _marked(ask: Ask, start: int) -> bool:
    try:
        return await ask(start, len(_MARK)) == _MARK
    except DeviceRefused:
        return False


async def _along(ask: Ask, address: int, model_id: int, where: str) -> Found:
    seen: list[int] = []
    while len(seen) < _MOST_MODELS and address + HEADER <= 0x10000:
        try:
            found_id, length = await ask(address, HEADER)
        except DeviceRefused:
            break
        if found_id == model_id:
            return Found(address=address, length=length)
        if found_id == _END:
            break
        seen.append(found_id)
        address += HEADER + length
    raise BadAnswer("SunSpec model", where=where, expected=f"model {model_id}",
                    got=f"models {', '.join(map(str, seen)) or 'none'}")
