"""How a device's refusals are met: read in parts, and remembered."""

import contextlib
import functools
import struct

import pytest
from register_device import RegisterDevice, refusal

from edge.bus.port import BusClass
from edge.bus.url import parse_url
from edge.controller.trouble import DeviceError, DeviceRefused, DeviceTimeout
from edge.meter.catalogue import load as load_anew
from edge.meter.catalogue import slugs
from edge.meter.image import Image
from edge.meter.pace import pace_of
from edge.meter.plan import spans_of
from edge.meter.reader import RegisterReader
from edge.meter.tiers import tiers_of

load = functools.cache(load_anew)
LINES = {name: pace_of(parse_url(url)) for name, url in (
    ("slow", "rtu:/dev/x?baud=9600&parity=N"), ("fast", "rtu:/dev/x?baud=38400&parity=N"),
    ("net", "tcp://meter"))}


def made(slug, device, line="slow"):
    return RegisterReader(device, 7, load(slug), LINES[line], device.clock_ns)


def full_device(slug, **options):
    """Has each listed register, and no other; SunSpec models at 40000, as the only one."""
    device, model = RegisterDevice(**options), load(slug)
    base = 0
    if model.sunspec is not None:
        base = 40002
        end = max(span.end for register in model.registers for span in spans_of(register))
        device.put(3, 40000, b"SunS" + struct.pack(">HH", model.sunspec, end - 2))
    for register in model.registers:
        for span in spans_of(register):
            device.put(span.function, base + span.start, bytes(2 * (span.end - span.start)))
    return device


async def turn(reader, quantities):
    image = Image()
    for block in reader.blocks(quantities):
        await reader.fetch(block, image, BusClass.BULK)
    return {name for name in quantities if image.holds(reader.model.register(name))}


def everything(slug):
    return tuple(register.quantity for register in load(slug).registers)


@pytest.mark.parametrize("line", sorted(LINES))
async def test_a_device_that_refuses_every_hole_is_read_completely(line):
    for slug in slugs()[::1 if line == "net" else 4]:  # which merges more
        names = everything(slug)
        device = full_device(slug, strict=True)
        reader = made(slug, device, line)
        assert await turn(reader, names) == set(names), slug
        # it has learned: nothing that it asks for is refused any longer
        await settled(reader, device, names)


async def settled(reader, device, names):
    for _ in range(12):
        device.told()
        await turn(reader, names)
        if len(device.told()) == len(reader.blocks(names)):
            return
    raise AssertionError(f"{reader.where}: still refused after 15 turns")


async def test_a_device_that_answers_short_blocks_only_is_read_in_as_long_ones_as_it_likes():
    for longest, line in ((10, "slow"), (20, "net"), (50, "net")):
        device = full_device("eastron-sdm630", longest=longest)
        reader, names = made("eastron-sdm630", device, line), everything("eastron-sdm630")
        assert await turn(reader, names) == set(names)
        await settled(reader, device, names)
        device.told()
        await turn(reader, names)
        counts = [count for _, _, count in device.told()]
        assert max(counts) <= longest
        assert len(counts) <= 4 * 84 / longest + 4, (longest, counts)


async def test_an_optional_register_that_is_refused_is_absent_for_hours_and_then_tried_once():
    names = ("energy_import_fine", "energy_export_fine", "power")
    device = full_device("carlo-gavazzi-em340")
    device.refuses = {(4, 0x408 + n) for n in range(4)}
    reader = made("carlo-gavazzi-em340", device)
    assert await turn(reader, names) == {"energy_import_fine", "power"}
    assert reader.missing(names) == {"energy_export_fine": "exception 2"}
    device.pass_s(5.9 * 3600)
    device.told()
    assert await turn(reader, names) == {"energy_import_fine", "power"}
    assert all(address != 0x408 for _, address, _ in device.told())
    device.pass_s(0.2 * 3600)
    await turn(reader, names)
    assert [a for _, a, _ in device.told()].count(0x408) == 1
    await turn(reader, names)
    assert all(address != 0x408 for _, address, _ in device.told())
    device.refuses = set()
    device.pass_s(6.1 * 3600)
    assert await turn(reader, names) == set(names)
    assert reader.missing(names) == {}
    device.told()
    await turn(reader, names)
    assert (4, 0x400, 12) in device.told()  # and in one block again


async def test_what_is_refused_costs_its_neighbours_no_request_more_than_it_must():
    for refused, blocks in (({(4, 6)}, [(4, 0, 6), (4, 8, 10)]), ({(4, 0)}, [(4, 2, 16)])):
        device = full_device("eastron-sdm630")
        device.refuses = refused
        reader, names = made("eastron-sdm630", device), everything("eastron-sdm630")[:9]
        await turn(reader, names)
        device.told()
        await turn(reader, names)
        assert device.told() == blocks


async def test_a_hole_that_was_refused_is_read_across_again_after_hours():
    device = full_device("eastron-sdm630", strict=True)
    reader, names = made("eastron-sdm630", device, "net"), ("power", "frequency")
    for hours, blocks in ((0, 3), (5.9, 2), (0.2, 3), (0, 2)):
        device.pass_s(hours * 3600)
        device.told()
        assert await turn(reader, names) == set(names)
        assert len(device.told()) == blocks, hours
    device.strict = False
    device.pass_s(6.1 * 3600)
    await turn(reader, names)
    assert device.told()[-1] == (4, 52, 20)


async def test_a_register_that_should_be_there_is_tried_after_a_minute_and_ever_more_rarely():
    device = full_device("eastron-sdm630")
    device.refuses = {(4, 72)}
    reader, names = made("eastron-sdm630", device), ("energy_import", "energy_export", "frequency")
    tried = []
    for second in range(0, 1200, 10):
        assert await turn(reader, names) == {"energy_export", "frequency"}
        tried += [second] if second and (4, 72, 2) in device.told() else []
        device.told()
        device.pass_s(10)
    assert len(tried) == 4  # one, three, seven and fifteen minutes later, and the time it took
    device.refuses = set()
    device.pass_s(3600)
    assert await turn(reader, names) == set(names)


async def test_nothing_but_refusals_is_an_error_that_says_what_was_said():
    device = RegisterDevice(strict=True)
    reader = made("eastron-sdm630", device)
    assert await turn(reader, ("power", "frequency")) == set()
    with pytest.raises(DeviceRefused, match=r"exception 2 for power, expected .* Eastron SDM630"):
        raise reader.refusal(("power", "frequency"))


async def test_other_exceptions_are_no_reason_to_part_a_block():
    for code in (1, 4, 6, 11):
        device = full_device("eastron-sdm630")
        device.troubles = [refusal(code)]
        with pytest.raises(DeviceRefused):
            await turn(made("eastron-sdm630", device), ("power_l1", "power_l2"))
        assert len(device.asked) == 1


async def test_a_device_that_is_silent_to_long_blocks_is_read_in_halves():
    device = full_device("eastron-sdm630")
    device.silent_above = 10
    reader, names = made("eastron-sdm630", device), everything("eastron-sdm630")[:9]
    for _ in range(3):
        with pytest.raises(DeviceTimeout):
            await turn(reader, names)
    device.told()
    await turn(reader, names)
    assert await turn(reader, names) == set(names)
    device.told()
    assert await turn(reader, names) == set(names)
    assert [count for _, _, count in device.told()] in ([10, 8], [8, 10])


async def test_a_dead_device_costs_one_request_a_turn_and_is_taken_whole_when_it_is_back():
    device = full_device("eastron-sdm630")
    reader, names = made("eastron-sdm630", device), everything("eastron-sdm630")[:9]
    device.dead = True
    for _ in range(8):
        with pytest.raises(DeviceTimeout):
            await turn(reader, names)
        assert len(device.told()) == 1
    device.dead = False
    assert await turn(reader, names) == set(names)
    device.told()
    assert await turn(reader, names) == set(names)
    assert device.told() == [(4, 0, 18)]


async def test_a_register_that_is_silent_alone_while_others_answer_is_absent():
    device = full_device("eastron-sdm630")
    device.silent = {(4, 70), (4, 71)}
    reader, names = made("eastron-sdm630", device), ("power", "frequency", "energy_import")
    got = set()
    for _ in range(20):
        image = Image()
        for block in reader.blocks(names):
            try:
                await reader.fetch(block, image, BusClass.BULK)
            except DeviceTimeout:
                pass
        got = {name for name in names if image.holds(reader.model.register(name))}
    assert got == {"power", "energy_import"}
    assert "no answer" in reader.missing(names)["frequency"]


async def test_of_a_dead_device_nothing_is_held_to_be_absent():
    device = full_device("eastron-sdm630")
    reader, names = made("eastron-sdm630", device), ("energy_import",)
    device.dead = True
    for _ in range(10):
        with pytest.raises(DeviceTimeout):
            await turn(reader, names)
    assert reader.missing(names) == {}


async def test_blocks_follow_the_turnaround_that_was_measured_but_not_its_every_tremble():
    device = full_device("eastron-sdm630")
    reader, names = made("eastron-sdm630", device), ("power_l1", "energy_import")
    apart, together = [2, 4], [62]  # 60 registers are as dear as 100 ms
    for ms, counts in ((None, apart), (90, apart), (101, apart), (120, together), (99, together),
                       (80, apart), (10, apart)):
        device.learnt_s = None if ms is None else ms / 1000
        assert [block.count for block in reader.blocks(names)] == counts, ms
    blocks = reader.blocks(names)
    for ms in (8, 12, 9):
        device.learnt_s = ms / 1000
        assert reader.blocks(names) is blocks


async def test_what_was_only_read_along_to_make_a_block_longer_costs_no_value():
    for slug, unknown in (("solaredge-se-mtr-3y", (1110, 1114, 1117)), ("schneider-iem3000", (3211,)),
                          ("finder-7m24", (2538,)), ("dzg-dvh4013", (16642,))):
        for trouble in ("refuses", "silent"):
            device = RegisterDevice()
            reader, tiers = made(slug, device), tiers_of(load(slug))
            names = (*tiers.fast, *tiers.slow)
            device.told()
            getattr(device, trouble).update((function, at) for at in unknown for function in (3, 4))
            for _ in range(5):
                await bold_turn(reader, (tiers.fast, names, tiers.on_demand))
            vain = [sum(at <= register < at + count for _, at, count in device.asked)
                    for register in unknown]
            assert 0 < max(vain) <= (4 if trouble == "silent" else 1), (slug, trouble)
            assert reader.missing(names) == {}
            for _ in range(3):
                device.pass_s(7 * 3600)
                device.told()
                assert await turn(reader, names) == set(names), (slug, trouble)
                assert all((each.function, each.count) in {(f, n) for f, _, n in device.asked}
                           for each in reader.blocks(names)), "nothing was asked for in vain"
                assert len(device.told()) == len(reader.blocks(names))


async def bold_turn(reader, tiers):
    for names in tiers:
        for block in reader.blocks(names):
            with contextlib.suppress(DeviceTimeout):
                await reader.fetch(block, Image(), BusClass.BULK)


# --- SunSpec


def chain(device, start, *models):
    """Models (id, length) one after another; returns where each of them begins."""
    device.put(3, start, b"SunS")
    at, begins = start + 2, []
    for model_id, length in models:
        device.put(3, at, model_id.to_bytes(2, "big") + length.to_bytes(2, "big") + bytes(2 * length))
        begins.append(at)
        at += 2 + length
    device.put(3, at, bytes.fromhex("ffff0000"))
    return begins


def volts(device, base, value):
    device.put(3, base + 7, value.to_bytes(2, "big") * 4)
    device.put(3, base + 15, (0x10000 - 1).to_bytes(2, "big"))  # 10 to the -1


async def voltage(reader):
    image = Image()
    for block in reader.blocks(("voltage_l1", "current_l1")):
        await reader.fetch(block, image, BusClass.BULK)
    return image.number(reader.model.register("voltage_l1"))


async def test_the_first_model_of_its_kind_is_found_wherever_sunspec_begins():
    for start in (40000, 0, 50000):
        device = RegisterDevice(strict=True)
        begins = chain(device, start, (1, 66), (103, 50), (203, 105), (203, 105))
        volts(device, begins[2], 2301)
        volts(device, begins[3], 1111)
        reader = made("sunspec-203", device)
        assert await voltage(reader) == 230.1
        device.told()
        assert await voltage(reader) == 230.1
        assert all(address >= begins[2] and count > 2 for _, address, count in device.told())


async def test_a_scale_factor_that_is_not_implemented_leaves_no_value():
    device = RegisterDevice()
    (base,) = chain(device, 40000, (203, 105))
    volts(device, base, 2301)
    device.put(3, base + 15, bytes.fromhex("8000"))
    assert await voltage(made("sunspec-203", device)) is None


async def test_a_map_that_moved_is_walked_again():
    device = RegisterDevice(strict=True)
    volts(device, chain(device, 40000, (1, 66), (203, 105))[1], 2301)
    reader = made("sunspec-203", device)
    assert await voltage(reader) == 230.1
    for models in (((1, 66), (160, 48), (203, 105)), ((203, 105),)):  # moved; refused at the end
        device.words.clear()
        volts(device, chain(device, 40000, *models)[-1], 2222)
        with pytest.raises(DeviceError, match="SunSpec"):
            await voltage(reader)
        assert await voltage(reader) == 222.2


async def test_a_device_without_the_model_says_what_it_has():
    for models, said in (((1, 66), (160, 48)), "models 1, 160"), ((), "models none"), (
            ((203, 20),), "a length of 20"), (((1, 0),) * 200, "models 1, 1"):
        device = RegisterDevice(strict=True)
        chain(device, 40000, *models)
        with pytest.raises(DeviceError, match=said):
            await voltage(made("sunspec-203", device))
    with pytest.raises(DeviceError, match=r'no "SunS" at 40000, 0, 50000'):
        await voltage(made("sunspec-203", RegisterDevice(strict=True)))
    late = RegisterDevice(strict=True)
    reader = made("sunspec-203", late)
    for _ in range(3):
        with pytest.raises(DeviceError, match='no "SunS"'):
            await voltage(reader)
    assert len(late.told()) == 3  # one walk
    volts(late, chain(late, 40000, (203, 105))[0], 2301)
    late.pass_s(10)
    assert await voltage(reader) == 230.1
    garbled = RegisterDevice()
    garbled.put(3, 40000, b"SunS" + b"\x00\x01\xff\xf0")  # a length beyond the last address
    with pytest.raises(DeviceError, match="models 1"):
        await voltage(made("sunspec-203", garbled))


async def test_a_device_that_is_silent_where_sunspec_is_not_is_asked_elsewhere_next_time():
    device = RegisterDevice()
    volts(device, chain(device, 0, (203, 105))[0], 2301)
    device.silent = {(3, 40000)}
    reader = made("sunspec-203", device)
    with pytest.raises(DeviceTimeout):
        await voltage(reader)
    assert await voltage(reader) == 230.1


async def test_of_a_model_that_is_too_long_for_one_request_what_is_wanted_fits_into_one():
    for slug in ("sunspec-203", "sunspec-213", "sunspec-701"):
        device = full_device(slug)
        reader, names = made(slug, device, "net"), everything(slug)
        await turn(reader, names)
        device.told()
        assert await turn(reader, names) == set(names)
        asked = device.told()
        assert len(asked) == 1 and asked[0][2] <= 125, (slug, asked)


def test_no_two_blocks_of_a_meter_are_as_long_so_that_no_late_answer_fits_another_question():
    for slug in slugs():
        model = load(slug)
        tiers = tiers_of(model)
        for line in LINES:
            reader, shapes = made(slug, RegisterDevice(), line), {}
            for names in (tiers.fast, (*tiers.fast, *tiers.slow), tiers.on_demand):
                for block in reader.blocks(names):
                    asked = shapes.setdefault((block.function, block.count), block.address)
                    assert asked == block.address, (slug, line, block)
