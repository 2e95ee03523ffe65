"""What a technician asks of a pilot board: everything it knows, its self-test, its calibration.

Class bulk: nothing here goes before a board that guards a car. The board refuses what is not safe now
(a self-test or state F with a car, a calibration with the contactor closed).
"""

from edge.bus.pdu import identity_of, read_identity
from edge.bus.port import Bus, BusClass
from edge.outlet import registers as r
from edge.outlet.board_link import BoardLink, signed
from edge.outlet.settings import Calibration, SelfTest

RESULTS = {r.TEST_NEVER: "never", r.TEST_RUNNING: "running", r.TEST_PASSED: "passed",
           r.TEST_NO_TRIP: "no trip", r.TEST_STUCK: "stuck", r.TEST_TRIPPED: "tripped before"}
IDENTITY = ("vendor", "product_code", "revision", "vendor_url", "product", "model", "application")
_NEVER_MIN = 0xFFFF
_MOST_FRAMES = 8  # of an identity: seven short texts fit into one or two

_BLOCKS = (("BASE", r.BLOCK_COUNT), ("SETTINGS", r.SETTINGS_COUNT),
           ("CALIBRATION", r.CALIBRATION_COUNT), ("COUNTERS", r.COUNTERS_COUNT))
_LONG = frozenset(("UPTIME_S", "HEAP_USED", "HEAP_FREE", "FLASH_FREE", "RESETS", "TRIPS", "CYCLES",
                   "LOAD_BREAKS", "LAST_TRIP_UPTIME_S", "LAST_TRIP_UTC", "KEPT_WRITES"))
_SIGNED = frozenset(("CP_HIGH_MV", "CP_LOW_MV", "CP_HIGH_RAW_MV", "CP_LOW_RAW_MV", "TEMPERATURE_DC",
                     "CP_OFFSET_MV", "TEMPERATURE_OFFSET_DC"))


class BoardService:
    """One board on a line. Every coroutine raises `DeviceError`."""

    def __init__(self, bus: Bus, unit: int) -> None:
        self._link = BoardLink(bus, unit)

    async def identity(self) -> dict[str, str]:
        """The device identification (FC 43/14) by the names of its objects."""
        found: dict[int, str] = {}
        after: int | None = 0
        for _ in range(_MOST_FRAMES):
            if after is None:
                break
            answer = await self._link.bus.transact(self._link.unit, read_identity(after), BusClass.BULK)
            objects, after = identity_of(answer)
            found |= objects
        return {IDENTITY[number]: text for number, text in found.items() if number < len(IDENTITY)}

    async def registers(self) -> dict[str, int]:
        """Status, settings, calibration and counters by the names of the map, in its order."""
        shown: dict[str, int] = {}
        for name, count in _BLOCKS:
            base: int = getattr(r, name)
            words = await self._link.read(base, count, BusClass.BULK)
            shown |= {register.lower(): _value(register, words, address - base)
                      for register, address in _registers(base, count)}
        return shown

    async def start_self_test(self) -> None:
        """Test the residual current module. `self_test` tells how it went, some seconds later."""
        await self._link.command(BusClass.BULK, r.COMMAND_SELF_TEST)

    async def self_test(self) -> SelfTest:
        """The last self-test, or the one that runs."""
        result, trip_ms, age_min = await self._link.read(r.SELF_TEST_RESULT, 3, BusClass.BULK)
        return SelfTest(result=RESULTS.get(result, f"result {result}"), trip_ms=trip_ms,
                        age_min=None if age_min == _NEVER_MIN else age_min)

    async def show_f(self, for_ms: int) -> None:
        """Steady -12 V for 100..30000 ms. Refused with a car."""
        await self._link.command(BusClass.BULK, r.COMMAND_SHOW_F, ttl_ms=for_ms)

    async def raw_plateaus_mv(self) -> tuple[int, int]:
        """High and low plateau of the pilot before the calibration; without PWM both are the same."""
        high, low = await self._link.read(r.CP_HIGH_RAW_MV, 2, BusClass.BULK)
        return signed(high), signed(low)

    async def calibration(self) -> Calibration:
        """What is in force."""
        words = await self._link.read(r.CALIBRATION, r.CALIBRATION_COUNT, BusClass.BULK)
        return Calibration(cp_offset_mv=signed(words[1]), cp_gain_permyriad=words[2],
                           pp_gain_permyriad=words[3], temperature_offset_dc=signed(words[4]))

    async def calibrate(self, calibration: Calibration) -> None:
        """Write the whole block; refused with a car or with the contactor closed."""
        (seq,) = await self._link.read(r.CALIBRATION_SEQ, 1, BusClass.BULK)
        await self._link.write(r.CALIBRATION, (
            (seq + 1) & 0xFFFF, calibration.cp_offset_mv, calibration.cp_gain_permyriad,
            calibration.pp_gain_permyriad, calibration.temperature_offset_dc), BusClass.BULK)


def _registers(base: int, count: int) -> list[tuple[str, int]]:
    """Registers of a block by address; the names of blocks and counts are none."""
    blocks = {name for name, _ in _BLOCKS}
    taken = [(name, address) for name, address in vars(r).items()
             if isinstance(address, int) and base <= address < base + count
             and name not in blocks and not name.startswith("WB_")]
    return sorted(taken, key=lambda register: register[1])


def _value(register: str, words: tuple[int, ...], at: int) -> int:
    if register in _LONG:
        return words[at] << 16 | words[at + 1]
    return signed(words[at]) if register in _SIGNED else words[at]
