"""The firmware's pure modules under CPython, on a bench with a car, a contactor and virtual time."""

import importlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
PURE = ("version", "registers", "pilot", "offer", "interlock", "faults", "core", "desk", "modbus_slave")
LOAD_OHM = {"A": None, "B": 2740, "C": 882, "D": 246, "E": 0}
TICKS_PERIOD = 2**30


@pytest.fixture(scope="session")
def fw():
    """The modules as attributes. They are flat, so they leave `sys.modules` when loaded."""
    before = {name: sys.modules.pop(name, None) for name in PURE}
    sys.path.insert(0, str(FIRMWARE))
    try:
        loaded: dict[str, ModuleType] = {name: importlib.import_module(name) for name in PURE}
    finally:
        sys.path.remove(str(FIRMWARE))
        for name, module in before.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module
    return SimpleNamespace(**loaded, r=loaded["registers"])


class Bench:
    """A core in virtual time: one sample each `step_ms`, a contactor that follows PERMIT in 20 ms."""

    def __init__(self, fw, *, step_ms=4, start_ms=0):
        self.fw, self.r, self.step_ms, self.now_ms = fw, fw.registers, step_ms, start_ms
        self.core = fw.core.Core()
        self.inputs = fw.core.Inputs()
        self.load, self.diode = "A", True
        self.welded = False
        self.sequence = 0
        self._followed_ms = 0

    @property
    def permit(self):
        return self.core.outputs.permit

    @property
    def told_da(self):
        return self.core.offer.told_da

    @property
    def duty(self):
        return self.core.outputs.duty_permyriad

    @property
    def faults(self):
        return self.core.faults.bits

    @property
    def state(self):
        return "?ABCDEF"[self.core.pilot.state]

    def _plateaus(self):
        ohm = LOAD_OHM[self.load]
        if ohm is None:
            return 12000, -12000
        if ohm == 0:
            return 0, 0
        if self.diode:
            return 700 + 11300 * ohm // (1000 + ohm), -12000
        return 12000 * ohm // (1000 + ohm), -12000 * ohm // (1000 + ohm)

    def step(self):
        self.now_ms += self.step_ms
        high, low = self._plateaus()
        self.inputs.high_mv = high
        self.inputs.low_mv = low if 0 < self.duty < 10000 else high
        self.core.step(self.now_ms % TICKS_PERIOD, self.inputs)
        if self.permit != self.inputs.mirror_closed:
            self._followed_ms += self.step_ms
            if self._followed_ms >= 20:
                self.inputs.mirror_closed = self.permit or self.welded
        else:
            self._followed_ms = 0

    def run(self, ms):
        for _ in range(ms // self.step_ms):
            self.step()

    def until(self, condition, limit_ms):
        """Milliseconds until `condition()`; fails after `limit_ms`."""
        began = self.now_ms
        while not condition():
            assert self.now_ms - began <= limit_ms, f"not within {limit_ms} ms"
            self.step()
        return self.now_ms - began

    def command(self, command, sequence=0, current_da=0, ttl_ms=0):
        return self.core.command(command, sequence, current_da, ttl_ms)

    def offer(self, current_da):
        return self.command(self.r.COMMAND_OFFER, 0, current_da)

    def withdraw(self):
        return self.command(self.r.COMMAND_WITHDRAW)

    def grant(self, current_da=160, ttl_ms=5000, sequence=None):
        if sequence is None:
            sequence = self.sequence = self.sequence + 1
        return self.command(self.r.COMMAND_GRANT, sequence, current_da, ttl_ms)

    def renew(self, current_da=160, ttl_ms=5000, sequence=None):
        following = (self.core.interlock.heartbeat_seq + 1) & 0xFFFF
        return self.command(self.r.COMMAND_RENEW, following if sequence is None else sequence,
                            current_da, ttl_ms)

    def beat(self, ms, current_da=160):
        """Run with a heartbeat each second, as the controller does."""
        for _ in range(ms // 1000):
            self.renew(current_da)
            self.run(1000)

    def charge(self, current_da=160):
        """From nothing to PERMIT."""
        self.load = "A"
        self.run(100)
        self.load = "B"
        self.run(100)
        assert self.offer(current_da) == 0
        self.run(200)
        self.load = "C"
        self.run(600)
        assert self.grant(current_da) == 0
        self.run(100)
        assert self.permit
        return self


@pytest.fixture
def bench(fw):
    return Bench(fw)


@pytest.fixture(scope="session")
def make_bench(fw):
    return lambda **settings: Bench(fw, **settings)
