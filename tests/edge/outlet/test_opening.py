"""Opening in order, against a contactor with two channels whose board speaks Modbus PDUs."""

import asyncio

import pytest
from virtual_time import now_ns, virtual

from edge.controller.trouble import DeviceTimeout
from edge.outlet import registers as r
from edge.outlet.board import PilotBoard
from edge.outlet.opening import MARGIN_S, PROOF_S, open_in_order

SUSPECT_S = 0.25
FRAME_S = 0.02
DROP_OUT_S = 0.03
SOON_S = 5 * FRAME_S + DROP_OUT_S


class Cabinet:
    """A `Bus` with one board, the Pi's relay, and the contactor that both feed. Times in s."""

    def __init__(self) -> None:
        self.permit = self.relay = True
        self.stuck: set[str] = set()  # "permit", "relay": its channel feeds all the same
        self.silent = False
        self.deaf = False  # revocations are lost
        self.late_s = 0.0  # a revocation's answer comes so much later
        self.off: dict[str, float] = {}
        self.closed = True
        self._unfed_s: float | None = None

    def settle(self) -> None:
        fed = all(getattr(self, channel) or channel in self.stuck for channel in ("permit", "relay"))
        if fed:
            self._unfed_s = None
        elif self._unfed_s is None:
            self._unfed_s = now_ns() / 1e9
        self.closed = fed or now_ns() / 1e9 - (self._unfed_s or 0.0) < DROP_OUT_S

    def set(self, on: bool) -> None:
        assert not on, "nothing here may close"
        self.settle()
        self.relay = False
        self.off.setdefault("relay", now_ns() / 1e9)
        self.settle()

    async def transact(self, unit, pdu, klass, *, timeout_s=None):
        await asyncio.sleep(FRAME_S)
        self.settle()
        if self.silent or (self.deaf and pdu[0] == 16):
            await asyncio.sleep(1.0)
            raise DeviceTimeout("no answer", where="fake", got="nothing", expected="an answer")
        if pdu[0] == 16:
            assert pdu[6:8] == r.COMMAND_REVOKE.to_bytes(2, "big")
            self.permit = False
            self.off.setdefault("permit", now_ns() / 1e9)
            self.settle()
            await asyncio.sleep(self.late_s)
            return pdu[:5]
        address, count = int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
        bits = (r.PILOT_C << 8 | r.PERMIT_ON * self.permit | r.PERMIT_MIRROR_CLOSED * self.closed
                | r.PERMIT_REQUEST * (self.relay or "relay" in self.stuck))
        words = {r.PERMIT_BITS: bits, r.MAP_VERSION: r.MAP_VERSION_NOW}
        data = b"".join(words.get(address + i, 0).to_bytes(2, "big") for i in range(count))
        return bytes([3, len(data)]) + data


async def opened(cabinet: Cabinet, *, pi_first: bool, overtaken=lambda: False) -> tuple[bool, float]:
    """Whether the board understood, and how long the second channel came after the first."""
    board = PilotBoard(cabinet, 11, now_ns)
    understood = await open_in_order(board, cabinet, pi_first=pi_first, suspect_s=SUSPECT_S,
                                     overtaken=overtaken)
    assert not cabinet.relay
    second, first = ("permit", "relay") if pi_first else ("relay", "permit")
    return understood, cabinet.off[second] - cabinet.off.get(first, 0.0)


@pytest.mark.parametrize("pi_first", [False, True])
@virtual
async def test_the_second_channel_waits_for_the_contacts_to_follow_the_first(pi_first):
    cabinet = Cabinet()
    understood, between_s = await opened(cabinet, pi_first=pi_first)
    assert understood and not cabinet.permit and not cabinet.closed
    assert DROP_OUT_S + PROOF_S < between_s < SOON_S + PROOF_S


@pytest.mark.parametrize(("pi_first", "stuck"), [(False, "permit"), (True, "relay")])
@virtual
async def test_a_stuck_channel_is_waited_for_until_the_board_calls_it_stuck(pi_first, stuck):
    cabinet = Cabinet()
    cabinet.stuck = {stuck}
    understood, between_s = await opened(cabinet, pi_first=pi_first)
    assert understood and SUSPECT_S < between_s <= SUSPECT_S + MARGIN_S + FRAME_S + 1e-6
    await asyncio.sleep(2 * DROP_OUT_S)
    cabinet.settle()
    assert not cabinet.closed, "the other channel opens it"


@virtual
async def test_a_relay_that_never_lets_go_is_waited_for_though_the_contacts_have_opened():
    """The board senses its supply: that is what names it."""
    cabinet = Cabinet()
    cabinet.stuck = {"relay", "permit"}
    _, between_s = await opened(cabinet, pi_first=True)
    assert between_s > SUSPECT_S


@pytest.mark.parametrize(("trouble", "pi_first"), [
    ("silent", False), ("silent", True), ("deaf", False)])
@virtual
async def test_a_board_that_does_not_answer_keeps_the_relay_for_no_longer_than_a_stuck_one(
        trouble, pi_first):
    cabinet = Cabinet()
    setattr(cabinet, trouble, True)
    began_s = now_ns() / 1e9
    board = PilotBoard(cabinet, 11, now_ns)
    understood = await open_in_order(board, cabinet, pi_first=pi_first, suspect_s=SUSPECT_S,
                                     overtaken=lambda: False)
    assert not understood and not cabinet.relay
    assert cabinet.off["relay"] - began_s <= SUSPECT_S + MARGIN_S + 1e-6


@pytest.mark.parametrize("late_s", [0.0, 0.5])
@virtual
async def test_the_relay_follows_within_a_second_however_long_a_contactor_may_take(late_s):
    cabinet = Cabinet()
    cabinet.stuck, cabinet.late_s = {"permit"}, late_s
    await open_in_order(PilotBoard(cabinet, 11, now_ns), cabinet, pi_first=False, suspect_s=0.9,
                        overtaken=lambda: False)
    assert 0.9 < cabinet.off["relay"] - cabinet.off["permit"] <= 1.0


@pytest.mark.parametrize("pi_first", [False, True])
@virtual
async def test_what_is_overtaken_waits_for_nothing_any_more(pi_first):
    cabinet = Cabinet()
    cabinet.stuck = {"permit", "relay"}
    until_s = now_ns() / 1e9 + 0.1
    _, between_s = await opened(cabinet, pi_first=pi_first, overtaken=lambda: now_ns() / 1e9 >= until_s)
    assert between_s < 0.1 + 3 * FRAME_S


@virtual
async def test_a_station_that_ends_meanwhile_leaves_no_relay_on():
    cabinet = Cabinet()
    cabinet.stuck = {"permit"}
    board = PilotBoard(cabinet, 11, now_ns)
    work = asyncio.ensure_future(open_in_order(board, cabinet, pi_first=False, suspect_s=SUSPECT_S,
                                               overtaken=lambda: False))
    await asyncio.sleep(0.1)
    assert cabinet.relay
    work.cancel()
    await asyncio.wait([work])
    assert not cabinet.relay
