"""A virtual cabinet on the bench: its boards are fakes at their pins, everything else is real."""

import asyncio
import socket
import struct
import time

from hil_tests.virtual.cabinet_config import (
    CabinetConfig,
    CarSpec,
    EvseSpec,
    LineSpec,
    MeterSpec,
    ReaderSpec,
)
from hil_tests.virtual.line import crc

DEADLINE_S = 20
X1 = 1.0
DUTY_16_A = 0.267


class FakeBoard:
    """The pins of a pilot board; the test sets what firmware would."""

    def __init__(self, evse, line, folder):
        self.permit, self.duty, self.shunt = False, X1, False
        self.cp = None
        self.rcd_module, self.temperature_c = "good", 25.0
        self.pins = {}
        self.powers = []
        self._ours, self._theirs = socket.socketpair()
        self.uart_fd = self._theirs.fileno()

    def start(self):
        self.powers.append(True)

    def wait_ready(self, timeout_s=10.0):
        assert self.powers

    def power(self, on):
        self.powers.append(on)
        self.permit, self.duty = False, X1 if on else None

    def close(self):
        self._ours.close()
        self._theirs.close()

    def set_cp(self, load_ohm, diode=True):
        self.cp = (load_ohm, diode)

    def set_pin(self, name, level):
        self.pins[name] = level

    def set_rcd_module(self, how):
        self.rcd_module = how

    def set_temperature_c(self, temperature_c):
        self.temperature_c = temperature_c

    def set_plateaus_mv(self, high_mv, low_mv):
        self.cp = (high_mv, low_mv)

    def set_supply_mv(self, supply_mv):
        self.supply_mv = supply_mv

    def set_pp(self, cable_ohm):
        self.cable_ohm = cable_ohm

    def damage_memory(self):
        self.powers += [False, True]


def config(folder, **changes):
    return CabinetConfig(
        control=str(folder / "rig.sock"), gpio=str(folder / "gpio.sock"), folder=str(folder),
        moves=str(folder / "moves.jsonl"),
        lines=(LineSpec(id="cabinet", link=str(folder / "rs485"), baud=38400),),
        meters=(
            MeterSpec(id="main", line="cabinet", unit=1, evses=("1", "2"), by_grid_phase=True,
                      house_a=2.0),
            MeterSpec(id="bay-1", line="cabinet", unit=2, evses=("1",), start_wh=1000),
            MeterSpec(id="bay-2", line="cabinet", unit=3, evses=("2",), supply_side=False)),
        evses=(
            EvseSpec(id="1", line="cabinet", board_unit=11, coil_gpio=17, mirror_gpio=27,
                     car=CarSpec(ask_after_s=0.05, x1_open_s=0.05)),
            EvseSpec(id="2", line="cabinet", board_unit=12, coil_gpio=22, mirror_gpio=23,
                     phases=("L2", "L3", "L1"),
                     car=CarSpec(phases=1, max_a=10, ask_after_s=0.05, x1_open_s=0.05))),
        readers=(ReaderSpec(id="front", port=0),), cards={"anna": "04A1B2C3D4E5F6"}, **changes)


async def until(what, condition):
    deadline = time.monotonic() + DEADLINE_S
    while not (got := await condition() if asyncio.iscoroutinefunction(condition) else condition()):
        assert time.monotonic() < deadline, f"{what} did not happen"
        await asyncio.sleep(0.005)
    return got


def relay(cabinet, pin, level):
    """What the Pi's relay does, without a Pi."""
    cabinet.gpio._change(pin, 0, int(level), None, "output by test")


async def charge(cabinet, evse, pin):
    """Board and Pi both let this bay charge."""
    cabinet.bays[evse].board.duty = DUTY_16_A
    await until("C", lambda: cabinet.bays[evse].board.cp == (882, True))
    cabinet.bays[evse].board.permit = True
    await until("permit", lambda: [m for m in cabinet.log.moves if m["what"] == "permit"])
    relay(cabinet, pin, True)
    await until("current", lambda: cabinet.bays[evse].car.current_a >= 10)


def read_floats(path, unit, address, count):
    """FC 4 by pyserial, as any master would."""
    import serial

    body = struct.pack(">BBHH", unit, 4, address, count)
    with serial.Serial(path, 38400, timeout=2) as port:
        port.write(body + crc(body))
        answer = port.read(5 + 2 * count)
    assert len(answer) == 5 + 2 * count, f"unit {unit} answered {answer.hex()}"
    return struct.unpack(f">{count // 2}f", answer[3:-2])
