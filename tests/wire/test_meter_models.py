"""Every meter model on real wires: what a device shows is what the driver says, and nothing else is.

The devices (`hil_tests/virtual`) encode by own code; their words are checked by hand in
`tests/hil_tests/test_encoding.py`, and here against the figures that the models were made from.
"""

import asyncio
import csv
import struct
import time
from decimal import Decimal
from pathlib import Path

import pytest

from edge.bus.open import open_bus
from edge.controller.reading import Quality, ReadingContext
from edge.controller.trouble import BadAnswer, DeviceTimeout, LineDown
from edge.meter.catalogue import load, slugs
from edge.meter.meter import Meter
from hil_tests.virtual.line import Line
from hil_tests.virtual.meter import MeterPhysics, VirtualMeter
from hil_tests.virtual.meter_tcp import NO_PATH, SerialServer, TcpGateway
from hil_tests.virtual.sunspec_map import layout
from hil_tests.virtual.wire import Wire

pytestmark = pytest.mark.wire

FIGURES = Path(__file__).parents[3] / "shared" / "data"
BAUD = 115200
FLOAT_BITS = {"float32": 24, "float64": 53}
UNSIGNED = ("uint16", "uint32", "uint64", "acc32", "t5")


def step(meter, spot):
    """What one count of a register is, in its unit."""
    exponent = 0 if spot.scale_register is None else meter.exponents[spot.scale_register]
    return spot.scale * Decimal(10) ** exponent / (1000 if spot.type == "int32_milli" else 1)


def ends(spot):
    """The least and the most counts that a register can show, short of its sentinel."""
    bits = FLOAT_BITS.get(spot.type, 24 if spot.type in ("t5", "t6") else 16 * spot.words)
    if spot.type in FLOAT_BITS:
        return 1 - 2 ** bits, 2 ** bits - 1
    if spot.type == "int32_milli":
        return -(2 ** 31) * 1000 - 999, (2 ** 31 - 1 - bool(spot.sentinel)) * 1000 + 999
    half = 2 ** (bits - 1)
    least, most = (0, 2 * half - 1) if spot.type in UNSIGNED else (-half, half - 1)
    nothing = sum(word << 16 * at for at, word in enumerate(reversed(spot.sentinel)))
    taken = {nothing, nothing - 2 ** bits} if spot.sentinel else set()
    taken |= {0} if spot.type == "acc32" else set()
    return least + (least in taken), most - (most in taken)


def case(meter, kind):
    """A value of every quantity, no two alike, that its register shows exactly."""
    values = {}
    for n, spot in enumerate(meter.map.spots):
        least, most = ends(spot)
        counts = {"usual": 1000 + 7 * n, "negative": max(least, -1000 - 7 * n), "most": most,
                  "least": least}[kind]
        values[spot.quantity] = counts * step(meter, spot)
    return values


def nothing(meter):
    """Every quantity whose register can say so is not available; the others keep a value."""
    return {spot.quantity: None for spot in meter.map.spots
            if spot.sentinel or spot.type in FLOAT_BITS or spot.type == "acc32"}


def told(meter, values):
    """What the driver is to say: some registers have a sign that means nothing."""
    bare = {spot.quantity for spot in load(meter.model).registers if spot.magnitude}
    return {name: abs(value) if name in bare and value is not None else value
            for name, value in values.items()}


async def differences(bus, meter, kinds=("usual", "negative", "most", "least", "nothing")):
    """Quantities that come through otherwise than they were put in, of every kind of value."""
    driver, found = driver_of(bus, meter), []
    shown = {}
    for kind in kinds:
        shown |= nothing(meter) if kind == "nothing" else case(meter, kind)
        meter.put(shown)
        read, expected = await driver.read_values(), told(meter, shown)
        found += [(meter.model, kind, name, value, read.get(name, "absent"))
                  for name, value in expected.items() if name not in read or read[name] != value]
        found += [(meter.model, kind, name) for name in read.keys() - expected.keys()]
    return found


def driver_of(bus, meter, clock_ns=time.monotonic_ns):
    return Meter(bus, meter.unit, load(meter.model), "m", clock_ns)


def every_model(**options):
    made = [VirtualMeter(unit, slug, turnaround_s=0.0, **options)
            for unit, slug in enumerate(slugs(), start=1)]
    assert len(made) >= 45
    return made


@pytest.fixture
async def line(tmp_path):
    made = Line(tmp_path / "rs485", baud=BAUD, bits_per_char=10, paced=False)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def bus(line):
    made = open_bus(f"rtu:{line.path}?baud={BAUD}&parity=N")
    await made.start()
    yield made
    await made.close()


async def test_every_quantity_of_every_model_is_what_was_put_in(line, bus):
    wrong = []
    for meter in every_model():
        line.attach(meter)
        wrong += await differences(bus, meter)
    assert wrong == []
    assert bus.stats.bad == bus.stats.timeouts == 0


async def test_so_it_is_where_the_device_refuses_what_lies_between_its_registers(line, bus):
    wrong, refusals = [], 0
    for meter in every_model(holes="refused"):
        line.attach(meter)
        wrong += await differences(bus, meter, ("usual", "negative"))
        refusals += len(meter.refusals)
        before = len(meter.refusals)
        wrong += await differences(bus, meter, ())
        assert len(meter.refusals) == before
    assert wrong == []
    assert refusals > 0


async def test_so_it_is_where_the_device_refuses_long_blocks(line, bus):
    wrong = []
    for unit, (slug, most, code) in enumerate([
            ("eastron-sdm630", 10, 2), ("eastron-sdm72dm-v2", 10, 3), ("abb-b23", 16, 3),
            ("sunspec-203", 8, 2), ("wago-879", 4, 2)], start=1):
        meter = VirtualMeter(unit, slug, turnaround_s=0.0)
        meter.refuse_above = most, code
        line.attach(meter)
        wrong += await differences(bus, meter, ("usual", "least"))
    assert wrong == []


async def test_a_sunspec_meter_is_read_wherever_it_is_and_whatever_its_exponents(line, bus):
    wrong, unit = [], 0
    for base in (40000, 0, 50000):
        for model in (203, 213, 701):
            unit += 1
            device = layout(model, base=base, between=((160, 20),), short_common=base == 0)
            meter = VirtualMeter(unit, f"sunspec-{model}", turnaround_s=0.0, sunspec=device)
            meter.exponents = {at: (at + unit) % 7 - 4 for at in meter.exponents}
            line.attach(meter)
            wrong += await differences(bus, meter)
    assert wrong == []


async def test_an_exponent_that_changes_is_read_along_with_its_value(line, bus):
    meter = VirtualMeter(1, "sunspec-203", turnaround_s=0.0)
    line.attach(meter)
    driver = driver_of(bus, meter)
    for exponent in (0, 1, -2, 3):
        meter.exponents[22] = exponent
        meter.put({"power": 1234 * Decimal(10) ** exponent})
        assert (await driver.read_values(["power"]))["power"] == 1234 * Decimal(10) ** exponent
        assert (await driver.read()).power_w == pytest.approx(1234 * 10 ** exponent)


TCP_SLUGS = ("eastron-sdm630", "abb-b23", "carlo-gavazzi-em340", "siemens-pac2200", "sunspec-203",
             "iskra-wm3m4", "solaredge-se-mtr-3y", "dzg-dvh4013")


async def test_so_it_is_through_both_kinds_of_socket():
    made = [VirtualMeter(unit, slug, turnaround_s=0.0) for unit, slug in enumerate(TCP_SLUGS, start=1)]
    wire = Wire(baud=BAUD, paced=False)
    for meter in made:
        wire.attach(meter)
    gateway, server = TcpGateway(made), SerialServer(wire)
    for url in (f"tcp://127.0.0.1:{await gateway.start()}",
                f"rtu+tcp://127.0.0.1:{await server.start()}?baud={BAUD}&parity=N"):
        bus = open_bus(url)
        await bus.start()
        for meter in made:
            assert await differences(bus, meter) == []
        await bus.close()
    await gateway.stop()
    await server.stop()


def amps_and_volts(reading, phases):
    return [getattr(one, phase) for one in (reading.current_a, reading.voltage_v)
            for phase in ("L1", "L2", "L3")[:phases]]


async def test_a_reading_holds_what_flows(line, bus):
    now = [0.0]
    for meter in every_model():
        model = load(meter.model)
        if getattr(model, "generator", False) or model.billing is None:
            continue
        meter.physics = MeterPhysics(import_wh=7_654_000.0, export_wh=21_000.0, now=lambda: now[0])
        amps = [16.5, 8.25, 4.0]
        loads = [amps[at] if at < model.phases else 0.0 for at in range(3)]
        meter.physics.set_load((loads[0], loads[1], loads[2]), (230.0, 231.0, 229.0))
        now[0] += 10
        line.attach(meter)
        reading = await driver_of(bus, meter).read()
        flow = meter.physics.sample()
        where = meter.model
        assert reading.power_w == pytest.approx(sum(flow.power_w), rel=0.01), where
        if meter.model != "eastron-sdm72":  # it has totals only
            assert amps_and_volts(reading, model.phases) == [
                pytest.approx(value, rel=0.01) for value in (
                    *flow.current_a[:model.phases], *flow.voltage_v[:model.phases])], where
        assert reading.energy_import_wh == pytest.approx(flow.import_wh, abs=100), where
        assert reading.energy_import_wh == pytest.approx(meter.register_wh(), abs=1), where
        assert reading.quality is Quality.GOOD, where


# --- faults of the line and of the meter


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


@pytest.mark.parametrize(("kind", "said"), [
    ("silent", (DeviceTimeout, "nothing in")),
    ("late", (DeviceTimeout, "nothing in")),
    ("held", (DeviceTimeout, "nothing in")),
    ("truncated", (BadAnswer, "4 bytes of 9")),
    ("bad_crc", (BadAnswer, "bad CRC")),
    ("wrong_unit", (BadAnswer, "unit 2 function 4")),
    ("wrong_function", (BadAnswer, "unit 1 function 3")),
    ("wrong_count", (BadAnswer, "7 bytes")),
    ("swapped", (BadAnswer, "17 bytes")),
    ("exception", (DeviceTimeout, "gateway target")),
    ("noise_before", ENERGY), ("noise_after", ENERGY), ("echo", ENERGY), ("creep", ENERGY),
])
async def test_a_fault_is_told_as_what_it_is_and_the_next_answer_is_right(stand, kind, said):
    assert await stand.volts() == VOLTS
    stand.line.fault(kind, 1, times=1, delay_s=0.6)
    if isinstance(said, tuple):
        with pytest.raises(said[0], match=said[1]):
            await stand.energy()
    else:
        assert await stand.energy() == said
    assert await stand.volts() == VOLTS
    assert await stand.energy() == ENERGY
    assert await stand.power() == -750
    stand.line.clear()


async def test_a_late_answer_of_the_same_length_is_not_taken_for_the_next(stand):
    """Energy and power are two registers each: on this line nothing but time tells them apart."""
    stand.line.fault("late", 1, times=1, delay_s=0.6)
    with pytest.raises(DeviceTimeout):
        await stand.energy()
    assert await stand.power() == -750
    assert await stand.energy() == ENERGY


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
        stand.now_ns += 5 * 10 ** 9
        seen.append(await stand.driver.read_energy(ReadingContext.SAMPLE_PERIODIC))
    assert {reading.quality for reading in seen[:-1]} == {Quality.SUSPECT}
    assert len(seen) >= 5
    assert (seen[-1].rebased_from_wh, seen[-1].energy_import_wh) == (4_321_500, 1000 * begins_kwh)


@pytest.mark.parametrize(("kind", "said"), [
    ("tid_zero", (BadAnswer, "got transaction 0 unit 1")),
    ("tid_stale", (BadAnswer, "got transaction 1 unit 1")),
    ("wrong_protocol", (BadAnswer, "protocol id 1")),
    ("wrong_unit", (BadAnswer, "transaction 2 unit 2")),
    ("wrong_function", (BadAnswer, "03 04 45 87 0c 00")),
    ("wrong_count", (BadAnswer, "04 02 45 87")),
    ("late_by_one", (BadAnswer, "04 0c 43 66")),
    ("swapped", (DeviceTimeout, "0 bytes in")), ("late", (DeviceTimeout, "0 bytes in")),
    ("silent", (DeviceTimeout, "0 bytes in")), ("half_open", (DeviceTimeout, "0 bytes in")),
    ("closes", (LineDown, "closed")),
    ("exception", (DeviceTimeout, "gateway target failed")),
    ("no_path", (DeviceTimeout, "gateway path unavailable")),
    ("split", ENERGY),
])
async def test_a_gateway_that_lies_is_not_believed_and_asked_anew(kind, said):
    meter = VirtualMeter(1, turnaround_s=0.001)
    gateway = TcpGateway([meter])
    bus = open_bus(f"tcp://127.0.0.1:{await gateway.start()}")
    await bus.start()
    stand = Stand(Wire(), bus, unit=2)  # its own meter hears nothing
    stand.meter.unit, gateway.meters = 1, {1: stand.meter}
    stand.driver = driver_of(bus, stand.meter)
    assert await stand.volts() == VOLTS
    code = {"no_path": NO_PATH}.get(kind, 0x0B)
    gateway.fault("exception" if kind == "no_path" else kind, times=1, delay_s=1.0, code=code)
    if isinstance(said, tuple):
        with pytest.raises(said[0], match=said[1]):
            await stand.energy()
    else:
        assert await stand.energy() == said
    for _ in range(40):  # a closed connection is opened again at once, or after a pause
        try:
            assert await stand.energy() == ENERGY
            break
        except (LineDown, DeviceTimeout):
            await asyncio.sleep(0.1)
    assert await stand.volts() == VOLTS
    await bus.close()
    await gateway.stop()


# --- the data themselves


def rows(name):
    path = FIGURES / name
    if not path.exists():
        pytest.skip(f"{path} is not there: the models are not compared with the figures")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


FORMATS = {"uint16": ">H", "int16": ">h", "uint32": ">I", "int32": ">i", "uint64": ">Q", "int64": ">q",
           "float32": ">f", "float64": ">d"}


def test_a_device_shows_its_values_where_the_figures_say():
    """The words at the address of the figures, read by their type, order and scale."""
    meters = {meter.map.name: meter for meter in every_model()}
    wrong, checked = [], 0
    for row in rows("meters.csv"):
        meter = meters.get(row["model"])
        if meter is None:
            wrong.append(("no model", row["model"]))
            continue
        truth = row["status"] == "mbmd_wrong"
        address = int(row["truth_address"] if truth and row["truth_address"] else row["address"])
        type_ = row["truth_type"] if truth and row["truth_type"] else row["type"]
        scale = row["truth_scale"] if truth and row["truth_scale"] else row["scale"]
        size = struct.calcsize(FORMATS[type_]) // 2
        try:
            spot = meter.map.spot(row["quantity"])
        except KeyError:
            wrong.append(("no quantity", row["model"], row["quantity"]))
            continue
        meter.put({spot.quantity: 1234 * step(meter, spot)})
        answer = meter.respond(struct.pack(">BHH", int(row["function"]), address, size))
        words = [answer[at:at + 2] for at in range(2, len(answer), 2)]
        if answer[0] & 0x80:
            wrong.append((row["model"], row["quantity"], answer.hex()))
            continue
        raw = b"".join(reversed(words) if row["word_order"] == "little" else words)
        value = Decimal(struct.unpack(FORMATS[type_], raw)[0]) * Decimal(scale)
        checked += 1
        if value != 1234 * step(meter, spot):
            wrong.append((row["model"], row["quantity"], value, 1234 * step(meter, spot)))
    assert wrong == []
    assert checked > 700
