"""Waiting on a rig's conditions, with a rig whose clock is the test's."""

import pytest

from hil_tests.scenarios import waiting


class FakeRig:
    """A rig that lives a tenth of a second per look at its clock."""

    def __init__(self, register_wh):
        self._at_s = 0.0
        self._register_wh = register_wh

    async def now(self):
        self._at_s += 0.1
        return self._at_s

    async def register_wh(self, evse):
        return self._register_wh(self._at_s)

    async def coil_on(self, evse):
        return self._at_s > 1.0

    async def duty(self, evse):
        return 1.0


async def test_it_says_how_long_a_condition_took():
    assert await waiting.coil(FakeRig(None), "1", True) == pytest.approx(1.1, abs=0.2)


async def test_a_condition_that_never_holds_is_named_with_its_deadline():
    with pytest.raises(waiting.DidNotHappen, match="EVSE 1: PWM on: not within 3 s"):
        await waiting.pwm(FakeRig(None), "1", True, within_s=3.0)


async def test_a_register_has_settled_when_it_stood_still_for_longer_than_a_refresh():
    rig = FakeRig(lambda at_s: min(100, round(at_s * 100)))
    assert await waiting.settled_wh(rig, "1") == 100
