"""The firmware's flat modules and the bench as fixtures, for the tests that only CPython runs."""

import importlib
from types import SimpleNamespace

import pytest
from bench import Bench

PURE = ("version", "registers", "pilot", "offer", "interlock", "faults", "core", "desk", "modbus_slave")


@pytest.fixture(scope="session")
def fw():
    loaded = {name: importlib.import_module(name) for name in PURE}
    return SimpleNamespace(**loaded, r=loaded["registers"])


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture(scope="session")
def make_bench():
    return Bench
