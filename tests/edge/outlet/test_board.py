"""The pilot board's adapter against a fake board that speaks Modbus PDUs."""

import asyncio
import itertools

import pytest

from edge.bus.port import BusClass
from edge.controller.pilot import BoardFault, PilotState
from edge.controller.trouble import BadAnswer, DeviceRefused, DeviceTimeout
from edge.outlet import registers as r
from edge.outlet.board import PilotBoard
from edge.outlet.settings import BoardSettings

UNIT = 11


class FakeLine:
    """A `Bus` with one board on it: registers, what was asked in which class, what it refuses."""

    def __init__(self):
        self.words = dict.fromkeys(range(r.BASE, r.COUNTERS + r.COUNTERS_COUNT), 0)
        self.words |= {r.BOOT_COUNT: 3, r.MAP_VERSION: r.MAP_VERSION_NOW, r.FIRMWARE: 102}
        self.asked = []
        self.counts = []  # of registers, of each read of the fast block
        self.writes = []
        self.refuse = False
        self.silent = False

    async def transact(self, unit, pdu, klass, *, timeout_s=None):
        assert unit == UNIT
        await asyncio.sleep(0)
        self.asked.append((pdu[0], int.from_bytes(pdu[1:3], "big"), klass))
        if pdu[:3] == bytes((3, *r.BASE.to_bytes(2, "big"))):
            self.counts.append(pdu[4])
        if self.silent:
            raise DeviceTimeout("no answer", where="fake", got="nothing", expected="an answer")
        address, second = int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
        if pdu[0] == 3:
            data = b"".join(self.words[address + i].to_bytes(2, "big") for i in range(second))
            return bytes([3, len(data)]) + data
        if self.refuse:
            raise DeviceRefused("request refused", where="fake", got="exception 4", expected="yes")
        values = [second] if pdu[0] == 6 else [
            int.from_bytes(pdu[6 + 2 * i:8 + 2 * i], "big") for i in range(second)]
        self.writes.append((address, *values))
        return pdu[:5]


@pytest.fixture
def line():
    return FakeLine()


@pytest.fixture
def board(line):
    return PilotBoard(line, UNIT, lambda: 42)


async def test_a_poll_reads_everything(line, board):
    line.words |= {
        r.PLUG_SEQ: 5, r.FAULT_SEQ: 2, r.OFFER_DA: 163, r.CABLE_A: 32, r.CP_HIGH_MV: 5994,
        r.CP_LOW_MV: 0x10000 - 12001, r.FAULT_BITS: r.FAULT_RCD | r.FAULT_PROXIMITY,
        r.PERMIT_BITS: r.PILOT_C << 8 | r.PERMIT_PWM | r.PERMIT_MIRROR_CLOSED}
    status = await board.poll()
    assert status.mono_ns == 42
    assert (status.pilot, status.pwm_on, status.offered_a) == (PilotState.C, True, 16.3)
    assert (status.permit, status.mirror_closed, status.diode_ok) == (False, True, False)
    assert status.faults == (BoardFault.RCD, BoardFault.PROXIMITY)
    assert (status.plug_seq, status.boot_count, status.fault_seq, status.proximity_a) == (5, 3, 2, 32)
    assert (status.cp_high_mv, status.cp_low_mv, status.firmware) == (5994, -12001, "1.2")


@pytest.mark.parametrize(("code", "state"), [
    (0, PilotState.UNKNOWN), (1, PilotState.A), (2, PilotState.B), (3, PilotState.C), (4, PilotState.D),
    (5, PilotState.E), (6, PilotState.F), (7, PilotState.UNKNOWN)])
async def test_every_pilot_state_has_its_name(line, board, code, state):
    line.words[r.PERMIT_BITS] = code << 8
    assert (await board.poll()).pilot is state


async def test_a_poll_is_one_short_frame_unless_the_board_started_again(line, board):
    for _ in range(3):
        await board.poll()
    reads = [address for _, address, klass in line.asked if klass is BusClass.BOARD]
    assert reads == [r.BASE, r.BASE + r.FAST_COUNT, r.BASE, r.BASE]
    line.words[r.BOOT_COUNT] += 1
    await board.poll()
    assert len(line.asked) == 6


async def test_the_answer_to_one_poll_never_fits_the_next(line, board):
    for _ in range(3):
        await board.poll()
    line.silent = True
    with pytest.raises(DeviceTimeout):
        await board.poll()
    line.silent = False
    await board.poll()
    assert len(line.counts) == 5
    assert all(one != other for one, other in itertools.pairwise(line.counts))


async def test_one_lost_poll_is_repeated_before_other_polls_and_a_dead_board_is_not(line, board):
    await board.poll()
    line.silent = True
    for _ in range(3):
        with pytest.raises(DeviceTimeout):
            await board.poll()
    line.silent = False
    for _ in range(2):
        await board.poll()
    polls = [klass for function, address, klass in line.asked if (function, address) == (3, r.BASE)]
    assert polls == [BusClass.BOARD, BusClass.BOARD, BusClass.GRANT, *[BusClass.BOARD] * 3]


async def test_another_map_is_no_board_of_ours(line, board):
    line.words[r.MAP_VERSION] = 1
    for _ in range(2):
        with pytest.raises(BadAnswer, match=r"version 1.*version 3"):
            await board.poll()


@pytest.mark.parametrize(("send", "klass", "words"), [
    (lambda b: b.offer(16), BusClass.GRANT, (r.COMMAND_OFFER, 0, 160, 0)),
    (lambda b: b.offer(6.09), BusClass.REVOKE, (r.COMMAND_OFFER, 0, 60, 0)),
    (lambda b: b.withdraw(), BusClass.REVOKE, (r.COMMAND_WITHDRAW, 0, 0, 0)),
    (lambda b: b.grant(16, 5), BusClass.GRANT, (r.COMMAND_GRANT, 8, 160, 5000)),
    (lambda b: b.renew(13.7, 2.5), BusClass.GRANT, (r.COMMAND_RENEW, 21, 137, 2500)),
    (lambda b: b.renew(0, 5), BusClass.GRANT, (r.COMMAND_RENEW, 21, 0, 5000)),
    (lambda b: b.wake(4000), BusClass.GRANT, (r.COMMAND_WAKE, 0, 0, 4000)),
    (lambda b: b.revoke(), BusClass.REVOKE, (r.COMMAND_REVOKE, 0, 0, 0)),
    (lambda b: b.acknowledge(9), BusClass.GRANT, (r.COMMAND_ACK, 9, 0, 0))])
async def test_a_command_is_one_write_in_its_class(line, board, send, klass, words):
    line.words |= {r.GRANT_SEQ: 7, r.HEARTBEAT_SEQ: 20, r.OFFER_DA: 100, r.FAULT_SEQ: 4}
    await board.poll()
    await send(board)
    assert line.writes == [(r.COMMAND, *words)]
    assert line.asked[-1] == (16, r.COMMAND, klass)


async def test_settings_are_one_block_with_the_next_number(line, board):
    line.words[r.SETTINGS_SEQ] = 0xFFFE
    await board.configure(BoardSettings(failsafe_a=6))
    line.words[r.SETTINGS_SEQ] = 0xFFFF
    await board.configure(BoardSettings(hold_s=5, ventilation=True, fault_f_ms=0, weld_suspect_ms=100))
    assert line.writes == [(r.SETTINGS, 0xFFFF, 60, 60, 5000, 0, 300, 250),
                           (r.SETTINGS, 0, 0, 5, 5000, 1, 0, 100)]


async def test_the_time_is_two_words_and_waits_for_everybody(line, board):
    await board.tell_clock(0x6B49_D201)
    assert line.writes == [(r.CLOCK_UTC, 0x6B49, 0xD201)]
    assert line.asked[-1] == (16, r.CLOCK_UTC, BusClass.BULK)


async def test_sequence_numbers_go_on_and_are_never_used_twice(line, board):
    line.words[r.GRANT_SEQ] = 0xFFFE
    await board.grant(16, 5)  # polls first
    await board.poll()  # the board does not say yet that it took it
    line.refuse = True
    with pytest.raises(DeviceRefused):
        await board.grant(16, 5)
    line.refuse = False
    await board.grant(16, 5)
    assert [write[2] for write in line.writes] == [0xFFFF, 1]
    line.words |= {r.BOOT_COUNT: 4, r.GRANT_SEQ: 0}
    await board.poll()
    await board.grant(16, 5)
    assert line.writes[-1][2] == 1  # as the board counts after its start


async def test_a_refusal_names_what_was_missing(line, board):
    await board.poll()
    line.refuse = True
    line.words[r.REFUSED_BITS] = r.REFUSED_NOT_C | r.REFUSED_MIRROR
    with pytest.raises(DeviceRefused, match="does not ask for energy, the mirror contact says closed"):
        await board.grant(16, 5)
    line.words[r.REFUSED_BITS] = 0
    with pytest.raises(DeviceRefused, match="exception 4"):
        await board.grant(16, 5)


@pytest.mark.parametrize("current_a", [5.9, 80.1, -1, 0])
async def test_no_pilot_can_tell_such_a_current(board, current_a):
    with pytest.raises(ValueError, match=r"6\.\.80 A"):
        await board.offer(current_a)


async def test_a_silent_board_is_a_device_error(line, board):
    line.silent = True
    for send in (board.poll(), board.revoke(), board.grant(16, 5), board.acknowledge(1)):
        with pytest.raises(DeviceTimeout):
            await send


@pytest.mark.parametrize(("bit", "field"), [
    (r.PERMIT_REQUEST, "request"), (r.PERMIT_WELD_SUSPECTED, "weld_suspected"),
    (r.PERMIT_TESTING, "testing"), (r.PERMIT_TEST_OK, "test_ok"), (r.PERMIT_PI_FIRST, "pi_first"),
    (r.PERMIT_DARK, "dark"), (r.PERMIT_WAKING, "waking"),
    (r.PERMIT_ON, "permit"), (r.PERMIT_PWM, "pwm_on"),
    (r.PERMIT_DIODE_OK, "diode_ok"), (r.PERMIT_MIRROR_CLOSED, "mirror_closed")])
async def test_each_bit_says_one_thing_and_none_is_taken_for_the_pilot(line, board, bit, field):
    line.words[r.PERMIT_BITS] = r.PILOT_B << 8 | bit
    status = await board.poll()
    fields = ("request", "weld_suspected", "testing", "test_ok", "pi_first", "dark", "waking", "permit",
              "pwm_on", "diode_ok", "mirror_closed")
    assert [name for name in fields if getattr(status, name)] == [field]
    assert status.pilot is PilotState.B


@pytest.mark.parametrize(("word", "temperature_c"), [
    (215, 21.5), (0x10000 - 55, -5.5), (0x8000, None)])
async def test_no_sensor_is_no_temperature(line, board, word, temperature_c):
    line.words[r.TEMPERATURE_DC] = word
    assert (await board.poll()).temperature_c == temperature_c


def test_the_faults_are_in_the_order_of_the_map():
    bits = {name.removeprefix("FAULT_"): bit for name, bit in vars(r).items()
            if name.startswith("FAULT_") and name not in ("FAULT_BITS", "FAULT_SEQ", "FAULT_F_MS")}
    assert [fault.name for fault in BoardFault] == sorted(bits, key=bits.__getitem__)
    assert [1 << n for n in range(len(BoardFault))] == sorted(bits.values())
