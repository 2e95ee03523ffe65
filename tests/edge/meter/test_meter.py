"""A meter on a fake device: registers behind the PDUs of the bus port."""

import asyncio
import struct

import pytest

from edge.bus.port import BusClass
from edge.controller.reading import PerPhase, Quality, ReadingContext
from edge.controller.trouble import DeviceRefused, DeviceTimeout
from edge.meter.catalogue import load
from edge.meter.meter import Meter

BEGIN = ReadingContext.TRANSACTION_BEGIN


class Device:
    """Answers FC 3 and 4 from `words`; `troubles` are raised first, one for each request."""

    def __init__(self):
        self.words = {}
        self.asked = []
        self.troubles = []
        self.now_ns = 5_000_000_000

    def clock_ns(self):
        return self.now_ns

    def put(self, address, data):
        for at in range(0, len(data), 2):
            self.words[address + at // 2] = data[at:at + 2]

    def floats(self, values):
        for address, value in values.items():
            self.put(address, struct.pack(">f", value))

    async def transact(self, unit, pdu, klass, *, timeout_s=None):
        await asyncio.sleep(0)
        self.asked.append((unit, pdu[0], int.from_bytes(pdu[1:3], "big"), pdu[4], klass, timeout_s))
        self.now_ns += 50_000_000
        if self.troubles:
            raise self.troubles.pop(0)
        address, count = struct.unpack(">HH", pdu[1:])
        data = b"".join(self.words.get(at, b"\0\0") for at in range(address, address + count))
        return bytes((pdu[0], len(data))) + data


def made(slug, device, unit=7):
    return Meter(device, unit, load(slug), "bay-1", device.clock_ns)


def silent():
    return DeviceTimeout("no answer", where="unit 7", got="nothing", expected="one")


async def test_an_sdm630_gives_all_of_a_reading_in_two_requests():
    device = Device()
    device.floats({0: 230.5, 2: 231.5, 4: 229.5, 6: 16.25, 8: 15.5, 10: 0.0, 12: 3700.0, 14: 3500.0,
                   16: -20.0, 72: 123.456, 74: 9.0})
    reading = await made("eastron-sdm630", device).read()
    assert reading.power_w == 7180.0
    assert reading.current_a == PerPhase(L1=16.25, L2=15.5, L3=0.0)
    assert reading.voltage_v == PerPhase(L1=230.5, L2=231.5, L3=229.5)
    assert (reading.energy_import_wh, reading.energy_raw, reading.energy_scale) == (
        123456, "42f6e979", "1000")
    assert (reading.meter_id, reading.quality) == ("bay-1", Quality.GOOD)
    assert [asked[1:4] for asked in device.asked] == [(4, 0, 18), (4, 72, 2)]


async def test_nothing_in_a_reading_is_older_than_its_stamp():
    device = Device()
    reading = await made("eastron-sdm630", device).read()
    assert reading.mono_ns == 5_000_000_000


async def test_a_one_phase_meter_is_phase_l1():
    device = Device()
    device.floats({0: 230.0, 6: 16.0, 12: 3680.0, 72: 1.0})
    reading = await made("eastron-sdm120", device).read()
    assert reading.current_a == PerPhase(L1=16.0)
    assert reading.voltage_v == PerPhase(L1=230.0)
    assert reading.power_w == 3680.0


async def test_an_abb_counts_in_integers_and_its_sentinels_are_none():
    device = Device()
    device.put(0x5000, (123_456).to_bytes(8, "big"))
    device.put(0x5B00, bytes.fromhex("000008fc ffffffff 000008fc"))
    device.put(0x5B0C, bytes.fromhex("00000640 00000000 ffffffff"))
    device.put(0x5B14, (-230_050).to_bytes(4, "big", signed=True))
    reading = await made("abb-b23", device).read()
    assert (reading.energy_import_wh, reading.energy_scale) == (1_234_560, "10")
    assert reading.energy_raw == "000000000001e240"
    assert reading.voltage_v == PerPhase(L1=230.0, L2=None, L3=230.0)
    assert reading.current_a == PerPhase(L1=16.0, L2=0.0, L3=None)
    assert reading.power_w == -2300.5


async def test_import_and_export_power_make_one_signed_power():
    device = Device()
    device.put(0, (0).to_bytes(4, "big") + (12_340).to_bytes(4, "big"))
    assert (await made("dzg-dvh4013", device).read()).power_w == -1234.0


@pytest.mark.parametrize(("value", "wh"), [(float("nan"), None), (0.0, 0), (100.0, 100_000),
                                           (9113.0, 9_113_000)])
async def test_an_energy_value_that_cannot_be_is_suspect_and_the_next_good_one_is_good(value, wh):
    device = Device()
    meter = made("eastron-sdm630", device)
    device.floats({72: 123.0})
    assert (await meter.read()).quality is Quality.GOOD
    device.floats({72: value})
    reading = await meter.read()
    assert (reading.quality, reading.energy_import_wh) == (Quality.SUSPECT, wh)
    assert meter.refused
    device.floats({72: 123.001})
    assert (await meter.read()).quality is Quality.GOOD
    assert meter.refused is None


async def test_the_billing_register_is_read_alone_and_on_demand():
    device = Device()
    device.floats({72: 5.0})
    reading = await made("eastron-sdm630", device).read_energy(BEGIN)
    assert (reading.context, reading.energy_import_wh, reading.power_w) == (BEGIN, 5000, None)
    assert device.asked == [(7, 4, 72, 2, BusClass.METER_FAST, 0.4)]


async def test_a_demanded_reading_is_asked_for_once_more():
    device = Device()
    device.floats({72: 5.0})
    device.troubles = [silent()]
    assert (await made("eastron-sdm630", device).read_energy(BEGIN)).energy_import_wh == 5000
    device.troubles = [silent(), silent()]
    with pytest.raises(DeviceTimeout):
        await made("eastron-sdm630", device).read_energy(BEGIN)


async def test_a_refusal_is_not_asked_for_again():
    device = Device()
    device.troubles = [DeviceRefused("refused", where="unit 7", got="exception 2", expected="values")]
    with pytest.raises(DeviceRefused):
        await made("eastron-sdm630", device).read_energy(BEGIN)
    assert len(device.asked) == 1


async def test_every_quantity_can_be_read_in_its_own_unit():
    device = Device()
    device.floats({70: 50.0, 342: 7.5})
    values = await made("eastron-sdm630", device).read_values()
    assert len(values) == 47
    assert (values["frequency"], values["energy_total"]) == (50, 7.5)
    assert {asked[4] for asked in device.asked} == {BusClass.BULK}
