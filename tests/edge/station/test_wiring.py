"""What the meters of a station are made with."""

from types import SimpleNamespace

import pytest
from register_device import RegisterDevice
from site_texts import changed, written

from edge.controller.trouble import BadAnswer
from edge.station.config import load
from edge.station.wiring import meters_of

COARSE = "00cb0069" + "0000" * 52 + "0002" + "0000" * 60  # steps of 100 Wh


async def test_a_meter_bills_where_an_outlet_has_it_and_counts_as_much_as_the_site_says(tmp_path):
    device = RegisterDevice()
    device.put(3, 40000, b"SunS" + bytes.fromhex(COARSE))
    site = load(written(tmp_path, changed(
        ('unit = 1\nmodel = "eastron-sdm630"', 'unit = 1\nmax_current_a = 250\nmodel = "sunspec-203"'),
        ('unit = 2\nmodel = "eastron-sdm630"', 'unit = 2\nmodel = "sunspec-203"'))))
    made = meters_of(site, {bus.id: device for bus in site.buses}, SimpleNamespace(
        clock=SimpleNamespace(mono_ns=device.clock_ns), hand_in=None, spawn=None))
    assert (await made["main"].meter.read()).power_w == 0.0, "it guards a fuse"
    with pytest.raises(BadAnswer, match="steps of 100 Wh"):
        await made["bay-1"].meter.read()
    assert [made[name].meter.model.max_current_a for name in ("main", "bay-1")] == [250, 1000]
