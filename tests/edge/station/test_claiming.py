"""How outlets' lines are taken at the start, with a fake of the lines."""

from pathlib import Path

import pytest
from core_desk import plan
from fake_journal import FakeJournal
from virtual_time import now_ns, virtual

from edge.controller.events import OutletFound
from edge.controller.trouble import DeviceRefused, LineDown
from edge.station.claiming import claim_outlets
from edge.station.clock import Clock
from edge.station.config import load
from edge.station.relays import relays_off
from edge.station.scribe import Scribe
from edge.station.station import Station

SITE = load(Path(__file__).parents[3] / "examples" / "site.toml")
COILS = (17, 22)


class Lines:
    """GPIO lines that another controller left on; those in `broken` cannot be claimed."""

    def __init__(self, *broken: int, mad: int | None = None) -> None:
        self.mad = mad  # a line whose library answers what nobody expects
        self.broken, self.level = broken, dict.fromkeys((*COILS, 27, 23), True)
        self.mine: set[int] = set()

    def found_output(self, pin: int) -> bool | None:
        if pin == self.mad:
            raise TypeError("an answer that nobody expects")
        return self.level[pin]

    def claim_output(self, pin: int, level: bool) -> None:
        self._claim(pin)
        self.level[pin] = level

    def claim_input(self, pin: int, pull: bool | None = None) -> None:
        self._claim(pin)

    def _claim(self, pin: int) -> None:
        if pin in self.broken:
            raise LineDown("claim", where=f"GPIO{pin}", got="busy", expected="a free line")
        self.mine.add(pin)

    def write(self, pin: int, level: bool) -> None:
        if pin not in self.mine:
            raise DeviceRefused("write", where=f"GPIO{pin}", got="unclaimed", expected="a claim")
        self.level[pin] = level

    def read(self, pin: int) -> bool:
        return self.level[pin]


def claimed(lines: Lines) -> list[OutletFound]:
    station = Station(plan(1), Clock(boot=1, floor_utc=None, mono_ns=now_ns), Scribe(FakeJournal()))
    return claim_outlets(SITE, {"cabinet": None}, lines, station)[1]  # type: ignore[dict-item]


@virtual
async def test_what_was_left_on_is_found_and_left_on():
    lines = Lines()
    assert [(look.evse_id, look.relay_on, look.pi_mirror_closed) for look in claimed(lines)] == [
        ("1", True, True), ("2", True, True)]
    assert all(lines.level.values())


@pytest.mark.parametrize(("broken", "left_on"), [
    (27, set()), (23, set()), (17, {17}), (22, {22})])
@virtual
async def test_a_line_that_cannot_be_had_leaves_no_other_relay_on(broken, left_on):
    lines = Lines(broken)
    with pytest.raises(LineDown, match=f"GPIO{broken}"):
        claimed(lines)
    assert {coil for coil in COILS if lines.level[coil]} == left_on


@pytest.mark.parametrize("mad", COILS)
@virtual
async def test_what_nobody_expects_while_lines_are_claimed_leaves_no_relay_on(mad):
    lines = Lines(mad=mad)
    with pytest.raises(TypeError):
        claimed(lines)
    assert not any(lines.level[coil] for coil in COILS)


@pytest.mark.parametrize(("broken", "left_on"), [((), set()), ((17,), {17}), ((17, 22), {17, 22})])
def test_every_relay_is_dropped_that_can_be_whoever_left_it_on(broken, left_on):
    lines = Lines(*broken)
    assert relays_off(SITE, lambda: lines) is not bool(broken)
    assert {coil for coil in COILS if lines.level[coil]} == left_on


def test_a_computer_without_lines_is_told_and_raises_nothing():
    def no_gpio() -> Lines:
        raise LineDown("cannot use GPIO", where="RPi.GPIO", got="no Pi", expected="a Pi")
    assert relays_off(SITE, no_gpio) is False
