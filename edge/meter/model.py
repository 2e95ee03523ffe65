"""A meter model: the shape of a file in `models/`, and what must hold inside one."""

import enum
from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from edge.controller.struct import Value

Address = Annotated[int, Meta(ge=0, le=0xFFFF)]


class RegisterType(enum.StrEnum):
    """How a register's words are to be read; IEEE 754 for the floats, two's complement for `int`.

    `acc32` is SunSpec's accumulator (0: not there); `t5` and `t6` are Iskra's: an int8 decade exponent
    and a 24-bit mantissa, unsigned and signed; `int32_milli` is an int32 of whole units, and behind it
    one of thousandths, each in the register's word order.
    """

    UINT16 = "uint16"
    INT16 = "int16"
    UINT32 = "uint32"
    INT32 = "int32"
    UINT64 = "uint64"
    INT64 = "int64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    ACC32 = "acc32"
    T5 = "t5"
    T6 = "t6"
    INT32_MILLI = "int32_milli"

    @property
    def words(self) -> int:
        """16-bit registers that one value takes."""
        return _WORDS[self]


_WORDS = {
    RegisterType.UINT16: 1, RegisterType.INT16: 1, RegisterType.UINT32: 2, RegisterType.INT32: 2,
    RegisterType.UINT64: 4, RegisterType.INT64: 4, RegisterType.FLOAT32: 2, RegisterType.FLOAT64: 4,
    RegisterType.ACC32: 2, RegisterType.T5: 2, RegisterType.T6: 2, RegisterType.INT32_MILLI: 4}


class WordOrder(enum.StrEnum):
    """Which word comes first. Bytes inside a word are always high byte first (Modbus)."""

    BIG = "big"
    LITTLE = "little"


class Register(Value):
    """One quantity. Value in `unit` = raw x `scale`, times 10 to the int16 in `scale_register` if there
    is one. Addresses are zero based; of a SunSpec model they count from the register of its model id.
    """

    quantity: str
    address: Address
    unit: str
    type: RegisterType
    function: int = 3
    word_order: WordOrder = WordOrder.BIG
    scale: Decimal = Decimal(1)
    sentinel: str = ""  # hex of the words, high word first, that mean "not available"
    scale_register: Address | None = None
    optional: bool = False  # some variants lack it: refused, it is absent, and the meter is well
    magnitude: bool = False  # some variants give it a sign that means nothing
    confirmed: bool = True  # two independent sources agree

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.address + self.type.words


class SerialDefaults(Value):
    """How the meter's port is set when it leaves the factory."""

    baud: int
    parity: str
    stop: int = 1


class Identity(Value):
    """Registers that tell the product, and what it says there: hex of the words as read."""

    function: int
    address: Address
    count: int
    values: tuple[str, ...]
    alone: bool = False  # it must be read by itself
    confirmed: bool = True


class Billing(Value):
    """Which register may be billed: one of imported energy, never a sum of import and export."""

    quantity: str
    resolution_wh: Decimal  # one step of the register


class MeterModel(Value):
    """One product, or several with one register map."""

    slug: str
    name: str
    maker: str
    phases: int
    max_current_a: float
    max_block: Annotated[int, Meta(ge=1, le=125)]
    refresh_s: float
    serial: SerialDefaults
    registers: tuple[Register, ...]
    fast: tuple[str, ...]  # read at every turn: currents and power
    slow: tuple[str, ...] = ()  # read less often: voltages, frequency, exported energy
    billing: Billing | None = None
    identity: Identity | None = None
    sunspec: int | None = None  # the id of the SunSpec model that the registers are part of
    barriers: tuple[Address, ...] = ()
    generator: bool = False  # its power is positive when it flows out: it may not stand for a load
    suspect: str = ""  # why the whole map is in doubt: addresses may then overlap; no bills

    def register(self, quantity: str) -> Register | None:
        """The register of a quantity, `None` if this model has none."""
        return next((found for found in self.registers if found.quantity == quantity), None)

    @property
    def max_power_w(self) -> float:
        """What can flow through it at the most: nominal 230 V plus 15 %."""
        return self.max_current_a * self.phases * 230 * 1.15
