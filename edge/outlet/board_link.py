"""Registers and commands of one pilot board on a line. A refused command says what was missing."""

from edge.bus.pdu import read_holding, registers_of, write_registers
from edge.bus.port import Bus, BusClass
from edge.controller.trouble import DeviceError, DeviceRefused
from edge.outlet import registers as r

_REFUSALS = {
    r.REFUSED_NOT_C: "the car does not ask for energy", r.REFUSED_NO_PWM: "no current is offered",
    r.REFUSED_DIODE: "the diode was not seen", r.REFUSED_FAULT: "a fault stands",
    r.REFUSED_MIRROR: "the mirror contact says closed", r.REFUSED_SEQUENCE: "an old sequence number",
    r.REFUSED_NO_GRANT: "no grant is in force", r.REFUSED_NO_CAR: "no car is plugged in",
    r.REFUSED_COASTING: "the heartbeat was lost", r.REFUSED_STOPPING: "a stop is under way",
    r.REFUSED_SELF_TEST: "the residual current module was not tested, or is being tested",
    r.REFUSED_DARK: "the car asked before current was offered, and has to rest first",
    r.REFUSED_REQUEST: "the Pi's relay feeds the coil already",
    r.REFUSED_CONTACTOR_CLOSED: "the contactor is not open",
    r.REFUSED_CAR: "a car is plugged in, or does not rest",
    r.REFUSED_NOT_KEPT: "its flash did not take the calibration"}


class BoardLink:
    """One board. Every coroutine raises `DeviceError`."""

    def __init__(self, bus: Bus, unit: int) -> None:
        """`unit`: 1..247."""
        self.bus, self.unit = bus, unit

    @property
    def where(self) -> str:
        """For messages."""
        return f"pilot board, unit {self.unit}"

    async def read(self, address: int, count: int, klass: BusClass) -> tuple[int, ...]:
        """`count` registers from `address`, as words."""
        return registers_of(await self.bus.transact(self.unit, read_holding(address, count), klass))

    async def write(self, address: int, words: tuple[int, ...], klass: BusClass) -> None:
        """One FC16 over a block; the board takes all of it or nothing. Signed words may be negative."""
        pdu = write_registers(address, tuple(word & 0xFFFF for word in words))
        try:
            await self.bus.transact(self.unit, pdu, klass)
        except DeviceRefused as refused:
            raise await self._reason(refused, klass) from refused

    async def command(self, klass: BusClass, command: int, *, seq: int = 0, current_da: int = 0,
                      ttl_ms: int = 0) -> None:
        """One of the map's COMMAND_*."""
        await self.write(r.COMMAND, (command, seq, current_da, ttl_ms), klass)

    async def _reason(self, refused: DeviceRefused, klass: BusClass) -> DeviceRefused:
        try:
            (bits,) = await self.read(r.REFUSED_BITS, 1, klass)
        except DeviceError:
            return refused
        reasons = [text for bit, text in _REFUSALS.items() if bits & bit]
        if not reasons:
            return refused
        return DeviceRefused("command refused", where=self.where, got=", ".join(reasons),
                             expected="a command that the board's conditions allow")


def signed(word: int) -> int:
    """A word of two's complement."""
    return word - 0x10000 if word & 0x8000 else word
