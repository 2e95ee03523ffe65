"""Every meter model on real wires: what a device shows is what the driver says, and nothing else is.

The devices (`hil_tests/virtual`) encode by own code; their words are checked by hand in
`tests/hil_tests/test_encoding.py`, and with the figures that the models were made from in
`tests/hil_tests/test_meter_figures.py`.
"""

from decimal import Decimal

import pytest
from every_meter import driver_of, every_model, step

from edge.bus.open import open_bus
from edge.controller.reading import Quality
from edge.meter.catalogue import load
from hil_tests.virtual.meter import MeterPhysics, VirtualMeter
from hil_tests.virtual.meter_tcp import SerialServer, TcpGateway
from hil_tests.virtual.sunspec_map import layout
from hil_tests.virtual.wire import Wire

pytestmark = pytest.mark.wire

BAUD = 115200
NO_SIGN = ("orno-we504", "orno-we514", "saia-burgess-ale3")  # their power has none
FLOAT_BITS = {"float32": 24, "float64": 53}
UNSIGNED = ("uint16", "uint32", "uint64", "acc32", "t5")


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


async def test_every_quantity_of_every_model_is_what_was_put_in(line, bus):
    wrong = []
    meters = every_model()
    assert len(meters) >= 45
    for meter in meters:
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
        meter.physics.set_load((-loads[0], -loads[1], -loads[2]))
        now[0] += 10
        power_w = (await driver_of(bus, meter).read()).power_w
        back_w = 0.0 if meter.model in NO_SIGN else -230.0 * sum(loads)
        assert power_w == pytest.approx(back_w, rel=0.01), where
