"""Which registers to ask for together. Pure.

A request costs 13 characters, two silences and the meter's turnaround whatever its length; a register
costs 2 characters. So a gap of registers that nobody wants is read along when it is cheaper than a
request more: G < (13 char + 2 t3.5 + T) / 2 char.
"""

from collections.abc import Iterable

from edge.controller.struct import Value
from edge.meter.model import MeterModel, Register


class Block(Value):
    """One read request."""

    function: int
    address: int
    count: int
    registers: tuple[Register, ...]


def merge_gap(baud: int, bits_per_char: int, turnaround_s: float) -> int:
    """The longest gap, in registers, that is worth reading along on a serial line."""
    char_s = bits_per_char / baud
    silence_s = 3.5 * char_s if baud <= 19200 else 0.00175
    return int((13 * char_s + 2 * silence_s + turnaround_s) / (2 * char_s))


def plan(model: MeterModel, quantities: Iterable[str], gap: int) -> tuple[Block, ...]:
    """Blocks that cover the quantities the model has, within its limits and barriers."""
    wanted = [register for name in dict.fromkeys(quantities)
              if (register := model.register(name)) is not None]
    blocks: list[Block] = []
    for register in sorted(wanted, key=lambda register: (register.function, register.address)):
        if blocks and _may_join(model, blocks[-1], register, gap):
            last = blocks.pop()
            end = max(last.address + last.count, register.end)
            blocks.append(Block(function=last.function, address=last.address, count=end - last.address,
                                registers=(*last.registers, register)))
        else:
            blocks.append(Block(function=register.function, address=register.address,
                                count=register.type.words, registers=(register,)))
    return tuple(blocks)


def _may_join(model: MeterModel, block: Block, register: Register, gap: int) -> bool:
    return (block.function == register.function
            and register.address - (block.address + block.count) <= gap
            and register.end - block.address <= model.max_block
            and not any(block.address < barrier <= register.address for barrier in model.barriers))
