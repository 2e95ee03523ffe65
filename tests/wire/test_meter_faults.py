"""What goes wrong between a meter and its driver, on real wires: what the driver says of it."""

import asyncio
from decimal import Decimal

import pytest
from every_meter import driver_of

from edge.bus.open import open_bus
from edge.bus.pdu import read_input
from edge.bus.port import BusClass
from edge.controller.reading import Quality, ReadingContext
from edge.controller.trouble import BadAnswer, DeviceTimeout, LineDown
from hil_tests.virtual.line import Line
from hil_tests.virtual.meter import VirtualMeter
from hil_tests.virtual.meter_tcp import FAULTS as GATEWAY_FAULTS
from hil_tests.virtual.meter_tcp import NO_PATH, TcpGateway
from hil_tests.virtual.spoil import FAULTS as LINE_FAULTS

pytestmark = pytest.mark.wire

BAUD = 115200


class Stand:
    """A meter of two blocks on a line, and its driver in a time of its own."""

    def __init__(self, line, bus, slug="eastron-sdm630", unit=1):
        self.line, self.bus = line, bus
        self.meter = VirtualMeter(unit, slug, turnaround_s=0.001)
        self.meter.put({"energy_import": Decimal("4321.5"), "power": -750})
        line.attach(self.meter)
        self.now_ns = 10 ** 12
        self.driver = driver_of(bus, self.meter, lambda: self.now_ns)

    async def energy(self):
        return (await self.driver.read_values(["energy_import"]))["energy_import"]

    async def power(self):
        return (await self.driver.read_values(["power"]))["power"]

    async def volts(self):
        """A block of another length than that of the energy."""
        names = ["voltage_l1", "voltage_l2", "voltage_l3"]
        return list((await self.driver.read_values(names)).values())


@pytest.fixture
def stand(line, bus):
    return Stand(line, bus)


ENERGY, VOLTS = Decimal("4321.5"), [230, 230, 230]
SILENCE, CUT_OFF = (DeviceTimeout, "nothing in"), (DeviceTimeout, "0 bytes in")
OF_A_LINE = {
    "silent": SILENCE, "late": SILENCE, "held": SILENCE,
    "truncated": (BadAnswer, "4 bytes of 9"),
    "bad_crc": (BadAnswer, "bad CRC"),
    "wrong_unit": (BadAnswer, "unit 2 function 4"),
    "wrong_function": (BadAnswer, "unit 1 function 3"),
    "wrong_count": (BadAnswer, "7 bytes"),
    "swapped": (BadAnswer, "17 bytes"),
    "exception": (DeviceTimeout, "gateway target"),
    "noise_before": ENERGY, "noise_after": ENERGY, "echo": ENERGY, "creep": ENERGY}


async def at_once(story, table):
    """Each entry's story on a line of its own, all at the same time."""
    async def told(kind, said):
        try:
            await story(kind, said)
        except (AssertionError, pytest.fail.Exception) as error:
            error.add_note(f"with the fault {kind!r}")
            raise
    async with asyncio.TaskGroup() as group:
        for kind, said in table.items():
            group.create_task(told(kind, said))


async def heard_as(stand, said):
    """The energy comes, or is told to be missing as expected."""
    if isinstance(said, tuple):
        with pytest.raises(said[0], match=said[1]):
            await stand.energy()
    else:
        assert await stand.energy() == said


async def test_a_fault_of_a_line_is_told_as_what_it_is_and_the_next_answer_is_right(tmp_path):
    assert OF_A_LINE.keys() == set(LINE_FAULTS) - {"cut"}

    async def story(kind, said):
        line = Line(tmp_path / kind, baud=BAUD, bits_per_char=10, paced=False)
        await line.start()
        bus = open_bus(f"rtu:{line.path}?baud={BAUD}&parity=N")
        await bus.start()
        stand = Stand(line, bus)
        assert await stand.volts() == VOLTS
        line.fault(kind, 1, times=1, delay_s=0.6)
        await heard_as(stand, said)
        assert await stand.volts() == VOLTS
        assert await stand.energy() == ENERGY
        assert await stand.power() == -750
        await bus.close()
        await line.stop()
    await at_once(story, OF_A_LINE)


@pytest.mark.parametrize("kind", ["late", "held"])
async def test_an_answer_of_the_same_length_is_never_taken_for_the_next(stand, kind):
    """Energy and power are two registers each: in their frames nothing tells them apart. (The planner
    reads one of them longer, but the line's owner must do without.)
    """
    async def asked(address):
        return await stand.bus.transact(1, read_input(address, 2), BusClass.METER_FAST)

    energy, power = await asked(72), await asked(52)
    assert len(energy) == len(power) and energy != power
    stand.line.fault(kind, 1, times=1, delay_s=0.6)
    with pytest.raises(DeviceTimeout):
        await asked(72)
    if kind == "held":  # it comes now, and behind it that which was asked for
        with pytest.raises(BadAnswer):
            await asked(52)
    assert await asked(52) == power
    assert await asked(72) == energy


async def test_a_held_answer_of_another_length_does_not_hide_the_one_behind_it(stand):
    stand.line.fault("held", 1, times=1)
    with pytest.raises(DeviceTimeout):
        await stand.energy()
    assert await stand.power() == -750


async def test_a_cut_line_is_silence_and_its_mending_is_seen(stand):
    assert await stand.energy() == ENERGY
    stand.line.fault("cut")
    with pytest.raises(DeviceTimeout):
        await stand.energy()
    stand.line.clear("cut")
    assert await stand.energy() == ENERGY


async def test_a_unit_that_grows_slower_is_waited_for_until_it_is_too_slow(stand):
    stand.line.fault("creep", 1, delay_s=0.03)
    for _ in range(5):
        assert await stand.energy() == ENERGY
    stand.line.clear()
    assert await stand.energy() == ENERGY


async def test_an_optional_register_that_is_absent_is_absent_and_the_meter_is_well(line, bus):
    stand = Stand(line, bus, "carlo-gavazzi-em24")
    stand.meter.absent.add("energy_export")
    values = await stand.driver.read_values()
    assert values["energy_export"] is None
    assert values["energy_import"] == ENERGY
    assert list(stand.driver.errors) == ["energy_export"]
    refusals = len(stand.meter.refusals)
    for _ in range(3):
        reading = await stand.driver.read()
        assert (reading.energy_import_wh, reading.energy_export_wh) == (4_321_500, None)
        stand.now_ns += 4 * 10 ** 9
    assert len(stand.meter.refusals) <= refusals + 1  # the block of the turn, once
    refusals = len(stand.meter.refusals)
    stand.now_ns += 3600 * 10 ** 9
    await stand.driver.read()
    assert len(stand.meter.refusals) == refusals  # for hours nobody asks again


async def test_an_energy_that_is_not_available_is_none_and_suspect(stand):
    await stand.driver.read()
    stand.now_ns += 10 ** 10
    stand.meter.put({"energy_import": None, "current_l2": None})
    reading = await stand.driver.read()
    assert (reading.energy_import_wh, reading.quality) == (None, Quality.SUSPECT)
    assert (reading.current_a.L1, reading.current_a.L2) == (0, None)
    assert stand.driver.refused == "not available"


async def test_a_jump_is_suspect_and_what_comes_back_is_believed(stand):
    assert (await stand.driver.read()).quality is Quality.GOOD
    stand.now_ns += 10 ** 10
    stand.meter.put({"energy_import": 9000})
    reading = await stand.driver.read()
    assert (reading.quality, reading.energy_import_wh) == (Quality.SUSPECT, 9_000_000)
    assert "more than" in stand.driver.refused
    stand.now_ns += 10 ** 10
    stand.meter.put({"energy_import": ENERGY + Decimal("0.125")})
    reading = await stand.driver.read()
    assert (reading.quality, reading.energy_import_wh) == (Quality.GOOD, 4_321_625)


@pytest.mark.parametrize("begins_kwh", [Decimal(0), Decimal("17.25")], ids=["reset", "exchanged"])
async def test_a_register_that_began_anew_is_believed_once_it_has_proved_itself(stand, begins_kwh):
    await stand.driver.read()
    stand.meter.put({"energy_import": begins_kwh})
    seen = []
    while len(seen) < 60 and (not seen or seen[-1].quality is not Quality.GOOD):
        stand.now_ns += 30 * 10 ** 9
        seen.append(await stand.driver.read_energy(ReadingContext.SAMPLE_PERIODIC))
    assert {reading.quality for reading in seen[:-1]} == {Quality.SUSPECT}
    assert len(seen) >= 5
    assert (seen[-1].rebased_from_wh, seen[-1].energy_import_wh) == (4_321_500, 1000 * begins_kwh)


OF_A_GATEWAY = {
    "tid_zero": (BadAnswer, "got transaction 0 unit 1"),
    "tid_stale": (BadAnswer, "got transaction 1 unit 1"),
    "wrong_protocol": (BadAnswer, "protocol id 1"),
    "wrong_unit": (BadAnswer, "transaction 2 unit 2"),
    "wrong_function": (BadAnswer, "03 04 45 87 0c 00"),
    "wrong_count": (BadAnswer, "04 02 45 87"),
    "late_by_one": (BadAnswer, "04 0c 43 66"),
    "swapped": CUT_OFF, "late": CUT_OFF, "silent": CUT_OFF, "half_open": CUT_OFF,
    "closes": (LineDown, "closed"),
    "exception": (DeviceTimeout, "gateway target failed"),
    "no_path": (DeviceTimeout, "gateway path unavailable"),
    "split": ENERGY}


async def test_a_gateway_that_lies_is_not_believed_and_asked_anew():
    assert OF_A_GATEWAY.keys() - {"no_path"} == set(GATEWAY_FAULTS)

    async def story(kind, said):
        gateway = TcpGateway()
        bus = open_bus(f"tcp://127.0.0.1:{await gateway.start()}")
        await bus.start()
        stand = Stand(gateway, bus)
        assert await stand.volts() == VOLTS
        code = NO_PATH if kind == "no_path" else 0x0B
        gateway.fault("exception" if kind == "no_path" else kind, times=1, delay_s=1.0, code=code)
        await heard_as(stand, said)
        await until_well(stand)
        assert await stand.volts() == VOLTS
        await bus.close()
        await gateway.stop()
    await at_once(story, OF_A_GATEWAY)


async def until_well(stand):
    """A connection that was closed is opened again at once, or after a pause."""
    for _ in range(200):
        try:
            assert await stand.energy() == ENERGY
        except (LineDown, DeviceTimeout):
            await asyncio.sleep(0.1)
        else:
            return
    pytest.fail("the line did not come back")
