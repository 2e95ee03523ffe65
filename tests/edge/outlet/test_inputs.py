"""A contact at a pin: its line is pulled to where a broken wire shall read."""

import pytest

from edge.controller.trouble import DeviceRefused
from edge.outlet.inputs import ContactInput


class FakeLine:
    """A line that is pulled as claimed while nobody holds it."""

    def __init__(self) -> None:
        self.held: bool | None = None
        self.pull: bool | None = None
        self.busy = False
        self.claims = 0

    def claim_input(self, pin: int, pull: bool | None = None) -> None:
        self.claims += 1
        if self.busy:
            raise DeviceRefused("claim", where="GPIO24", got="busy", expected="a free line")
        self.pull = pull

    def read(self, pin: int) -> bool:
        assert self.pull is not None, "it floats"
        return self.pull if self.held is None else self.held

    def found_output(self, pin: int) -> bool | None:
        raise AssertionError("an input is not looked at")

    def claim_output(self, pin: int, level: bool) -> None:
        raise AssertionError("an input drives nothing")

    def write(self, pin: int, level: bool) -> None:
        raise AssertionError("an input drives nothing")


@pytest.mark.parametrize("active_high", [False, True])
@pytest.mark.parametrize("held", [False, True, None])
def test_a_broken_wire_reads_as_the_condition(active_high, held):
    line = FakeLine()
    contact = ContactInput(line, 24, active_high=active_high)
    line.held = held
    assert contact.active() is (held is None or held is active_high)


def test_a_line_that_somebody_else_holds_is_tried_again_and_claimed_once():
    line = FakeLine()
    contact = ContactInput(line, 24, active_high=True)
    line.busy, line.held = True, False
    for _ in range(2):
        with pytest.raises(DeviceRefused):
            contact.active()
    line.busy = False
    assert [contact.active() for _ in range(3)] == [False] * 3
    assert line.claims == 3
