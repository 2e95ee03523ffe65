"""What a pilot board does when something fails: in real MicroPython, with pins and power from outside.

Limits in milliseconds are asserted in virtual time (tests/firmware); here it is asserted that things
happen within twenty times the limit, and the delays are recorded with the test's result.
"""

import os
import signal
import time

import pytest
from outlet_on_wire import DEADLINE_S, A, B, C, until

from edge.outlet import registers as r
from hil_tests.virtual.board import MONOSTABLE_MS

pytestmark = pytest.mark.wire

#: What the two ports of MicroPython do differently: memory, pins, UART, time, flash, resets.
IN_BOTH_PORTS = pytest.mark.parametrize("port", [None, "wasm"], ids=["best", "wasm"])
RCD_LIMIT_S = 0.010
SHORT_LIMIT_S = 0.500
SELF_TEST_S = 1.2 + 1.0  # the longest that a test may take, pulse and release


def milliseconds(seconds):
    return round(1000 * seconds, 1)


# --- the loop stands still


@IN_BOTH_PORTS
def test_a_frozen_core_loses_permit_by_its_pulses_and_is_reset_later(board, outlet, record_property):
    outlet.charge()
    os.kill(board.pid, signal.SIGSTOP)
    began = time.monotonic()
    # the pin stands where it stood: only the missing pulses take PERMIT away
    pin, boots = board.permit_pin, board.boots
    while board.permit:
        assert time.monotonic() - began < DEADLINE_S, "PERMIT holds"
        time.sleep(0.001)
        pin, boots = board.permit_pin, board.boots
    record_property("frozen_to_permit_off_ms", milliseconds(time.monotonic() - began))
    outlet.request = False
    until(lambda: board.boots == 2)
    board.wait_ready()
    assert (pin, boots) == (True, 1)
    assert outlet.read(r.BOOT_COUNT) == 2
    assert outlet.read(r.RESET_CAUSE) == 3
    assert outlet.u32(r.RESETS) == 1
    assert (board.permit_pin, board.duty) == (False, 1.0)


def test_a_core_that_comes_back_in_time_does_not_close_again(board, outlet):
    outlet.charge()
    os.kill(board.pid, signal.SIGSTOP)
    until(lambda: not board.permit)
    os.kill(board.pid, signal.SIGCONT)  # before the watchdog, unless this machine stalls too
    board.wait_ready()
    until(lambda: not board.permit_pin)
    outlet.request = False
    assert outlet.command(r.COMMAND_RENEW, outlet.read(r.HEARTBEAT_SEQ) + 1, 160, 5000) == 4
    assert outlet.read(r.REFUSED_BITS) == r.REFUSED_NO_GRANT
    if board.boots == 1:
        assert outlet.read(r.LOOP_MAX_MS) >= MONOSTABLE_MS
    assert not board.permit_pin


def test_a_dead_core_is_reset_too(board, outlet):
    outlet.charge()
    os.kill(board.pid, signal.SIGKILL)
    until(lambda: not board.permit)
    outlet.request = False
    until(lambda: outlet.read(r.BOOT_COUNT) == 2)


@IN_BOTH_PORTS
def test_without_supply_there_is_neither_permit_nor_pilot_nor_answer(board, outlet):
    outlet.charge()
    board.power(False)
    assert (board.permit, board.duty, board.pid) == (False, None, None)
    outlet.request = False
    os.write(board.uart_fd, b"nobody hears this")
    board.power(True)
    board.wait_ready()
    assert outlet.read(r.BOOT_COUNT) == 2
    assert outlet.read(r.RESET_CAUSE) == 1
    assert not board.permit_pin


def test_a_car_that_stands_in_c_after_a_reset_gets_no_power_before_it_was_in_b(board, outlet):
    outlet.charge()
    board.power(False)
    outlet.request = False
    board.power(True)
    board.wait_ready()
    until(lambda: outlet.bits & r.PERMIT_TEST_OK)
    until(lambda: outlet.state == r.PILOT_C)
    assert outlet.bits & r.PERMIT_DARK
    assert outlet.command(r.COMMAND_OFFER, 0, 160) == 0
    until(lambda: outlet.bits & r.PERMIT_DIODE_OK)
    assert outlet.grant() == 4
    assert outlet.read(r.REFUSED_BITS) == r.REFUSED_DARK
    outlet.see(B, r.PILOT_B)
    outlet.see(C, r.PILOT_C)
    assert outlet.grant() == 0


# --- residual current


@IN_BOTH_PORTS
def test_a_residual_current_opens_and_stays_latched(board, outlet, record_property):
    outlet.charge()
    board.set_pin("rcd", True)
    record_property("rcd_edge_to_permit_off_ms", milliseconds(outlet.opened(20 * RCD_LIMIT_S)))
    fault_seq = outlet.read(r.FAULT_SEQ)
    assert outlet.faults == r.FAULT_RCD
    assert outlet.command(r.COMMAND_ACK, fault_seq) == 4  # its cause stands
    board.set_pin("rcd", False)
    assert outlet.command(r.COMMAND_ACK, fault_seq + 1) == 4
    until(lambda: outlet.command(r.COMMAND_ACK, fault_seq) == 0)  # once the input is quiet again
    assert outlet.faults == 0
    assert outlet.u32(r.TRIPS) == 1
    assert outlet.read(r.LAST_TRIP_BOOT) == 1


@IN_BOTH_PORTS
def test_the_module_is_tested_at_the_start_and_when_asked(board, outlet, record_property):
    until(lambda: outlet.read(r.SELF_TEST_RESULT) == r.TEST_PASSED)
    assert outlet.command(r.COMMAND_SELF_TEST) == 0
    assert not board.permit_pin
    until(lambda: outlet.read(r.SELF_TEST_RESULT) == r.TEST_PASSED, 20 * SELF_TEST_S)
    trip_ms = outlet.read(r.SELF_TEST_TRIP_MS)
    record_property("self_test_trip_ms", trip_ms)
    # The module trips 60 ms after the pulse; both count whole milliseconds of a running clock.
    assert 60 - 1 <= trip_ms <= 1200
    assert outlet.faults == 0
    assert outlet.u32(r.TRIPS) == 0


@pytest.mark.parametrize(("module", "result"), [("dead", r.TEST_NO_TRIP), ("stuck", r.TEST_STUCK)])
def test_a_module_that_fails_its_test_keeps_the_outlet_off(board, outlet, module, result):
    until(lambda: outlet.read(r.SELF_TEST_RESULT) == r.TEST_PASSED)
    board.set_rcd_module(module)
    assert outlet.command(r.COMMAND_SELF_TEST) == 0
    until(lambda: outlet.read(r.SELF_TEST_RESULT) == result, 20 * SELF_TEST_S)
    assert outlet.faults & r.FAULT_SELF_TEST
    outlet.see(B, r.PILOT_B)
    assert outlet.command(r.COMMAND_OFFER, 0, 160) == 4
    assert outlet.read(r.REFUSED_BITS) & r.REFUSED_FAULT
    board.set_rcd_module("good")


def test_the_module_is_not_tested_while_it_charges(board, outlet):
    outlet.charge()
    assert outlet.command(r.COMMAND_SELF_TEST) == 4
    assert outlet.read(r.REFUSED_BITS) & r.REFUSED_CONTACTOR_CLOSED
    assert board.permit


def test_each_car_that_leaves_has_the_module_tested(board, outlet):
    outlet.charge()
    board.set_cp(A)
    outlet.opened(20 * 0.060)
    until(lambda: outlet.bits & r.PERMIT_TESTING)
    until(lambda: outlet.bits & r.PERMIT_TEST_OK)
    assert outlet.u32(r.TRIPS) == 0


# --- pilot, heartbeat, contactor


def test_a_shorted_pilot_opens(board, outlet, record_property):
    outlet.charge()
    board.set_cp(0)
    record_property("short_to_permit_off_ms", milliseconds(outlet.opened(20 * SHORT_LIMIT_S)))
    assert outlet.faults & r.FAULT_PILOT_SHORT


def test_a_lost_heartbeat_lowers_then_ends_in_x1_then_opens(board, outlet, record_property):
    outlet.settle(failsafe_da=60, hold_s=1, ttl_ms=1000)
    outlet.charge(ttl_ms=1000)
    record_property("lost_heartbeat_to_failsafe_s", round(until(lambda: board.duty < 0.11), 2))
    assert board.permit
    record_property("failsafe_to_x1_s", round(until(lambda: board.duty == 1.0), 2))
    assert board.permit
    board.set_cp(B)  # or six seconds: in virtual time
    outlet.opened(20 * 0.060)
    assert outlet.faults & r.FAULT_HEARTBEAT


@IN_BOTH_PORTS
def test_a_weld_fires_the_shunt_trip_once(board, outlet, record_property):
    outlet.charge()
    outlet.welded = True
    outlet.request = False
    assert outlet.command(r.COMMAND_REVOKE) == 0
    record_property("coil_off_to_shunt_ms", milliseconds(until(lambda: board.shunt)))
    until(lambda: not board.shunt)
    assert outlet.faults & r.FAULT_WELD
    outlet.welded = False
    fault_seq = outlet.read(r.FAULT_SEQ)
    until(lambda: outlet.command(r.COMMAND_ACK, fault_seq) == 0)
    assert outlet.faults & r.FAULT_WELD == 0
    assert (outlet.shunt_pulses, outlet.read(r.SHUNT_TRIPS), outlet.read(r.WELDS)) == (1, 1, 1)


def test_the_relay_of_the_pi_before_the_grant_is_refused(board, outlet):
    outlet.offer()
    outlet.see(C, r.PILOT_C)
    outlet.request = True
    until(lambda: outlet.bits & r.PERMIT_REQUEST)
    assert outlet.grant() == 4
    assert outlet.read(r.REFUSED_BITS) == r.REFUSED_REQUEST
    assert not board.permit_pin


# --- flash


@IN_BOTH_PORTS
def test_counters_and_calibration_outlast_the_supply(board, outlet):
    outlet.see(A, r.PILOT_A)
    until(lambda: not outlet.bits & r.PERMIT_TESTING)
    raw_mv = outlet.signed(r.CP_HIGH_RAW_MV)
    assert outlet.write(r.CALIBRATION, 2, 100, 10100, 10000, -15) == 4  # not the next number
    assert outlet.write(r.CALIBRATION, 1, 100, 10100, 10000, -15) == 0
    until(lambda: abs(outlet.signed(r.CP_HIGH_MV) - (raw_mv * 101 // 100 + 100)) < 40)
    until(lambda: abs(outlet.signed(r.TEMPERATURE_DC) - 235) <= 5)
    outlet.charge()
    until(lambda: outlet.u32(r.CYCLES) == 1)  # the mirror has ended its bounce
    board.set_pin("rcd", True)
    outlet.opened(20 * RCD_LIMIT_S)
    until(lambda: outlet.u32(r.TRIPS) == 1 and outlet.u32(r.LOAD_BREAKS) == 1)
    saved = outlet.u32(r.KEPT_WRITES)
    time.sleep(0.1)  # a turn after the last event it is in flash
    for boot in (2, 3):
        board.power(False)
        board.set_pin("rcd", False)
        board.power(True)
        board.wait_ready()
        assert outlet.read(r.BOOT_COUNT) == boot
    assert (outlet.u32(r.CYCLES), outlet.u32(r.TRIPS), outlet.u32(r.LOAD_BREAKS)) == (1, 1, 1)
    assert outlet.read(r.LAST_TRIP_BOOT) == 1
    assert outlet.u32(r.RESETS) == 0
    assert outlet.read(r.CALIBRATION, r.CALIBRATION_COUNT) == [1, 100, 10100, 10000, 0xFFFF - 14]
    assert outlet.u32(r.KEPT_WRITES) >= saved + 2
    assert (outlet.read(r.KEPT_BAD), outlet.faults & r.FAULT_MEMORY) == (0, 0)


def test_a_record_torn_by_a_cut_is_counted_and_costs_nothing_else(board, outlet):
    board.power(False)
    with (board.folder / "kept0").open("ab") as flash:
        flash.write(b"\x4b\x01\x00\x00")
    board.power(True)
    board.wait_ready()
    assert outlet.read(r.BOOT_COUNT) == 2
    assert outlet.read(r.KEPT_BAD) == 1
    assert outlet.faults & r.FAULT_MEMORY == 0


@IN_BOTH_PORTS
def test_lost_counters_are_told_at_every_start_until_the_board_is_calibrated(board, outlet):
    board.power(False)
    for slot in ("kept0", "kept1"):
        (board.folder / slot).write_bytes(b"nothing that anybody wrote")
    for _ in range(2):
        board.power(True)
        board.wait_ready()
        assert outlet.faults & r.FAULT_MEMORY
        board.power(False)
    board.power(True)
    board.wait_ready()
    outlet.see(A, r.PILOT_A)
    assert outlet.write(r.CALIBRATION, 1, 100, 10100, 10000, 0) == 0
    assert not outlet.faults & r.FAULT_MEMORY
    board.power(False)
    board.power(True)
    board.wait_ready()
    assert not outlet.faults & r.FAULT_MEMORY
    assert outlet.signed(r.CP_OFFSET_MV) == 100


@IN_BOTH_PORTS
def test_one_that_stays_live_under_the_pi_s_relay_alone_has_its_breaker_tripped(
        board, outlet, record_property):
    outlet.charge()
    outlet.welded = True  # or its interlock is stuck: the board cannot tell
    assert outlet.command(r.COMMAND_REVOKE) == 0
    record_property("permit_off_to_shunt_s", round(until(lambda: board.shunt), 2))
    assert outlet.faults & r.FAULT_INTERLOCK_STUCK
    assert not outlet.faults & r.FAULT_WELD
    until(lambda: not board.shunt)
    assert (outlet.shunt_pulses, outlet.read(r.SHUNT_TRIPS)) == (1, 1)


def test_a_slot_that_cannot_be_read_is_damage_and_no_empty_one(board, outlet):
    """In the unix port only: the other one copies the files of its flash, which a folder is not."""
    board.power(False)
    (board.folder / "kept0").unlink(missing_ok=True)
    (board.folder / "kept0").mkdir()  # fails to open, with another error than "no such file"
    board.power(True)
    board.wait_ready()
    assert outlet.read(r.KEPT_BAD) > 0
    assert outlet.faults & r.FAULT_MEMORY


def test_nothing_is_written_to_flash_under_permit(board, outlet):
    outlet.charge()
    until(lambda: outlet.u32(r.CYCLES) == 1)
    written = outlet.u32(r.KEPT_WRITES)
    for _ in range(20):
        assert outlet.u32(r.KEPT_WRITES) == written
    assert board.permit
    assert outlet.command(r.COMMAND_REVOKE) == 0
    until(lambda: outlet.u32(r.KEPT_WRITES) > written)
