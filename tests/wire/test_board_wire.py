"""The firmware itself, in real MicroPython, on a pty: what it answers, and pins seen from outside.

Limits in milliseconds are asserted in virtual time (tests/firmware); here it is asserted that things
happen within twenty times the limit, and the delays are recorded with the test's result.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from outlet_on_wire import DEADLINE_S, UNIT, A, B, C, D, E, until, words

from edge.bus.open import open_bus
from edge.controller.pilot import BoardFault, PilotState
from edge.controller.trouble import DeviceRefused
from edge.outlet import command
from edge.outlet import registers as r
from edge.outlet.board import PilotBoard
from edge.outlet.settings import BoardSettings
from hil_tests.virtual.board import Board, pilot_plateaus_mv
from hil_tests.virtual.micropython.runtime import FIRMWARE

pytestmark = pytest.mark.wire

#: What the two ports of MicroPython do differently: memory, pins, UART, time, flash, resets.
IN_BOTH_PORTS = pytest.mark.parametrize("port", [None, "wasm"], ids=["best", "wasm"])


@pytest.mark.parametrize(("load_ohm", "diode", "high_mv", "low_mv"), [
    (None, True, 12000, -12000), (2740, True, 8978, -12000), (882, True, 5995, -12000),
    (246, True, 2930, -12000), (0, True, 0, 0), (882, False, 5623, -5623)])
def test_the_car_loads_the_pilot_as_the_standard_draws_it(load_ohm, diode, high_mv, low_mv):
    high, low = pilot_plateaus_mv(load_ohm, diode)
    assert abs(high - high_mv) <= 5
    assert abs(low - low_mv) <= 5


@IN_BOTH_PORTS
def test_the_board_starts_safe_and_answers(board, outlet):
    assert (board.permit, board.permit_pin, board.duty, board.shunt) == (False, False, 1.0, False)
    status = outlet.read(r.BASE, r.BLOCK_COUNT)
    assert status[r.BOOT_COUNT - r.BASE] == 1
    assert status[r.DUTY_PERMYRIAD - r.BASE] == 10000
    assert status[r.MAP_VERSION - r.BASE] == r.MAP_VERSION_NOW
    assert outlet.write_one(r.BOOT_COUNT, 9) == 2


@IN_BOTH_PORTS
def test_every_state_is_seen_through_adc_and_pwm(outlet):
    expectations = {A: r.PILOT_A, B: r.PILOT_B, C: r.PILOT_C, D: r.PILOT_D, E: r.PILOT_E}
    for load, expected in expectations.items():
        outlet.see(load, expected)


@pytest.mark.parametrize("current_da", [60, 160, 320, 630, 800])
def test_the_offer_is_on_the_pin_and_both_plateaus_are_read_under_it(board, outlet, current_da):
    outlet.offer(current_da)
    percent = 100 * board.duty
    read_a = percent * 0.6 if percent <= 85 else (percent - 64) * 2.5
    assert read_a == pytest.approx(current_da / 10, abs=0.05)
    outlet.see(C, r.PILOT_C)
    assert outlet.signed(r.CP_HIGH_MV) == pytest.approx(5995, abs=60)
    assert outlet.signed(r.CP_LOW_MV) == pytest.approx(-12000, abs=60)


@IN_BOTH_PORTS
def test_a_car_is_woken_by_f_and_offered_again_after_x1(board, outlet, record_property):
    outlet.offer()
    plug_seq = outlet.read(r.PLUG_SEQ)
    assert outlet.command(r.COMMAND_WAKE, 0, 0, 1000) == 0
    f_s = until(lambda: board.duty == 0.0)
    until(lambda: outlet.state == r.PILOT_F)
    assert outlet.bits & r.PERMIT_WAKING
    f_s += until(lambda: board.duty == 1.0)
    record_property("f_s", round(f_s, 2))
    until(lambda: outlet.state == r.PILOT_B)
    assert outlet.command(r.COMMAND_OFFER, 0, 160) == 0
    record_property("x1_s", round(until(lambda: board.duty < 1.0), 2))
    assert not outlet.bits & r.PERMIT_WAKING
    assert (outlet.faults, outlet.read(r.PLUG_SEQ), board.permit_pin) == (0, plug_seq, False)
    outlet.see(C, r.PILOT_C)
    until(lambda: outlet.bits & r.PERMIT_DIODE_OK)
    assert outlet.command(r.COMMAND_WAKE, 0, 0, 1000) == 4
    assert outlet.read(r.REFUSED_BITS) == r.REFUSED_CAR
    assert outlet.grant() == 0


@IN_BOTH_PORTS
def test_a_grant_closes_once_and_c_to_b_opens(board, outlet, record_property):
    outlet.charge()
    used = outlet.read(r.GRANT_SEQ)
    board.set_cp(B)
    record_property("cp_edge_to_permit_off_ms", round(1000 * outlet.opened(20 * 0.060), 1))
    outlet.see(C, r.PILOT_C)
    assert outlet.command(r.COMMAND_GRANT, used, 160, 5000) == 4
    assert outlet.read(r.REFUSED_BITS) == r.REFUSED_SEQUENCE
    assert not board.permit_pin
    assert outlet.command(r.COMMAND_GRANT, used + 1, 160, 5000) == 0
    until(lambda: board.permit)


def test_a_missing_diode_is_seen_through_the_adc(board, outlet):
    outlet.see(A, r.PILOT_A)
    until(lambda: outlet.bits & r.PERMIT_TEST_OK)
    board.set_cp(B, diode=False)
    until(lambda: outlet.state == r.PILOT_B)
    outlet.command(r.COMMAND_OFFER, 0, 160)
    until(lambda: outlet.faults == r.FAULT_DIODE)
    until(lambda: board.duty == 1.0)


@pytest.mark.parametrize(("ohm", "rating_a"), [(None, 0), (1500, 13), (680, 20), (220, 32), (100, 63)])
def test_the_cable_is_recognised(board, outlet, ohm, rating_a):
    board.set_pp(ohm)
    until(lambda: outlet.read(r.CABLE_A) == rating_a)


@IN_BOTH_PORTS
def test_temperature_and_supply_come_through_the_adc(board, outlet):
    for celsius in (-20.0, 25.0, 60.0):
        board.set_temperature_c(celsius)
        until(lambda wanted=10 * celsius: abs(outlet.signed(r.TEMPERATURE_DC) - wanted) <= 12)
    assert outlet.read(r.SUPPLY_MV) == pytest.approx(12000, abs=20)
    assert outlet.faults == 0
    board.set_temperature_c(75.0)
    until(lambda: outlet.faults == r.FAULT_TEMPERATURE)
    board.set_temperature_c(None)
    until(lambda: outlet.signed(r.TEMPERATURE_DC) == -32768)
    board.set_supply_mv(9000)
    until(lambda: outlet.faults == r.FAULT_TEMPERATURE | r.FAULT_BROWN_OUT)


def test_noise_on_the_pilot_changes_no_state(board, outlet):
    outlet.offer(60)
    board.set_noise_mv(400)
    counted = outlet.read(r.PLUG_SEQ)
    for _ in range(100):
        assert outlet.state == r.PILOT_B
        assert outlet.bits & r.PERMIT_DIODE_OK
    assert outlet.read(r.PLUG_SEQ) == counted


@IN_BOTH_PORTS
def test_tools_learn_what_the_board_is(outlet):
    answer = outlet.ask(b"\x2b\x0e\x01\x00")  # basic, as a stream
    assert answer[:3] == b"\x2b\x0e\x01"
    objects, at = {}, 7
    for _ in range(answer[6]):
        number, size = answer[at:at + 2]
        objects[number] = answer[at + 2:at + 2 + size].decode()
        at += 2 + size
    assert at == len(answer)
    major, minor = divmod(outlet.read(r.FIRMWARE), 100)
    assert objects[0] == "Forecourt"
    assert objects[2] == f"{major}.{minor}"


def test_settings_are_taken_as_a_whole_and_in_order_or_not_at_all(outlet):
    block = outlet.read(r.SETTINGS, r.SETTINGS_COUNT)
    wanted = [block[0] + 1, 60, 30, 4000, 0, 500, 300]
    assert outlet.write(r.SETTINGS, block[0], *wanted[1:]) == 4
    assert outlet.read(r.REFUSED_BITS) == r.REFUSED_SEQUENCE
    assert outlet.write(r.SETTINGS, *wanted[:2], 601, *wanted[3:]) == 3
    assert outlet.write_one(r.FAILSAFE_DA, 60) == 2
    assert outlet.read(r.SETTINGS, r.SETTINGS_COUNT) == block
    assert outlet.write(r.SETTINGS, *wanted) == 0
    assert outlet.read(r.SETTINGS, r.SETTINGS_COUNT) == wanted


def test_other_tools_may_only_lower(board, outlet):
    outlet.charge(ttl_ms=2000)
    assert outlet.write_one(r.WB_SET_A, 20) == 3
    assert outlet.read(r.WB_ACTUAL_A) == 16
    assert outlet.write_one(r.WB_SET_A, 10) == 0
    assert board.duty == pytest.approx(0.1666, abs=0.001)
    # neither reading nor writing there is a heartbeat
    while board.duty != 1.0:
        outlet.read(r.WB_SET_A, r.WB_COUNT)
        assert outlet.write_one(r.WB_SET_A, 10) in (0, 3)
    board.set_cp(B)
    outlet.opened(DEADLINE_S)


def test_other_tools_may_turn_off_and_never_on(board, outlet):
    outlet.charge()
    assert outlet.write_one(r.WB_COMMAND, 2) == 3
    assert board.permit
    assert outlet.write_one(r.WB_COMMAND, 1) == 0
    assert not board.permit_pin
    outlet.opened(DEADLINE_S)
    assert outlet.write_one(r.WB_COMMAND, 0) == 0
    assert not board.permit_pin


def test_a_broadcast_is_neither_answered_nor_obeyed(board, outlet):
    outlet.charge()
    revoke = b"\x10" + words(r.COMMAND, 4) + b"\x08" + words(r.COMMAND_REVOKE, 0, 0, 0)
    assert outlet.tell(revoke, 0)
    assert outlet.tell(revoke, UNIT + 1)
    assert board.permit
    assert outlet.command(r.COMMAND_REVOKE) == 0
    assert not board.permit_pin


@IN_BOTH_PORTS
def test_garbage_on_the_line_neither_closes_nor_stops_the_loop(board, outlet):
    board.set_cp(B)
    for size in (1, 7, 300, 2000):
        os.write(board.uart_fd, os.urandom(size))
        time.sleep(0.02)
    until(lambda: outlet.state == r.PILOT_B)
    assert (board.permit_pin, board.boots) == (False, 1)
    assert outlet.read(r.BAD_FRAMES) > 0


@IN_BOTH_PORTS
def test_the_board_tells_its_memory_and_its_worst_turn(board, outlet, record_property):
    used, free = outlet.u32(r.HEAP_USED), outlet.u32(r.HEAP_FREE)
    record_property("heap_used", used)
    record_property("loop_max_ms", outlet.read(r.LOOP_MAX_MS))
    assert 5_000 < used < 200_000
    assert free > 50_000
    assert outlet.read(r.LOOP_MAX_MS) >= 4


#: An ADC that hands out one capture for ever: the virtual one allocates, the real one is silicon.
QUIET_ADC = """
from sampling import empty_capture, windows_of
PROXIMITY, SUPPLY, TEMPERATURE = 1, 2, 3
class Sampler:
    def __init__(self):
        self.windows = windows_of(memoryview(empty_capture()))
        self.count, self.channel, self.raw = 200, 1, 2000
    def take(self):
        self.channel = self.channel % 3 + 1
        return True
"""
#: Bytes that a hundred turns of the board layer leave on the heap, with PWM and PERMIT on.
COUNTS_BYTES = """
import gc
from board import Board, load_settings
from core import Core
def turns(board, core, count):
    for _ in range(count):
        board.wait(0)
        board.receive()
        board.ticks_ms()
        board.sense(core.inputs, core.calibration)
        board.drive(core.outputs)
        board.feed_watchdog()
board, core = Board(load_settings()), Core()
core.outputs.permit, core.outputs.duty_permyriad = True, 5000
turns(board, core, 5)
gc.collect()
gc.disable()
before = gc.mem_alloc()
turns(board, core, 100)
print("left", gc.mem_alloc() - before, "bytes,", core.inputs.periods, "periods")
"""


def test_a_turn_of_the_board_layer_allocates_nothing(micropython, tmp_path):
    if micropython.port != "unix":
        pytest.skip("the port in node allocates at each crossing into JavaScript")
    measuring = tmp_path / "firmware"
    shutil.copytree(FIRMWARE, measuring, ignore=shutil.ignore_patterns("__pycache__"))
    (measuring / "adc.py").write_text(QUIET_ADC)
    (measuring / "main.py").write_text(COUNTS_BYTES)
    with Board(tmp_path / "flash", unit=UNIT, firmware=measuring, runtime=micropython) as board:
        until(lambda: "left" in board.console)
        assert board.console.splitlines()[0] == "left 0 bytes, 4 periods"


@IN_BOTH_PORTS
def test_memory_is_given_back_between_turns(micropython, tmp_path):
    """The webassembly port collects only while no Python runs; until then its heap grows."""
    wasteful = tmp_path / "firmware"
    wasteful.mkdir()
    (wasteful / "main.py").write_text(
        "import gc\ndef run():\n    for _ in range(200):\n        bytearray(50000)\n        yield\n"
        "    print('left', gc.mem_alloc(), 'bytes')\n"
        "if __name__ == '__main__':\n    for _ in run():\n        pass\n")
    with Board(tmp_path / "flash", unit=UNIT, firmware=wasteful, runtime=micropython) as board:
        until(lambda: "bytes" in board.console)
        assert int(board.console.split("left ")[1].split()[0]) < 1_000_000


@IN_BOTH_PORTS
def test_an_error_of_the_firmware_ends_safe_and_in_a_restart(micropython, tmp_path):
    broken = tmp_path / "firmware"
    shutil.copytree(FIRMWARE, broken, ignore=shutil.ignore_patterns("__pycache__"))
    with (broken / "core.py").open("a") as file:
        file.write("\n\ndef fail(*_):\n    raise ValueError('played')\n\n\nCore.step = fail\n")
    with Board(tmp_path / "flash", unit=UNIT, firmware=broken, runtime=micropython) as board:
        until(lambda: board.boots >= 3)
        assert (board.permit_pin, board.duty) == (False, 1.0)
        assert "ValueError: played" in board.console
        assert sum(slot.stat().st_size for slot in board.folder.glob("kept*")) >= 3 * 50


@IN_BOTH_PORTS
def test_a_board_does_not_outlive_its_rig(micropython, tmp_path):
    program = ("import sys, time, pathlib; from hil_tests.virtual.board import Board\n"
               "from hil_tests.virtual.micropython.runtime import find_micropython\n"
               "runtime = find_micropython(sys.argv[2])\n"
               "board = Board(pathlib.Path(sys.argv[1]), unit=1, runtime=runtime)\n"
               "board.start(); board.wait_ready()\n"
               "print(board.pid, flush=True); time.sleep(600)")
    command_line = [sys.executable, "-c", program, str(tmp_path), micropython.port]
    with subprocess.Popen(command_line, stdout=subprocess.PIPE) as rig:
        assert rig.stdout is not None
        pid = int(rig.stdout.readline())
        rig.kill()
    until(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text())


async def test_the_controllers_adapter_drives_it_over_the_bus(board, record_property):
    bus = open_bus(f"rtu:{board.port}?baud=19200&parity=E")
    await bus.start()
    try:
        pilot = PilotBoard(bus, UNIT, time.monotonic_ns)
        await pilot.configure(BoardSettings(failsafe_a=6))
        await seen(pilot, lambda status: status.pilot is PilotState.A and status.test_ok)
        with pytest.raises(DeviceRefused, match="no car is plugged in"):
            await pilot.offer(16)
        board.set_cp(B)
        await seen(pilot, lambda status: status.pilot is PilotState.B)
        began = time.monotonic()
        await pilot.offer(16)
        record_property("offer_to_pwm_confirmed_ms", round(1000 * (time.monotonic() - began), 1))
        assert board.duty == pytest.approx(0.2666, abs=0.001)
        await seen(pilot, lambda status: status.diode_ok)
        board.set_cp(C)
        await seen(pilot, lambda status: status.pilot is PilotState.C)
        await pilot.grant(16, 5)
        assert board.permit
        await pilot.renew(13, 5)
        status = await pilot.poll()
        assert (status.permit, status.offered_a, status.plug_seq) == (True, 13.0, 1)
        await pilot.revoke()
        assert not board.permit
        await pilot.withdraw()
        assert (await pilot.poll()).pwm_on is False
        board.set_pin("estop", True)
        await seen(pilot, lambda status: BoardFault.EMERGENCY_STOP in status.faults)
    finally:
        await bus.close()


async def seen(pilot, wanted):
    deadline = time.monotonic() + DEADLINE_S
    while not wanted(status := await pilot.poll()):
        assert time.monotonic() < deadline, f"{status}"
    return status


def test_the_command_prints_what_the_board_says(board, outlet, capsys):
    outlet.see(A, r.PILOT_A)
    url = f"rtu:{board.port}?baud=19200&parity=E"
    assert command.main(["info", "--url", url, "--unit", str(UNIT)]) == 0
    printed = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()
                   if len(line.split()) > 1)
    assert (printed["pilot"], printed["boot_count"]) == ("A", "1")


def test_the_command_says_what_to_check_when_nobody_answers(board, capsys):
    assert command.main(["info", "--url", f"rtu:{board.port}?baud=19200", "--unit", "12"]) == 1
    assert "A/B wires" in capsys.readouterr().err


def test_the_command_refuses_a_url_that_is_none(capsys):
    assert command.main(["info", "--url", "nonsense", "--unit", "1"]) == 2
    assert capsys.readouterr().err
