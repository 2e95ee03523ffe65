"""The firmware itself, in real MicroPython, on a pty: frames built here, pins seen from outside.

Limits in milliseconds are asserted in virtual time (tests/firmware); here it is asserted that things
happen, with deadlines for a loaded machine, and the delays are recorded with the test's result.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.bus.open import open_bus
from edge.controller.pilot import BoardFault, PilotState
from edge.controller.trouble import DeviceRefused
from edge.outlet import command
from edge.outlet import registers as r
from edge.outlet.board import PilotBoard
from hil_tests.virtual.board import Board, pilot_plateaus_mv
from hil_tests.virtual.micropython.runtime import FIRMWARE, NoMicroPython, fetch_micropython

pytestmark = pytest.mark.wire

UNIT = 11
DEADLINE_S = 20.0
A, B, C, D, E = None, 2740, 882, 246, 0
#: What the two ports of MicroPython do differently: memory, pins, UART, time, flash, resets.
IN_BOTH_PORTS = pytest.mark.parametrize("port", [None, "wasm"], ids=["best", "wasm"])


@pytest.fixture
def port():
    """Of MicroPython; None, unless a test says otherwise: the best of this machine."""


@pytest.fixture(scope="session")
def ports():
    """Each port that was asked for: its runtime, or why there is none."""
    return {}


@pytest.fixture
def micropython(port, ports):
    if port not in ports:
        try:
            ports[port] = fetch_micropython(port)
        except NoMicroPython as error:
            if port is None:
                raise
            ports[port] = str(error)
    if isinstance(ports[port], str):
        pytest.skip(ports[port])
    return ports[port]


@pytest.fixture
def board(micropython, tmp_path):
    with Board(tmp_path / "flash", unit=UNIT, runtime=micropython) as running:
        running.wait_ready()
        yield running
        assert "Traceback" not in running.console


def crc(data):
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ 0xA001 if register & 1 else register >> 1
    return register.to_bytes(2, "little")


def words(*values):
    return b"".join(value.to_bytes(2, "big") for value in values)


def ask(board, pdu, unit=UNIT):
    """One request; the answer's PDU. Repeats after silence, as a master does."""
    request = bytes([unit]) + pdu
    request += crc(request)
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        os.write(board.uart_fd, request)
        reply = b""
        while select.select([board.uart_fd], [], [], 0.5)[0]:
            reply += os.read(board.uart_fd, 512)
            if len(reply) > 4 and crc(reply[:-2]) == reply[-2:]:
                assert reply[0] == unit
                return reply[1:-2]
    raise AssertionError(f"no answer to {request.hex(' ')}; console: {board.console}")


def read(board, address, count=1):
    answer = ask(board, b"\x03" + words(address, count))
    assert answer[:2] == bytes([3, 2 * count])
    got = [int.from_bytes(answer[2 + 2 * i:4 + 2 * i], "big") for i in range(count)]
    return got[0] if count == 1 else got


def send(board, code, sequence=0, current_da=0, ttl_ms=0):
    """FC16 over the command block; 0 or the exception code."""
    values = words(code, sequence, current_da, ttl_ms)
    answer = ask(board, b"\x10" + words(r.COMMAND, 4) + b"\x08" + values)
    return answer[1] if answer[0] & 0x80 else 0


def write(board, address, value):
    answer = ask(board, b"\x06" + words(address, value))
    return answer[1] if answer[0] & 0x80 else 0


def until(condition, deadline_s=DEADLINE_S):
    """Seconds until `condition()`."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < deadline_s, "it did not happen"
        time.sleep(0.001)
    return time.monotonic() - began


def state(board):
    return read(board, r.PERMIT_BITS) >> 8


def charge(board, current_da=160):
    board.set_cp(A)
    until(lambda: state(board) == r.PILOT_A)
    board.set_cp(B)
    until(lambda: state(board) == r.PILOT_B)
    assert send(board, r.COMMAND_OFFER, 0, current_da) == 0
    until(lambda: read(board, r.PERMIT_BITS) & r.PERMIT_DIODE_OK)
    board.set_cp(C)
    until(lambda: state(board) == r.PILOT_C)
    assert send(board, r.COMMAND_GRANT, read(board, r.GRANT_SEQ) + 1, current_da, 5000) == 0
    until(lambda: board.permit)
    board.set_pin("mirror", True)


@pytest.mark.parametrize(("load_ohm", "diode", "high_mv", "low_mv"), [
    (None, True, 12000, -12000), (2740, True, 8978, -12000), (882, True, 5995, -12000),
    (246, True, 2930, -12000), (0, True, 0, 0), (882, False, 5623, -5623)])
def test_the_car_loads_the_pilot_as_the_standard_draws_it(load_ohm, diode, high_mv, low_mv):
    high, low = pilot_plateaus_mv(load_ohm, diode)
    assert abs(high - high_mv) <= 5
    assert abs(low - low_mv) <= 5


@IN_BOTH_PORTS
def test_the_board_starts_safe_and_answers(board):
    assert (board.permit, board.duty) == (False, 1.0)
    status = read(board, r.BASE, r.BLOCK_COUNT)
    assert status[r.BOOT_COUNT - r.BASE] == 1
    assert status[r.DUTY_PERMYRIAD - r.BASE] == 10000
    assert write(board, r.FAILSAFE_DA, 60) == 0
    assert write(board, r.BOOT_COUNT, 9) == 2


@IN_BOTH_PORTS
def test_every_state_is_seen_through_adc_and_pwm(board):
    expectations = {A: r.PILOT_A, B: r.PILOT_B, C: r.PILOT_C, D: r.PILOT_D, E: r.PILOT_E}
    for load, expected in expectations.items():
        board.set_cp(load)
        until(lambda expected=expected: state(board) == expected)


@pytest.mark.parametrize("current_da", [60, 160, 320, 630])
def test_the_offer_is_on_the_pin_and_states_are_seen_under_pwm(board, current_da):
    board.set_cp(B)
    until(lambda: state(board) == r.PILOT_B)
    assert send(board, r.COMMAND_OFFER, 0, current_da) == 0
    percent = 100 * board.duty
    read_a = percent * 0.6 if percent <= 85 else (percent - 64) * 2.5
    assert read_a == pytest.approx(current_da / 10, abs=0.05)
    until(lambda: read(board, r.PERMIT_BITS) & r.PERMIT_DIODE_OK)
    board.set_cp(C)
    until(lambda: state(board) == r.PILOT_C)


@IN_BOTH_PORTS
def test_a_grant_closes_once_and_c_to_b_opens(board, record_property):
    charge(board)
    used = read(board, r.GRANT_SEQ)
    board.set_cp(B)
    record_property("cp_edge_to_permit_off_ms", round(1000 * until(lambda: not board.permit), 1))
    board.set_pin("mirror", False)
    board.set_cp(C)
    until(lambda: state(board) == r.PILOT_C)
    assert send(board, r.COMMAND_GRANT, used, 160, 5000) == 4
    assert read(board, r.REFUSED_BITS) == r.REFUSED_SEQUENCE
    assert not board.permit
    assert send(board, r.COMMAND_GRANT, used + 1, 160, 5000) == 0
    until(lambda: board.permit)


@IN_BOTH_PORTS
def test_a_residual_current_opens_and_stays_latched(board, record_property):
    charge(board)
    board.set_pin("rcd", True)
    record_property("rcd_edge_to_permit_off_ms", round(1000 * until(lambda: not board.permit), 1))
    board.set_pin("mirror", False)
    board.set_pin("rcd", False)
    fault_seq = read(board, r.FAULT_SEQ)
    assert read(board, r.FAULT_BITS) == r.FAULT_RCD
    assert send(board, r.COMMAND_ACK, fault_seq + 1) == 4
    until(lambda: send(board, r.COMMAND_ACK, fault_seq) == 0)  # once the input is quiet again
    assert read(board, r.FAULT_BITS) == 0


def test_a_missing_diode_is_seen_through_the_adc(board):
    board.set_cp(A)
    until(lambda: state(board) == r.PILOT_A)
    board.set_cp(B, diode=False)
    until(lambda: state(board) == r.PILOT_B)
    send(board, r.COMMAND_OFFER, 0, 160)
    until(lambda: read(board, r.FAULT_BITS) == r.FAULT_DIODE)
    until(lambda: board.duty == 1.0)


@pytest.mark.parametrize(("ohm", "rating_a"), [(None, 0), (1500, 13), (680, 20), (220, 32), (100, 63)])
def test_the_cable_is_recognised(board, ohm, rating_a):
    board.set_pp(ohm)
    until(lambda: read(board, r.CABLE_A) == rating_a)


def test_a_lost_heartbeat_lowers_then_ends_in_x1_then_opens(board, record_property):
    assert write(board, r.HOLD_S, 1) == 0
    assert write(board, r.GRANT_TTL_MS, 1000) == 0
    assert write(board, r.FAILSAFE_DA, 60) == 0
    charge_with_ttl(board, 1000)
    record_property("lost_heartbeat_to_failsafe_s", round(until(lambda: board.duty < 0.11), 2))
    assert board.permit
    record_property("failsafe_to_x1_s", round(until(lambda: board.duty == 1.0), 2))
    assert board.permit
    board.set_cp(B)  # or six seconds: in virtual time
    until(lambda: not board.permit)
    assert read(board, r.FAULT_BITS) & r.FAULT_HEARTBEAT


def charge_with_ttl(board, ttl_ms):
    board.set_cp(B)
    until(lambda: state(board) == r.PILOT_B)
    assert send(board, r.COMMAND_OFFER, 0, 160) == 0
    until(lambda: read(board, r.PERMIT_BITS) & r.PERMIT_DIODE_OK)
    board.set_cp(C)
    until(lambda: state(board) == r.PILOT_C)
    assert send(board, r.COMMAND_GRANT, 1, 160, ttl_ms) == 0


@IN_BOTH_PORTS
def test_a_frozen_core_is_reset_and_the_outlet_is_safe(board, record_property):
    charge(board)
    os.kill(board.pid, signal.SIGSTOP)
    record_property("frozen_to_permit_off_s", round(until(lambda: not board.permit), 2))
    until(lambda: board.boots == 2)
    board.wait_ready()
    assert read(board, r.BOOT_COUNT) == 2
    assert read(board, r.RESET_CAUSE) == 3
    assert (board.permit, board.duty) == (False, 1.0)


def test_a_dead_core_is_reset_too(board):
    charge(board)
    os.kill(board.pid, signal.SIGKILL)
    until(lambda: not board.permit)
    until(lambda: read(board, r.BOOT_COUNT) == 2)


@IN_BOTH_PORTS
def test_an_error_of_the_firmware_ends_safe_and_in_a_restart(micropython, tmp_path):
    broken = tmp_path / "firmware"
    shutil.copytree(FIRMWARE, broken, ignore=shutil.ignore_patterns("__pycache__"))
    with (broken / "desk.py").open("a") as file:
        file.write("\n\ndef fail(*_):\n    raise ValueError('played')\n\n\nDesk.tick = fail\n")
    with Board(tmp_path / "flash", unit=UNIT, firmware=broken, runtime=micropython) as board:
        until(lambda: board.boots >= 3)
        assert (board.permit, board.duty) == (False, 1.0)
        assert "ValueError: played" in board.console
        assert int((board.folder / "boots").read_text()) >= 2


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
def test_without_supply_there_is_neither_permit_nor_pilot_nor_answer(board):
    charge(board)
    board.power(False)
    assert (board.permit, board.duty, board.pid) == (False, None, None)
    os.write(board.uart_fd, b"nobody hears this")
    board.power(True)
    board.wait_ready()
    assert read(board, r.BOOT_COUNT) == 2
    assert read(board, r.RESET_CAUSE) == 1
    assert not board.permit


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


@IN_BOTH_PORTS
def test_garbage_on_the_line_neither_closes_nor_stops_the_loop(board):
    board.set_cp(B)
    for size in (1, 7, 300, 2000):
        os.write(board.uart_fd, os.urandom(size))
        time.sleep(0.02)
    until(lambda: state(board) == r.PILOT_B)
    assert (board.permit, board.boots) == (False, 1)
    assert read(board, r.BAD_FRAMES) > 0


async def test_the_controllers_adapter_drives_it_over_the_bus(board, record_property):
    bus = open_bus(f"rtu:{board.port}?baud=19200&parity=E")
    await bus.start()
    try:
        pilot = PilotBoard(bus, UNIT, time.monotonic_ns)
        await pilot.set_failsafe(6)
        board.set_cp(A)
        await seen(pilot, PilotState.A)
        with pytest.raises(DeviceRefused, match="no car is plugged in"):
            await pilot.offer(16)
        board.set_cp(B)
        await seen(pilot, PilotState.B)
        began = time.monotonic()
        await pilot.offer(16)
        record_property("offer_to_pwm_confirmed_ms", round(1000 * (time.monotonic() - began), 1))
        assert board.duty == pytest.approx(0.2666, abs=0.001)
        board.set_cp(C)
        while not (await seen(pilot, PilotState.C)).diode_ok:
            pass
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
        while BoardFault.EMERGENCY_STOP not in (await pilot.poll()).faults:
            pass
    finally:
        await bus.close()


async def seen(pilot, wanted):
    deadline = time.monotonic() + DEADLINE_S
    while (status := await pilot.poll()).pilot is not wanted:
        assert time.monotonic() < deadline, f"{wanted}, not {status}"
    return status


def test_the_command_prints_what_the_board_says(board, capsys):
    board.set_cp(A)
    until(lambda: state(board) == r.PILOT_A)
    url = f"rtu:{board.port}?baud=19200&parity=E"
    assert command.main(["info", "--url", url, "--unit", str(UNIT)]) == 0
    printed = capsys.readouterr().out
    assert "pilot            A" in printed
    assert "boot_count       1" in printed


def test_the_command_says_what_to_check_when_nobody_answers(board, capsys):
    assert command.main(["info", "--url", f"rtu:{board.port}?baud=19200", "--unit", "12"]) == 1
    assert "A/B wires" in capsys.readouterr().err


def test_the_command_refuses_a_url_that_is_none(capsys):
    assert command.main(["info", "--url", "nonsense", "--unit", "1"]) == 2
    assert capsys.readouterr().err
