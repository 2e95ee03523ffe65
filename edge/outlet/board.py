"""The pilot board as the controller sees it: one short read a poll, one frame a command.

The board decides what is allowed; a command that it refuses raises `DeviceRefused` and names what was
missing. Sequence numbers go on from what the board reports, so a grant is never taken for an old one.
"""

from collections.abc import Callable

from edge.bus.pdu import read_holding, registers_of, write_register, write_registers
from edge.bus.port import Bus, BusClass
from edge.controller.pilot import BoardFault, BoardStatus, PilotState
from edge.controller.trouble import BadAnswer, DeviceError, DeviceRefused
from edge.outlet import registers as r

_PILOTS = {r.PILOT_A: PilotState.A, r.PILOT_B: PilotState.B, r.PILOT_C: PilotState.C,
           r.PILOT_D: PilotState.D, r.PILOT_E: PilotState.E, r.PILOT_F: PilotState.F}
_FAULTS = tuple(BoardFault)  # bit 0 first
_REFUSALS = {
    r.REFUSED_NOT_C: "the car does not ask for energy", r.REFUSED_NO_PWM: "no current is offered",
    r.REFUSED_DIODE: "the diode was not seen", r.REFUSED_FAULT: "a fault stands",
    r.REFUSED_MIRROR: "the mirror contact says closed", r.REFUSED_SEQUENCE: "an old sequence number",
    r.REFUSED_NO_GRANT: "no grant is in force", r.REFUSED_NO_CAR: "no car is plugged in",
    r.REFUSED_COASTING: "the heartbeat was lost", r.REFUSED_STOPPING: "a stop is under way"}
MIN_A, MAX_A = 6.0, 80.0  # what a pilot can tell
_SLOW_COUNT = r.BLOCK_COUNT - r.FAST_COUNT


class PilotBoard:
    """One board on a line. Every coroutine raises `DeviceError`. Currents in A, told in 0.1 A."""

    def __init__(self, bus: Bus, unit: int, clock_ns: Callable[[], int]) -> None:
        """`clock_ns`: the monotonic clock."""
        self._bus, self._unit, self._clock_ns = bus, unit, clock_ns
        self._last: BoardStatus | None = None
        self._firmware = ""
        self._grant_seq = 0
        self._heartbeat_seq = 0

    @property
    def where(self) -> str:
        """For messages."""
        return f"pilot board, unit {self._unit}"

    async def poll(self) -> BoardStatus:
        """Read the whole status. After a start of the board also its identity (one frame more)."""
        sent_ns = self._clock_ns()
        words = await self._read(r.BASE, r.FAST_COUNT, BusClass.BOARD)
        if self._last is None or self._last.boot_count != words[r.BOOT_COUNT - r.BASE]:
            await self._get_acquainted(words)
        self._last = self._status(words, sent_ns)
        return self._last

    async def offer(self, current_a: float) -> None:
        """Tell the car 6..80 A. Less is told at once, more at most every 5 s. Refused without a car."""
        current_da = _deciamps(current_a)
        lower = self._last is not None and current_da <= round(self._last.offered_a * 10)
        await self._command(BusClass.REVOKE if lower else BusClass.GRANT, r.COMMAND_OFFER,
                            current_da=current_da)

    async def withdraw(self) -> None:
        """X1. PERMIT falls when the car goes to B, when revoked, or after 6 s."""
        await self._command(BusClass.REVOKE, r.COMMAND_WITHDRAW)

    async def grant(self, current_a: float, grant_s: float) -> None:
        """Set PERMIT for `grant_s` (0.1..5 s), and lower the offer to `current_a` if it was more."""
        if self._last is None:
            await self.poll()
        self._grant_seq = (self._grant_seq + 1) & 0xFFFF
        await self._command(BusClass.GRANT, r.COMMAND_GRANT, seq=self._grant_seq,
                            current_da=_deciamps(current_a), ttl_ms=round(grant_s * 1000))

    async def renew(self, current_a: float, grant_s: float) -> None:
        """Heartbeat: prolong a grant that is in force. Never starts, never raises.

        A current below 6 A leaves the offer as it is: under X1 there is none to lower.
        """
        if self._last is None:
            await self.poll()
        self._heartbeat_seq = (self._heartbeat_seq + 1) & 0xFFFF
        current_da = _deciamps(current_a) if current_a >= MIN_A else 0
        await self._command(BusClass.GRANT, r.COMMAND_RENEW, seq=self._heartbeat_seq,
                            current_da=current_da, ttl_ms=round(grant_s * 1000))

    async def revoke(self) -> None:
        """PERMIT off at once."""
        await self._command(BusClass.REVOKE, r.COMMAND_REVOKE)

    async def acknowledge(self, fault_seq: int | None = None) -> None:
        """Clear latched faults up to `fault_seq`; None: those that the last poll reported."""
        if fault_seq is None:
            fault_seq = (self._last or await self.poll()).fault_seq
        await self._command(BusClass.GRANT, r.COMMAND_ACK, seq=fault_seq)

    async def set_failsafe(self, current_a: float) -> None:
        """What holds after a lost heartbeat, 0 or 6..80 A. The board forgets it when it starts."""
        current_da = 0 if current_a == 0 else _deciamps(current_a)
        await self._bus.transact(self._unit, write_register(r.FAILSAFE_DA, current_da), BusClass.GRANT)

    async def read_all(self) -> dict[str, int]:
        """Every register of the fast and slow block by its name, for people (class bulk)."""
        words = await self._read(r.BASE, r.BLOCK_COUNT, BusClass.BULK)
        block = range(r.BASE, r.BASE + r.BLOCK_COUNT)
        names = {address: name.lower() for name, address in vars(r).items()
                 if isinstance(address, int) and address in block and name != "BASE"}
        shown = {names[address]: word for address, word in zip(block, words, strict=True)}
        return shown | {name: _signed(shown[name]) for name in ("cp_high_mv", "cp_low_mv")}

    async def _read(self, address: int, count: int, klass: BusClass) -> tuple[int, ...]:
        return registers_of(await self._bus.transact(self._unit, read_holding(address, count), klass))

    async def _get_acquainted(self, fast: tuple[int, ...]) -> None:
        slow = await self._read(r.BASE + r.FAST_COUNT, _SLOW_COUNT, BusClass.BOARD)
        words = fast + slow
        version = words[r.MAP_VERSION - r.BASE]
        if version != r.MAP_VERSION_NOW:
            raise BadAnswer("register map", where=self.where, got=f"version {version}",
                            expected=f"version {r.MAP_VERSION_NOW}")
        self._firmware = f"{words[r.FIRMWARE - r.BASE] // 100}.{words[r.FIRMWARE - r.BASE] % 100}"
        self._grant_seq = words[r.GRANT_SEQ - r.BASE]
        self._heartbeat_seq = words[r.HEARTBEAT_SEQ - r.BASE]

    def _status(self, words: tuple[int, ...], sent_ns: int) -> BoardStatus:
        bits, faults = words[r.PERMIT_BITS - r.BASE], words[r.FAULT_BITS - r.BASE]
        return BoardStatus(
            mono_ns=sent_ns,
            pilot=_PILOTS.get(bits >> 8, PilotState.UNKNOWN),
            pwm_on=bool(bits & r.PERMIT_PWM),
            offered_a=words[r.OFFER_DA - r.BASE] / 10,
            permit=bool(bits & r.PERMIT_ON),
            mirror_closed=bool(bits & r.PERMIT_MIRROR_CLOSED),
            diode_ok=bool(bits & r.PERMIT_DIODE_OK),
            faults=tuple(fault for bit, fault in enumerate(_FAULTS) if faults >> bit & 1),
            plug_seq=words[r.PLUG_SEQ - r.BASE],
            boot_count=words[r.BOOT_COUNT - r.BASE],
            proximity_a=words[r.CABLE_A - r.BASE] or None,
            cp_high_mv=_signed(words[r.CP_HIGH_MV - r.BASE]),
            cp_low_mv=_signed(words[r.CP_LOW_MV - r.BASE]),
            firmware=self._firmware,
            fault_seq=words[r.FAULT_SEQ - r.BASE])

    async def _command(self, klass: BusClass, command: int, *, seq: int = 0, current_da: int = 0,
                       ttl_ms: int = 0) -> None:
        pdu = write_registers(r.COMMAND, (command, seq, current_da, ttl_ms))
        try:
            await self._bus.transact(self._unit, pdu, klass)
        except DeviceRefused as refused:
            raise await self._reason(refused, klass) from refused

    async def _reason(self, refused: DeviceRefused, klass: BusClass) -> DeviceRefused:
        try:
            (bits,) = await self._read(r.REFUSED_BITS, 1, klass)
        except DeviceError:
            return refused
        reasons = [text for bit, text in _REFUSALS.items() if bits & bit]
        if not reasons:
            return refused
        return DeviceRefused("command refused", where=self.where, got=", ".join(reasons),
                             expected="a command that the board's conditions allow")


def _deciamps(current_a: float) -> int:
    """0.1 A units, rounded down. Raises `ValueError` outside of what a pilot can tell."""
    current_da = int(current_a * 10 + 1e-6)
    if not MIN_A * 10 <= current_da <= MAX_A * 10:
        raise ValueError(f"current_a: got {current_a:g}, expected 6..80 A")
    return current_da


def _signed(word: int) -> int:
    return word - 0x10000 if word & 0x8000 else word
