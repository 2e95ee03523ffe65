"""The pilot board as the controller sees it: one short read a poll, one frame a command.

The board decides what is allowed; a command that it refuses raises `DeviceRefused` and names what was
missing. Sequence numbers go on from what the board reports, so a grant is never taken for an old one.
"""

from collections.abc import Callable

from edge.bus.port import Bus, BusClass
from edge.controller.pilot import BoardFault, BoardStatus, PilotState
from edge.controller.trouble import BadAnswer
from edge.outlet import registers as r
from edge.outlet.board_link import BoardLink, signed
from edge.outlet.settings import BoardSettings

_PILOTS = {r.PILOT_A: PilotState.A, r.PILOT_B: PilotState.B, r.PILOT_C: PilotState.C,
           r.PILOT_D: PilotState.D, r.PILOT_E: PilotState.E, r.PILOT_F: PilotState.F}
_FAULTS = tuple(BoardFault)  # bit 0 first
MIN_A, MAX_A = 6.0, 80.0  # what a pilot can tell
NO_SENSOR_DC = -0x8000
_SLOW_COUNT = r.BLOCK_COUNT - r.FAST_COUNT


class PilotBoard:
    """One board on a line. Every coroutine raises `DeviceError`. Currents in A, told in 0.1 A."""

    def __init__(self, bus: Bus, unit: int, clock_ns: Callable[[], int]) -> None:
        """`clock_ns`: the monotonic clock."""
        self._link, self._clock_ns = BoardLink(bus, unit), clock_ns
        self._last: BoardStatus | None = None
        self._firmware = ""
        self._grant_seq = 0
        self._heartbeat_seq = 0
        self._longer, self._failed = True, 0

    @property
    def where(self) -> str:
        """For messages."""
        return self._link.where

    async def poll(self) -> BoardStatus:
        """Read the whole status. After a start of the board also its identity (one frame more)."""
        sent_ns = self._clock_ns()
        # One register more every other time: nothing but its length tells the answer to this poll
        # from that to the last one, if an adapter or a gateway hands it over late.
        self._longer = not self._longer
        # After one frame that was lost it does not queue up behind a full line again: a board is
        # given up after 3 s. Two in a row, and it is more than a frame.
        self._failed += 1
        klass = BusClass.GRANT if self._failed == 2 else BusClass.BOARD
        words = await self._link.read(r.BASE, r.FAST_COUNT + self._longer, klass)
        self._failed, words = 0, words[:r.FAST_COUNT]
        if self._last is None or self._last.boot_count != words[r.BOOT_COUNT - r.BASE]:
            await self._get_acquainted(words)
        self._last = self._status(words, sent_ns)
        return self._last

    async def configure(self, settings: BoardSettings) -> None:
        """Write the whole settings block; needed after each start of the board, which forgets it.

        The write carries the next number of the block: one that is older than another's is refused.
        """
        (seq,) = await self._link.read(r.SETTINGS_SEQ, 1, BusClass.GRANT)
        failsafe_da = 0 if settings.failsafe_a == 0 else _deciamps(settings.failsafe_a)
        await self._link.write(r.SETTINGS, (
            (seq + 1) & 0xFFFF, failsafe_da, settings.hold_s, settings.grant_ttl_ms,
            int(settings.ventilation), settings.fault_f_ms, settings.weld_suspect_ms), BusClass.GRANT)

    async def tell_clock(self, utc_s: int) -> None:
        """Seconds since 1970, so that the board can date a trip. It decides nothing by it."""
        await self._link.write(r.CLOCK_UTC, (utc_s >> 16, utc_s), BusClass.BULK)

    async def offer(self, current_a: float) -> None:
        """Tell the car 6..80 A. Less is told at once, more at most every 5 s. Refused without a car."""
        current_da = _deciamps(current_a)
        lower = self._last is not None and current_da <= round(self._last.offered_a * 10)
        await self._link.command(BusClass.REVOKE if lower else BusClass.GRANT, r.COMMAND_OFFER,
                                 current_da=current_da)

    async def withdraw(self) -> None:
        """X1. PERMIT falls when the car goes to B, when revoked, or after 6 s."""
        await self._link.command(BusClass.REVOKE, r.COMMAND_WITHDRAW)

    async def grant(self, current_a: float, grant_s: float) -> None:
        """Set PERMIT for `grant_s` (0.1..5 s), and lower the offer to `current_a` if it was more."""
        if self._last is None:
            await self.poll()
        self._grant_seq = (self._grant_seq + 1) & 0xFFFF
        await self._link.command(BusClass.GRANT, r.COMMAND_GRANT, seq=self._grant_seq,
                                 current_da=_deciamps(current_a), ttl_ms=round(grant_s * 1000))

    async def renew(self, current_a: float, grant_s: float) -> None:
        """Heartbeat: prolong a grant that is in force. Never starts, never raises.

        A current below 6 A leaves the offer as it is: under X1 there is none to lower.
        """
        if self._last is None:
            await self.poll()
        self._heartbeat_seq = (self._heartbeat_seq + 1) & 0xFFFF
        current_da = _deciamps(current_a) if current_a >= MIN_A else 0
        await self._link.command(BusClass.GRANT, r.COMMAND_RENEW, seq=self._heartbeat_seq,
                                 current_da=current_da, ttl_ms=round(grant_s * 1000))

    async def revoke(self) -> None:
        """PERMIT off at once."""
        await self._link.command(BusClass.REVOKE, r.COMMAND_REVOKE)

    async def wake(self, pulse_ms: int) -> None:
        """State F for 1000..5000 ms, then X1 for 750 ms, in which an offer waits. Ends the offer.

        Refused unless a car rests (B) with nothing closed. `BoardStatus.waking` tells while it lasts.
        """
        await self._link.command(BusClass.GRANT, r.COMMAND_WAKE, ttl_ms=pulse_ms)

    async def acknowledge(self, fault_seq: int) -> None:
        """Clear the latched faults up to this `BoardStatus.fault_seq`, if their causes ended."""
        await self._link.command(BusClass.GRANT, r.COMMAND_ACK, seq=fault_seq)

    async def _get_acquainted(self, fast: tuple[int, ...]) -> None:
        slow = await self._link.read(r.BASE + r.FAST_COUNT, _SLOW_COUNT, BusClass.BOARD)
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
        temperature_dc = signed(words[r.TEMPERATURE_DC - r.BASE])
        return BoardStatus(
            mono_ns=sent_ns,
            pilot=_PILOTS.get(bits >> 8 & 0x7, PilotState.UNKNOWN),
            pwm_on=bool(bits & r.PERMIT_PWM),
            offered_a=words[r.OFFER_DA - r.BASE] / 10,
            permit=bool(bits & r.PERMIT_ON),
            mirror_closed=bool(bits & r.PERMIT_MIRROR_CLOSED),
            diode_ok=bool(bits & r.PERMIT_DIODE_OK),
            faults=tuple(fault for bit, fault in enumerate(_FAULTS) if faults >> bit & 1),
            plug_seq=words[r.PLUG_SEQ - r.BASE],
            boot_count=words[r.BOOT_COUNT - r.BASE],
            proximity_a=words[r.CABLE_A - r.BASE] or None,
            cp_high_mv=signed(words[r.CP_HIGH_MV - r.BASE]),
            cp_low_mv=signed(words[r.CP_LOW_MV - r.BASE]),
            firmware=self._firmware,
            fault_seq=words[r.FAULT_SEQ - r.BASE],
            request=bool(bits & r.PERMIT_REQUEST),
            weld_suspected=bool(bits & r.PERMIT_WELD_SUSPECTED),
            testing=bool(bits & r.PERMIT_TESTING), test_ok=bool(bits & r.PERMIT_TEST_OK),
            waking=bool(bits & r.PERMIT_WAKING),
            pi_first=bool(bits & r.PERMIT_PI_FIRST), dark=bool(bits & r.PERMIT_DARK),
            temperature_c=None if temperature_dc == NO_SENSOR_DC else temperature_dc / 10)


def _deciamps(current_a: float) -> int:
    """0.1 A units, rounded down. Raises `ValueError` outside of what a pilot can tell."""
    current_da = int(current_a * 10 + 1e-6)
    if not MIN_A * 10 <= current_da <= MAX_A * 10:
        raise ValueError(f"current_a: got {current_a:g}, expected 6..80 A")
    return current_da
