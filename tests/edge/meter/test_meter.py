"""A meter on a fake device: registers behind the PDUs of the bus port."""

import pytest
from register_device import RegisterDevice, refusal, silence

from edge.bus.port import BusClass
from edge.bus.url import parse_url
from edge.controller.reading import PerPhase, Quality, ReadingContext
from edge.controller.trouble import BadAnswer, DeviceRefused, DeviceTimeout, LineDown
from edge.meter.acceptor import EnergyAcceptor
from edge.meter.catalogue import load
from edge.meter.meter import Meter

BEGIN = ReadingContext.TRANSACTION_BEGIN
VALUES = {0: 230.5, 2: 231.5, 4: 229.5, 6: 16.25, 8: 15.5, 10: 0.0, 12: 3700.0, 14: 3500.0, 16: -20.0,
          70: 49.98, 72: 123.456, 74: 9.0}
FAST_BLOCK, V_BLOCK, SLOW_BLOCK = (4, 6, 12), (4, 0, 18), (4, 70, 6)


def made(slug, device, url=None, **options):
    line = None if url is None else parse_url(url)
    return Meter(device, 7, load(slug), "bay-1", device.clock_ns, line=line, **options)


def sdm630(**options):
    device = RegisterDevice()
    device.floats(VALUES)
    return device, made("eastron-sdm630", device, **options)


async def turns(meter, device, count, period_s=1.0):
    """The readings of so many turns, and what each asked for."""
    readings, asked = [], []
    for _ in range(count):
        began_ns = device.now_ns
        readings.append(await meter.read())
        asked.append(device.told())
        device.now_ns = began_ns + round(period_s * 1e9)
    return readings, asked


async def test_a_first_turn_gives_all_of_a_reading():
    device, meter = sdm630()
    reading = await meter.read()
    assert reading.power_w == 7180.0
    assert reading.current_a == PerPhase(L1=16.25, L2=15.5, L3=0.0)
    assert reading.voltage_v == PerPhase(L1=230.5, L2=231.5, L3=229.5)
    assert reading.frequency_hz == pytest.approx(49.98)
    assert (reading.energy_import_wh, reading.energy_export_wh) == (123456, 9000)
    assert (reading.energy_raw, reading.energy_scale) == ("42f6e979", "1000")
    assert (reading.meter_id, reading.quality, reading.energy_mono_ns) == ("bay-1", Quality.GOOD, None)
    assert device.asked == [V_BLOCK, SLOW_BLOCK]
    assert device.classes == [BusClass.METER_FAST, BusClass.METER_SLOW]


async def test_nothing_in_a_reading_is_older_than_its_stamp():
    _, meter = sdm630()
    assert (await meter.read()).mono_ns == 5_000_000_000


async def test_energy_and_voltage_are_read_every_fourth_second_and_carried_with_their_time():
    device, meter = sdm630()
    readings, asked = await turns(meter, device, 9)
    assert asked == [[V_BLOCK, SLOW_BLOCK], *[[FAST_BLOCK]] * 3] * 2 + [[V_BLOCK, SLOW_BLOCK]]
    assert [r.energy_mono_ns for r in readings[:5]] == [None, *[5_000_000_000] * 3, None]
    assert [r.energy_ns for r in readings[3:5]] == [5_000_000_000, 9_000_000_000]
    assert {(r.energy_import_wh, r.voltage_v.L1, r.energy_raw, r.quality) for r in readings} == {
        (123456, 230.5, "42f6e979", Quality.GOOD)}
    device.floats({6: 1.0, 72: 123.5})
    reading = (await turns(meter, device, 1))[0][0]
    assert (reading.current_a.L1, reading.energy_import_wh) == (1.0, 123456)  # fresh, and carried


async def test_the_meters_of_a_line_take_turns_with_their_slow_tier():
    slow = {}
    for n in range(4):
        device, meter = sdm630(spread=n / 4)
        slow[n] = [t for t, asked in enumerate((await turns(meter, device, 12))[1])
                   if SLOW_BLOCK in asked]
    assert slow == {0: [0, 4, 8], 1: [0, 3, 7, 11], 2: [0, 2, 6, 10], 3: [0, 1, 5, 9]}


async def test_a_slow_value_that_is_not_answered_is_carried_until_it_is_too_old_and_asked_for_again():
    device, meter = sdm630()
    await turns(meter, device, 4)
    device.silent.add((4, 72))
    readings, asked = await turns(meter, device, 12)
    assert all(r.power_w == 7180.0 and r.quality is Quality.GOOD for r in readings)
    fresh = [r.energy_import_wh for r in readings]
    assert fresh == [123456] * 7 + [None] * 5  # it was asked for 4 s before, and lives 10 s
    assert all(SLOW_BLOCK in blocks for blocks in asked[:3])
    device.silent.clear()
    readings, _ = await turns(meter, device, 70)
    assert readings[-1].energy_import_wh == 123456


async def test_voltages_and_energy_age_each_for_itself():
    device = RegisterDevice()
    device.floats({3027: 230.0}, function=3)
    device.put(3, 3203, (5_000).to_bytes(8, "big"))
    meter = made("schneider-iem3000", device)
    await turns(meter, device, 1)
    device.refuses = {(3, at) for at in range(3027, 3033)}
    readings, _ = await turns(meter, device, 14)
    assert [r.voltage_v.L1 for r in readings] == [230.0] * 6 + [None] * 8
    assert {r.energy_import_wh for r in readings} == {5000}
    ages_s = [(r.mono_ns - r.energy_ns) / 1e9 for r in readings]
    assert max(ages_s[:6]) == 6 and max(ages_s[6:]) < 4, "no old voltage makes a fresh energy stale"


async def test_a_register_is_judged_once_a_turn():
    judged = []

    class Counting(EnergyAcceptor):
        def judge(self, energy_wh, mono_ns):
            judged.append(mono_ns)
            return super().judge(energy_wh, mono_ns)

    device = RegisterDevice()
    meter = made("abb-b23", device, acceptor=Counting(44_000))
    _, asked = await turns(meter, device, 5)
    assert len(asked[0]) == 3  # its energy is neither first nor last
    assert judged == [5_000_000_000, 9_000_000_000]


async def test_currents_that_are_not_answered_are_no_reading():
    device, meter = sdm630()
    await meter.read()
    device.dead = True
    device.told()
    with pytest.raises(DeviceTimeout):
        await meter.read()
    assert len(device.told()) == 1  # a dead unit costs one timeout


async def test_a_one_phase_meter_is_phase_l1():
    device = RegisterDevice()
    device.floats({0: 230.0, 6: 16.0, 12: 3680.0, 72: 1.0})
    reading = await made("eastron-sdm120", device).read()
    assert reading.current_a == PerPhase(L1=16.0)
    assert reading.voltage_v == PerPhase(L1=230.0)
    assert reading.power_w == 3680.0


async def test_an_abb_counts_in_integers_and_its_sentinels_are_none():
    device = RegisterDevice()
    device.put(3, 0x5000, (123_456).to_bytes(8, "big"))
    device.put(3, 0x5B00, bytes.fromhex("000008fc ffffffff 000008fc"))
    device.put(3, 0x5B0C, bytes.fromhex("00000640 00000000 ffffffff"))
    device.put(3, 0x5B14, (-230_050).to_bytes(4, "big", signed=True))
    reading = await made("abb-b23", device).read()
    assert (reading.energy_import_wh, reading.energy_scale) == (1_234_560, "10")
    assert reading.energy_raw == "000000000001e240"
    assert reading.voltage_v == PerPhase(L1=230.0, L2=None, L3=230.0)
    assert reading.current_a == PerPhase(L1=16.0, L2=0.0, L3=None)
    assert reading.power_w == -2300.5


async def test_import_and_export_power_make_one_signed_power():
    device = RegisterDevice()
    device.put(3, 0, (0).to_bytes(4, "big") + (12_340).to_bytes(4, "big"))
    assert (await made("dzg-dvh4013", device).read()).power_w == -1234.0


async def test_a_sum_of_phases_needs_all_of_them():
    device, meter = sdm630()
    device.floats({14: float("nan")})
    assert (await meter.read()).power_w is None


async def test_an_energy_value_that_cannot_be_is_suspect_until_a_good_one_and_judged_once_each():
    for value, wh in ((float("nan"), None), (0.0, 0), (100.0, 100_000), (9113.0, 9_113_000)):
        device, meter = sdm630()
        assert (await meter.read()).quality is Quality.GOOD
        device.pass_s(4)
        device.floats({72: value})
        readings, _ = await turns(meter, device, 4)
        assert {(r.quality, r.energy_import_wh) for r in readings} == {(Quality.SUSPECT, wh)}
        assert meter.refused
        device.floats({72: 123.457})
        assert (await meter.read()).quality is Quality.GOOD
        assert meter.refused is None


async def test_energy_that_is_refused_is_read_again_at_the_next_turns_but_not_for_ever():
    device, meter = sdm630()
    await turns(meter, device, 4)
    device.floats({72: 0.0})
    readings, _ = await turns(meter, device, 1)
    device.floats({72: 123.46})
    more, _ = await turns(meter, device, 1)
    assert [r.quality for r in (*readings, *more)] == [Quality.SUSPECT, Quality.GOOD]
    device.floats({72: float("nan")})
    _, asked = await turns(meter, device, 24)
    assert sum(SLOW_BLOCK in blocks for blocks in asked) <= 24 / 4 + 4


async def test_a_register_that_began_anew_is_told_once():
    device, meter = sdm630()
    await meter.read()
    device.floats({72: 1.5})
    readings, _ = await turns(meter, device, 60)
    rebased = [r for r in readings if r.rebased_from_wh is not None]
    assert [(r.rebased_from_wh, r.rebased_why, r.energy_import_wh) for r in rebased] == [
        (123456, "reset", 1500)]
    assert readings[-1].quality is Quality.GOOD


async def test_a_register_that_began_anew_is_told_by_the_next_reading_where_its_own_is_lost():
    told = {}
    for lost in (False, True):
        device, told[lost] = RegisterDevice(frame_s=0.0), []
        device.put(3, 0x5000, (50_000).to_bytes(8, "big"))
        meter = made("abb-b23", device)
        meter.resume(900_000, 0)
        for n in range(9):
            device.pass_s(5)
            if lost and n == 4:  # its fifth, which confirms it: the line goes down behind it
                device.troubles = [None, None, LineDown("line", where="x", got="gone", expected="it")]
                with pytest.raises(LineDown):
                    await meter.read()
            else:
                told[lost].append((await meter.read()).rebased_from_wh)
    assert told == {False: [None] * 4 + [900_000] + [None] * 4,
                    True: [None] * 4 + [900_000] + [None] * 3}


async def test_the_billing_register_is_read_alone_and_on_demand_with_what_was_exported():
    device, meter = sdm630()
    reading = await meter.read_energy(BEGIN)
    assert (reading.context, reading.energy_import_wh, reading.power_w) == (BEGIN, 123456, None)
    assert (reading.energy_mono_ns, reading.energy_export_wh) == (None, 9000)
    assert (device.asked, device.classes, device.timeouts) == (
        [(4, 72, 4)], [BusClass.METER_FAST], [0.4])


async def test_a_demanded_value_is_carried_into_the_next_turns_reading():
    device, meter = sdm630()
    await meter.read()
    device.pass_s(1)
    device.floats({72: 123.46})
    await meter.read_energy(BEGIN)
    device.pass_s(1)
    reading = await meter.read()
    assert reading.energy_import_wh == 123460  # never less than what a session has begun with
    assert reading.energy_ns == 5_000_000_000  # its voltages are from there


async def test_a_demanded_reading_is_asked_for_once_more():
    device, meter = sdm630()
    device.troubles = [silence()]
    assert (await meter.read_energy(BEGIN)).energy_import_wh == 123456
    device.troubles = [silence(), silence()]
    with pytest.raises(DeviceTimeout):
        await meter.read_energy(BEGIN)


async def test_a_refusal_that_is_none_of_registers_is_told_at_once():
    device, meter = sdm630()
    device.troubles = [refusal(6)]
    with pytest.raises(DeviceRefused):
        await meter.read_energy(BEGIN)
    assert len(device.asked) == 1


async def test_a_billing_register_that_is_refused_leaves_the_rest_of_the_meter():
    device, meter = sdm630()
    device.refuses = {(4, 72), (4, 73)}
    reading = await meter.read()
    assert (reading.energy_import_wh, reading.energy_raw, reading.power_w) == (None, "", 7180.0)
    assert (reading.frequency_hz, reading.voltage_v.L1) == (pytest.approx(49.98), 230.5)
    assert meter.errors == {"energy_import": "exception 2"}
    device.told()
    with pytest.raises(DeviceRefused, match="exception 2 for energy_import"):
        await meter.read_energy(BEGIN)
    assert device.told() == [(4, 72, 2), (4, 74, 4)]  # it is worth a try each time
    device.refuses = set()
    assert (await meter.read_energy(BEGIN)).energy_import_wh == 123456
    assert (await meter.read()).energy_import_wh == 123456


async def test_every_quantity_can_be_read_in_its_own_unit():
    device, meter = sdm630()
    device.floats({70: 50.0, 342: 7.5})
    values = await meter.read_values()
    assert len(values) == 47
    assert (values["frequency"], values["energy_total"]) == (50, 7.5)
    assert set(device.classes) == {BusClass.BULK}
    assert list(await meter.read_values(["energy_total", "no_such"])) == ["energy_total"]


async def test_a_network_is_asked_once_where_a_serial_line_is_asked_twice():
    device, meter = sdm630(url="tcp://meter")
    await meter.read()
    assert device.asked == [(4, 0, 76)]
    assert device.classes == [BusClass.METER_FAST]


async def test_a_unit_that_answers_is_asked_for_all_blocks_at_once_and_another_for_one_at_a_time():
    device, _ = sdm630()
    at_once, most = 0, []

    class Counted:
        turnaround_s = staticmethod(device.turnaround_s)

        async def transact(self, *what, **how):
            nonlocal at_once
            at_once += 1
            most.append(at_once)
            try:
                return await device.transact(*what, **how)
            finally:
                at_once -= 1

    meter = Meter(Counted(), 7, load("eastron-sdm630"), "bay-1", device.clock_ns)
    _, asked = await turns(meter, device, 1)
    assert (asked, most) == ([[V_BLOCK, SLOW_BLOCK]], [1, 1])  # nothing is known of it
    await turns(meter, device, 4)
    assert most[-2:] == [1, 2]
    device.dead = True
    device.pass_s(4)
    for asked in ([V_BLOCK, SLOW_BLOCK], [V_BLOCK, SLOW_BLOCK], [V_BLOCK]):
        device.told()
        with pytest.raises(DeviceTimeout):
            await meter.read()
        assert device.told() == asked


def sunspec_203(**options):
    """At 40002, with 1000 W, 4 A, and 5 kWh in steps of 1 Wh."""
    device = RegisterDevice()
    device.put(3, 40000, b"SunS" + bytes.fromhex("00cb0069") + bytes(2 * 105) + bytes.fromhex("ffff"))
    device.put(3, 40002 + 3, bytes.fromhex("0004"))
    device.put(3, 40002 + 18, bytes.fromhex("03e8"))
    device.put(3, 40002 + 46, bytes.fromhex("00001388"))
    return device, made("sunspec-203", device, **options)


async def test_a_device_that_counts_too_coarsely_bills_nobody_and_says_why():
    device, meter = sunspec_203(billed=True)
    grid = made("sunspec-203", device)
    assert (await meter.read()).energy_import_wh == 5000
    for exponent, fine in ((2, False), (1, True), (10, False), (0xFFFE, True)):
        device.put(3, 40002 + 54, exponent.to_bytes(2, "big"))
        await meter_of_exponent(meter, device, fine)
    assert (await grid.read()).power_w == 1000.0
    device.put(3, 40002 + 54, bytes.fromhex("0002"))
    device.pass_s(4)
    assert (await grid.read()).power_w == 1000.0, "a meter that guards a fuse need not bill"


async def meter_of_exponent(meter, device, fine):
    """All of a period's turns, and a reading on demand."""
    device.pass_s(4)
    for turn in range(4):
        question = meter.read_energy(BEGIN) if turn == 1 else meter.read()
        if fine:
            await question
        else:
            with pytest.raises(BadAnswer, match=r"steps of 10+ Wh, expected 10 Wh or finer"):
                await question


async def test_what_was_read_where_a_map_may_have_moved_from_is_not_believed():
    device, meter = sunspec_203()
    assert (await meter.read()).energy_import_wh == 5000
    device.put(3, 40002, bytes.fromhex("00a00030"))  # another model is there now
    device.put(3, 40002 + 46, bytes.fromhex("00001389"))
    for troubles in ([silence()], [None, silence()], []):
        device.pass_s(4)
        device.troubles = list(troubles)
        with pytest.raises((DeviceTimeout, BadAnswer)):
            await meter.read()
        assert meter.acceptor.accepted_wh == 5000, troubles
        device.pass_s(20)


async def test_a_header_that_is_asked_for_alone_fails_its_turn():
    device, meter = sunspec_203()
    await meter.read()
    device.refuses = {(3, 40002 + 2)}  # `current`, which lies between the header and what is wanted
    for _ in range(2):
        device.pass_s(4)
        assert (await meter.read()).power_w == 1000.0
    assert (3, 40002, 2) in device.told()
    device.put(3, 40002, bytes.fromhex("00a00030"))
    device.pass_s(1)
    with pytest.raises(BadAnswer, match="got model 160"):
        await meter.read()
