"""A pilot board's outlet in MicroPython: in the best port of this machine, or the one of `port`. And a
line without a pace, for whom only matters what is said on it.
"""

import pytest
from outlet_on_wire import UNIT, Outlet

from edge.bus.open import open_bus
from hil_tests.virtual.board import Board
from hil_tests.virtual.field import CardField
from hil_tests.virtual.line import Line
from hil_tests.virtual.micropython.runtime import NoMicroPython, fetch_micropython


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


@pytest.fixture
def outlet(board):
    with Outlet(board) as running:
        running.settle()
        yield running


@pytest.fixture
async def line(tmp_path):
    made = Line(tmp_path / "rs485", baud=115200, bits_per_char=10, paced=False)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def bus(line):
    made = open_bus(f"rtu:{line.path}?baud={line.baud}&parity=N")
    await made.start()
    yield made
    await made.close()


@pytest.fixture
async def field():
    """Before a reader, with no card in it."""
    made = CardField()
    await made.start()
    yield made
    await made.stop()
