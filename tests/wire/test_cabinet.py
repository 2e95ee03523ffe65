"""The virtual cabinet from the outside: its control socket, its lines, its card field.

The boards are fakes at their pins here (their firmware has tests of its own), everything else is real.
"""

import asyncio
import contextlib
from pathlib import Path

import pytest
from cabinet_bench import DEADLINE_S, FakeBoard, charge, config, read_floats, relay, until

from hil_tests.rig import RigError
from hil_tests.virtual.cabinet import Cabinet
from hil_tests.virtual.cabinet_config import RelaySpec
from hil_tests.virtual.rig import VirtualRig

pytestmark = pytest.mark.wire

@pytest.fixture
async def cabinet(tmp_path):
    cabinet = Cabinet(config(tmp_path), FakeBoard)
    await cabinet.start()
    yield cabinet
    await cabinet.stop()


@pytest.fixture
async def rig(cabinet):
    async with VirtualRig(Path(cabinet.config.control)) as rig:
        yield rig


async def test_plugging_in_loads_the_pilot_and_unplugging_opens_it(cabinet, rig):
    board = cabinet.bays["1"].board
    await rig.plug("1")
    await until("B", lambda: board.cp == (2740, True))
    await rig.set_cp("1", 246, diode=False)
    await until("override", lambda: board.cp == (246, False))
    await rig.unplug("1")
    await until("A", lambda: board.cp == (None, True))


@pytest.mark.parametrize(("relay_on", "permit", "coil"), [
    (False, False, False), (True, False, False), (False, True, False), (True, True, True)])
async def test_the_coil_needs_the_pi_and_the_board(cabinet, rig, relay_on, permit, coil):
    cabinet.bays["1"].board.permit = permit
    relay(cabinet, 17, relay_on)
    await until("the moves", lambda: cabinet.bays["1"].relay is relay_on)
    cabinet.step()
    assert await rig.coil_on("1") is coil
    assert await rig.coil_on("2") is False


async def test_the_mirror_contact_reaches_the_pi_and_the_board(cabinet, rig):
    bay = cabinet.bays["1"]
    await until("open", lambda: bay.board.pins.get("mirror") is False)
    await rig.weld("1")
    await until("closed", lambda: bay.board.pins.get("mirror") is True)
    assert cabinet.gpio._line(27).level == 1
    await rig.ask("mirror", evse="1", side="pi", level=False)
    await until("a broken wire", lambda: cabinet.gpio._line(27).level == 0)
    assert bay.board.pins.get("mirror") is True


async def test_what_the_car_draws_is_metered_on_the_wire(cabinet, rig):
    await rig.plug("2")
    await charge(cabinet, "2", 22)
    path = cabinet.config.lines[0].link

    async def amps(unit):
        return tuple(round(a, 1) for a in await asyncio.to_thread(read_floats, path, unit, 6, 6))

    async def settled():
        return await amps(3) == (10.0, 0.0, 0.0)

    await until("the meter of the bay in its own phase order", settled)
    # The bay's first phase hangs on L2: that is where the main meter sees it, beside the house.
    assert await amps(1) == (2.0, 12.0, 2.0)
    assert await amps(2) == (0.0, 0.0, 0.0)
    before = await rig.register_wh("2")

    async def grown():
        return await rig.register_wh("2") > before

    await until("the register to grow", grown)


async def test_a_meter_behind_the_contactor_is_dead_while_it_is_open(cabinet):
    path = cabinet.config.lines[0].link
    assert (await asyncio.to_thread(read_floats, path, 2, 72, 2))[0] == 1.0
    with pytest.raises(AssertionError, match="unit 3 answered"):
        await asyncio.to_thread(read_floats, path, 3, 72, 2)


async def test_a_weld_keeps_the_current_flowing_and_the_log_says_so(cabinet, rig):
    await rig.plug("1")
    await charge(cabinet, "1", 17)
    await rig.weld("1")
    relay(cabinet, 17, False)
    cabinet.bays["1"].board.permit = False
    state = await until("the coil to drop", lambda: not cabinet.bays["1"].coil and cabinet.bays["1"])
    await asyncio.sleep(0.05)
    assert state.contactor.closed
    await rig.restore("contactor", "1")
    await until("the repaired contactor to open", lambda: not state.contactor.closed)
    moves = [(m["what"], m["level"], m["cause"]) for m in await rig.moves() if m["evse"] == "1"]
    assert moves == [
        ("permit", True, "PERMIT of the board"), ("relay", True, "output by test"),
        ("coil", True, "output by test"), ("contact", True, "coil on"),
        ("relay", False, "output by test"), ("coil", False, "output by test"),
        ("permit", False, "PERMIT of the board"), ("contact", False, "repaired by the rig")]


@pytest.mark.parametrize(("stuck", "off", "request_sensed"), [
    ("relay", "relay", True), ("relay", "permit", True), ("interlock", "permit", True),
    ("interlock", "relay", False)])
async def test_a_channel_that_is_bridged_feeds_the_coil_whatever_it_is_told(
        cabinet, rig, stuck, off, request_sensed):
    bay = cabinet.bays["1"]
    await rig.plug("1")
    await charge(cabinet, "1", 17)
    await rig.stick("1", stuck)
    if off == "relay":
        relay(cabinet, 17, False)
    else:
        bay.board.permit = False
    held = (stuck, off) in {("relay", "relay"), ("interlock", "permit")}
    await until("the contacts", lambda: bay.coil is held and bay.contactor.closed is held)
    assert bay.board.pins["request"] is request_sensed
    relay(cabinet, 17, False)
    bay.board.permit = False
    await until("the contacts", lambda: not bay.contactor.closed)
    await rig.restore(stuck, "1")
    await until("the sense", lambda: bay.board.pins["request"] is False)


async def test_the_shunt_trip_opens_the_breaker_until_somebody_closes_it(cabinet, rig):
    bay = cabinet.bays["1"]
    await rig.plug("1")
    await charge(cabinet, "1", 17)
    await rig.weld("1")
    bay.board.shunt = True
    await until("the current to end", lambda: bay.car.current_a == 0)
    bay.board.shunt = False
    await asyncio.sleep(0.05)
    assert await rig.breaker_on("1") is False and bay.contactor.closed
    assert await rig.breaker_on("2") is True
    await rig.restore("breaker", "1")
    await until("current", lambda: bay.car.current_a > 0)
    assert [(m["level"], m["cause"]) for m in await rig.moves() if m["what"] == "breaker"] == [
        (False, "shunt trip of the board"), (True, "closed by the rig")]


async def test_the_emergency_stop_breaks_the_coils_supply_by_itself(cabinet, rig):
    bay = cabinet.bays["1"]
    await rig.plug("1")
    await charge(cabinet, "1", 17)
    await rig.ask("estop", evse="1")
    await until("the contacts", lambda: not bay.contactor.closed)
    assert bay.relay and bay.board.permit and bay.board.pins["request"] is False
    await rig.restore("estop", "1")
    await until("the contacts", lambda: bay.contactor.closed)


async def test_the_module_and_the_sensor_of_a_board_can_be_broken(cabinet, rig):
    board = cabinet.bays["1"].board
    await rig.ask("rcd_module", evse="1", how="dead")
    await rig.ask("temperature", evse="1", temperature_c=None)
    assert (board.rcd_module, board.temperature_c) == ("dead", None)


async def test_residual_current_and_emergency_stop_reach_the_board(cabinet, rig):
    board = cabinet.bays["2"].board
    await rig.rcd_trip("2")
    await rig.ask("estop", evse="2")
    assert (board.pins["rcd"], board.pins["estop"]) == (True, True)
    await rig.restore("rcd", "2")
    await rig.restore("estop")
    assert (board.pins["rcd"], board.pins["estop"]) == (False, False)


async def test_cutting_the_power_drops_every_coil_and_silences_the_line(cabinet, rig):
    await rig.plug("1")
    await charge(cabinet, "1", 17)
    await rig.cut("power")
    assert await rig.coil_on("1") is False
    await until("the contacts", lambda: not cabinet.bays["1"].contactor.closed)
    with pytest.raises(AssertionError, match="unit 2 answered"):
        await asyncio.to_thread(read_floats, cabinet.config.lines[0].link, 2, 72, 2)
    await rig.restore("power")
    assert (await asyncio.to_thread(read_floats, cabinet.config.lines[0].link, 2, 72, 2))[0] >= 1.0
    assert cabinet.bays["1"].board.powers == [True, False, True]


async def test_cutting_a_bus_silences_it_until_it_is_restored(cabinet, rig):
    path = cabinet.config.lines[0].link
    await rig.cut("bus", "cabinet")
    with pytest.raises(AssertionError, match="unit 1 answered"):
        await asyncio.to_thread(read_floats, path, 1, 72, 2)
    await rig.restore("bus", "cabinet")
    assert len(await asyncio.to_thread(read_floats, path, 1, 72, 2)) == 1


async def test_a_tapped_card_is_in_the_field_for_a_while(cabinet, rig):
    field = cabinet.fields["front"]
    tap = asyncio.create_task(rig.tap("anna"))
    await until("the card", lambda: field._card is not None)
    await tap
    assert field._card is None


@pytest.mark.parametrize(("do", "args", "complaint"), [
    ("plug", {"evse": "9"}, "evse: got '9', expected one of"),
    ("fly", {}, "request: got 'fly', expected one of"),
    ("cut", {"what": "grass"}, "cut: got 'grass'"),
    ("cut", {"what": "network"}, "no relay"),
    ("tap", {"card": "nobody"}, "card: got 'nobody'"),
    ("tap", {"card": "anna", "reader": "back"}, "reader: got 'back'"),
    ("car", {"evse": "1", "colour": 3}, "car: got"),
    ("on_exit", {"how": "explode"}, "on_exit: got"),
    ("stick", {"evse": "1", "channel": "door"}, "channel: got 'door', expected one of relay"),
    ("rcd_module", {"evse": "1", "how": "odd"}, "how: got 'odd', expected one of good"),
    ("line_fault", {"line": "cabinet", "kind": "odd"}, "fault: got 'odd'"),
    ("plug", {"bay": "1"}, "bad request")])
async def test_a_request_that_cannot_be_is_refused_in_words(rig, do, args, complaint):
    with pytest.raises(RigError, match=complaint):
        await rig.ask(do, **args)
    assert await rig.now() > 0, "the socket is still usable"


async def test_a_client_learns_that_the_cabinet_is_gone(cabinet, rig):
    waiting = asyncio.create_task(rig.tap("anna"))
    await until("the card", lambda: cabinet.fields["front"]._card is not None)
    await cabinet.stop()
    with pytest.raises(RigError, match="closed its control socket"):
        await waiting


async def test_the_network_can_be_cut_and_swallowed(tmp_path):
    echoes = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = echoes.sockets[0].getsockname()[1]
    cabinet = Cabinet(config(tmp_path, relay=RelaySpec(listen_port=0, broker_port=port)), FakeBoard)
    await cabinet.start()
    try:
        async with VirtualRig(tmp_path / "rig.sock") as rig, asyncio.timeout(DEADLINE_S):
            await check_cuts(rig, cabinet.relay.listen_port)
    finally:
        await cabinet.stop()
        echoes.close()


async def check_cuts(rig, port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await exchange(reader, writer) == b"ping"
    await rig.cut("network", how="blackhole")
    writer.write(b"late")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.readexactly(4), 0.1)
    await rig.restore("network")
    assert await reader.readexactly(4) == b"late"
    await rig.cut("network")
    with contextlib.suppress(ConnectionError):
        assert await reader.read(4) == b""
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", port)
    await rig.restore("network")
    fresh_reader, fresh_writer = await asyncio.open_connection("127.0.0.1", port)
    assert await exchange(fresh_reader, fresh_writer) == b"ping"
    for one in (writer, fresh_writer):
        one.close()
        with contextlib.suppress(ConnectionError):
            await one.wait_closed()


async def exchange(reader, writer):
    writer.write(b"ping")
    return await reader.readexactly(4)


async def echo(reader, writer):
    try:
        while data := await reader.read(100):
            writer.write(data)
    except ConnectionError:
        pass
    finally:
        writer.close()
