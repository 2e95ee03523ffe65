"""What can be broken in the cabinet's wires, supply and senses, through its control socket."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from cabinet_bench import FakeBoard, charge, config, read_floats, relay, until

from hil_tests.rig import RigError
from hil_tests.virtual.cabinet import Cabinet
from hil_tests.virtual.cabinet_config import InputSpec, SensorSpec
from hil_tests.virtual.rig import VirtualRig
from hil_tests.virtual.site_cards import SITE_CARDS

pytestmark = pytest.mark.wire


@pytest.fixture
async def cabinet(tmp_path):
    broken = config(
        tmp_path,
        inputs=(InputSpec(id="door", gpio=24, active_high=False, evses=("1", "2")),
                InputSpec(id="q1", gpio=25, active_high=True, kind="breaker", evses=("1",))),
        sensors=(SensorSpec(id="lug", file=str(tmp_path / "lug"), form="w1_slave"),))
    cards = {card.name: card.spec for card in SITE_CARDS}
    cabinet = Cabinet(msgspec.structs.replace(broken, cards=cards), FakeBoard)
    await cabinet.start()
    yield cabinet
    await cabinet.stop()


@pytest.fixture
async def rig(cabinet):
    async with VirtualRig(Path(cabinet.config.control)) as rig:
        yield rig


def level(cabinet, pin):
    return cabinet.gpio._line(pin).level


async def test_a_card_is_held_as_it_was_asked_for_and_the_air_does_as_it_is_told(cabinet, rig):
    assert (await rig.ask("cards"))["carla"] == "ntag424"
    (field,) = cabinet.fields.values()
    held = asyncio.create_task(rig.tap("carla", how="short_ats"))
    await until("the card", lambda: field.exchange(b"\x26") is not None)
    for words in ("9320", "93708804C43A72", "9520", "95705A6F1D90B8"):
        answer = field.exchange(bytes.fromhex(words))
    assert answer.frame == b"\x20"
    await rig.ask("card_fault", fault="lose")
    assert field.exchange(b"\xe0\x80") is None
    await held
    assert field.exchange(b"\x26") is None, "the card was taken away"
    await rig.ask("card_fault", fault="spoil", count=2, after=1)
    await rig.ask("card_well")
    field.present("DEADBEEF")
    assert not field.exchange(b"\x26").spoilt
    assert not field.exchange(bytes.fromhex("9320")).spoilt
    await rig.ask("card_fault", fault="late", late_s=0.25)
    await rig.ask("card_fault", fault="torn", count=1)
    assert field.exchange(bytes.fromhex("9370DEADBEEF22")).late_s == 0.25
    assert field.exchange(b"\xe0\x80") is None, "it left after one answer"


async def test_inputs_and_sensors_begin_well_and_do_as_they_are_told(cabinet, rig, tmp_path):
    assert (level(cabinet, 24), level(cabinet, 25)) == (1, 0)
    assert (tmp_path / "lug").read_text().endswith("t=25000\n")
    await rig.ask("input", input="door", state="active")
    await rig.ask("sensor", sensor="lug", celsius=91.5)
    assert level(cabinet, 24) == 0 and (tmp_path / "lug").read_text().endswith("t=91500\n")
    await rig.ask("sensor", sensor="lug", trouble="gone")
    assert not (tmp_path / "lug").exists()
    await rig.ask("input", input="door", state="well")
    assert level(cabinet, 24) == 1


async def test_a_breaker_that_opens_takes_the_voltage_and_moves_its_contact(cabinet, rig):
    path = cabinet.config.lines[0].link
    await rig.plug("1")
    await charge(cabinet, "1", 17)
    await rig.ask("open_breaker", evse="1")
    assert level(cabinet, 25) == 1 and await rig.breaker_on("1") is False
    await until("the current to end", lambda: cabinet.bays["1"].car.current_a == 0)

    async def dead():
        return await asyncio.to_thread(read_floats, path, 2, 0, 6) == (0.0, 0.0, 0.0)
    await until("no voltage at the meter", dead)
    await rig.restore("breaker", "1")
    await until("the contact", lambda: level(cabinet, 25) == 0)
    await until("current", lambda: cabinet.bays["1"].car.current_a > 0)


async def test_voltage_and_load_of_the_house_reach_the_meters(cabinet, rig):
    path = cabinet.config.lines[0].link
    await rig.ask("voltage", voltage_v=270.0, phase="L3")
    await rig.ask("house", meter="main", current_a=[60.0, 0.0, 1.0])

    async def shown():
        values = await asyncio.to_thread(read_floats, path, 1, 0, 12)
        return values[2] == 270.0 and values[3:] == (60.0, 0.0, 1.0)
    await until("the meter to show them", shown)
    await rig.ask("voltage", voltage_v=None)

    async def usual():
        return round((await asyncio.to_thread(read_floats, path, 1, 0, 12))[2]) == 231
    await until("the usual voltage", usual)


async def test_a_register_may_stand_or_jump(cabinet, rig):
    await rig.plug("1")
    await charge(cabinet, "1", 17)
    path = cabinet.config.lines[0].link

    async def kwh():
        return (await asyncio.to_thread(read_floats, path, 2, 72, 2))[0]
    await rig.ask("register", meter="bay-1", how="frozen")
    stood = await kwh()
    await rig.ask("jump", meter="bay-1", by_wh=5000)
    assert await kwh() == stood
    await rig.ask("register", meter="bay-1", how="true")
    assert await kwh() > stood + 4.9
    await rig.ask("register", meter="bay-1", how="nan")
    assert await kwh() != await kwh()


async def test_a_meter_begins_anew_shows_what_it_is_told_and_refuses_what_it_is_told(cabinet, rig):
    meter = cabinet.meters["bay-1"]
    await rig.ask("jump", meter="bay-1", by_wh=5000)
    await rig.ask("reset", meter="bay-1")
    assert meter.physics.true_wh() == 0
    await rig.ask("reset", meter="bay-1", import_wh=17_250)
    assert meter.physics.true_wh() == 17_250
    await rig.ask("shows", meter="bay-1", values={"voltage_l1": 241.5, "current_l1": None})
    path = cabinet.config.lines[0].link
    shown = await asyncio.to_thread(read_floats, path, meter.unit, 0, 8)
    assert shown[0] == 241.5 and shown[3] != shown[3]
    await rig.ask("shows", meter="bay-1")
    assert (await asyncio.to_thread(read_floats, path, meter.unit, 0, 8))[0] != 241.5
    await rig.ask("refuses", meter="bay-1", quantities=["energy_export"], above=10, code=3)
    for request, answer in ((b"\x04\0\x48\0\x04", b"\x84\x02"), (b"\x04\0\0\0\x0c", b"\x84\x03")):
        assert meter.respond(request) == answer
    await rig.ask("refuses", meter="bay-1")
    assert meter.respond(b"\x04\0\x48\0\x04")[0] == 4


async def test_a_plug_that_bounces_is_out_for_a_moment(cabinet, rig):
    await rig.plug("1")
    await until("B", lambda: cabinet.bays["1"].board.cp == (2740, True))
    seen = []
    board = cabinet.bays["1"].board
    board.set_cp = lambda *load: seen.append(load[0])
    await rig.ask("bounce", evse="1", gap_s=0.05, times=2)
    await until("the plug", lambda: seen == [None, 2740, None, 2740])


async def test_supply_proximity_and_memory_of_a_board_can_be_bad(cabinet, rig):
    board = cabinet.bays["1"].board
    await rig.ask("supply", evse="1", supply_mv=9000)
    await rig.ask("proximity", evse="1", cable_ohm=680)
    assert (board.supply_mv, board.cable_ohm) == (9000, 680)
    await rig.ask("supply", evse="1")
    await rig.ask("proximity", evse="1")
    assert (board.supply_mv, board.cable_ohm) == (12000, None)
    await rig.ask("board_memory", evse="1")
    assert board.powers == [True, False, True]


async def test_the_pilot_may_be_at_any_level_and_is_the_cars_again_afterwards(cabinet, rig):
    board = cabinet.bays["1"].board
    await rig.plug("1")
    await rig.ask("pilot", evse="1", high_mv=-12000)
    await until("the level", lambda: board.cp == (-12000, -12000))
    await rig.ask("pilot", evse="1")
    await until("B", lambda: board.cp == (2740, True))


async def test_lines_of_the_pi_may_be_unreadable_or_left_on(cabinet, rig):
    server = cabinet.gpio
    for what, where, pin in (("input", "door", 24), ("mirror", "1", 27), ("coil", "2", 22)):
        await rig.ask("unreadable", what=what, where=where)
        assert server.answer(None, f"I {pin}").startswith("!")
        await rig.ask("unreadable", what=what, where=where, on=False)
        assert not server.answer(None, f"I {pin}").startswith("!")
    await rig.ask("leave_relay", evse="1", on=True)
    assert cabinet.bays["1"].relay
    relay(cabinet, 17, False)


@pytest.mark.parametrize(("do", "args", "complaint"), [
    ("input", {"input": "lid", "state": "well"}, "input: got 'lid', expected one of"),
    ("input", {"input": "door", "state": "ajar"}, "state: got 'ajar', expected one of well"),
    ("sensor", {"sensor": "nose"}, "sensor: got 'nose'"),
    ("sensor", {"sensor": "lug", "trouble": "odd"}, "trouble: got 'odd'"),
    ("voltage", {"voltage_v": 0, "phase": "N"}, "phase: got 'N', expected one of L1"),
    ("house", {"meter": "none", "current_a": 1}, "meter: got 'none'"),
    ("house", {"meter": "main", "current_a": [1]}, "current_a: got 1 values"),
    ("register", {"meter": "main", "how": "odd"}, "how: got 'odd', expected one of true"),
    ("shows", {"meter": "main", "values": {"taste": 1.0}}, "got quantity 'taste'"),
    ("refuses", {"meter": "main", "quantities": ["taste"]}, "got quantity 'taste'"),
    ("unreadable", {"what": "tea", "where": "1"}, "what: got 'tea', expected one of input"),
    ("tap", {"card": "carla", "how": "melted"}, "how: got 'melted', expected one of well"),
    ("tap", {"card": "nobody"}, "expected anna, bo, carla"),
    ("card_fault", {"fault": "odd"}, "fault: got 'odd', expected one of lose"),
    ("card_fault", {"fault": "lose", "reader": "back"}, "reader: got 'back'"),
    ("open_breaker", {"evse": "9"}, "evse: got '9'")])
async def test_a_request_that_cannot_be_is_refused_in_words(rig, do, args, complaint):
    with pytest.raises(RigError, match=complaint):
        await rig.ask(do, **args)
