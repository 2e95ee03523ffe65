"""The virtual cabinet: all physics of a site in one process, met only through real wires.

`python -m hil_tests.virtual.cabinet CONFIG.json` prints one JSON line `{"ready": true, ...}` on
stdout and runs until SIGTERM or SIGINT. Serial lines are ptys, cards come over UDP, GPIO over the
`RPi` shim, the broker behind a TCP relay; the rig has its control socket. Killing the controller
changes nothing in here, except what `on_exit` says.
"""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from hil_tests.virtual import cabinet_config
from hil_tests.virtual.bay import Bay, PilotBoard, Wiring
from hil_tests.virtual.cabinet_config import PHASES, CabinetConfig, EvseSpec, LineSpec, MeterSpec
from hil_tests.virtual.control import ControlServer
from hil_tests.virtual.feed import Feed
from hil_tests.virtual.field import CardField
from hil_tests.virtual.gpio_server import ON_EXIT, GpioServer
from hil_tests.virtual.line import Line
from hil_tests.virtual.meter import MeterPhysics, VirtualMeter
from hil_tests.virtual.moves import MoveLog
from hil_tests.virtual.physics import Car
from hil_tests.virtual.relay import Relay
from hil_tests.virtual.requests import Requests
from hil_tests.virtual.senses import Contact, Thermometer
from hil_tests.virtual.wallet import Wallet

BoardMaker = Callable[[EvseSpec, LineSpec, Path], PilotBoard]


class Cabinet:
    """Builds, ties together and runs the parts of one `CabinetConfig`."""

    def __init__(self, config: CabinetConfig, make_board: BoardMaker) -> None:
        """`make_board(evse, line, folder)` builds a pilot board, which starts in `start`."""
        if config.on_exit not in ON_EXIT:
            raise ValueError(f"on_exit: got {config.on_exit!r}, expected one of {', '.join(ON_EXIT)}")
        self.config = config
        self.mains = True
        self.log = MoveLog(None if config.moves is None else Path(config.moves))
        self.gpio = GpioServer(self._output_moved, config.on_exit)
        self.lines = {spec.id: Line(Path(spec.link), baud=spec.baud, bits_per_char=spec.bits_per_char)
                      for spec in config.lines}
        self.meters = {spec.id: _meter(spec) for spec in config.meters}
        specs = {spec.id: spec for spec in config.lines}
        self.boards = {spec.id: make_board(spec, specs[spec.line], Path(config.folder))
                       for spec in config.evses}
        self.bays = {spec.id: self._bay(spec) for spec in config.evses}
        self.fields = {spec.id: CardField(spec.port) for spec in config.readers}
        self.wallet = Wallet(config.cards)
        self.relay = None if config.relay is None else Relay(
            config.relay.listen_port, config.relay.broker_port)
        self.feed = Feed(config.meters, self.meters, self.bays)
        self.contacts = {spec.id: Contact(spec, self.gpio.drive) for spec in config.inputs}
        self.thermometers = {spec.id: Thermometer(spec) for spec in config.sensors}
        self._control = ControlServer(Requests(self).handle)
        self.physics: asyncio.Task[None] | None = None  # ends with an error only

    async def start(self) -> None:
        """Power on: everything listens when this returns."""
        for thermometer in self.thermometers.values():
            thermometer.show(thermometer.spec.celsius)
        for line in self.lines.values():
            await line.start()
        for meter_spec in self.config.meters:
            self.lines[meter_spec.line].attach(self.meters[meter_spec.id])
        for board in self.boards.values():
            board.start()
        for spec in self.config.evses:
            await asyncio.to_thread(self.boards[spec.id].wait_ready)
            self.lines[spec.line].attach_fd(self.boards[spec.id].uart_fd, spec.board_unit)
        await self.gpio.start(Path(self.config.gpio))
        for field in self.fields.values():
            await field.start()
        if self.relay is not None:
            await self.relay.start()
        self.physics = asyncio.create_task(self._run())
        await self._control.start(Path(self.config.control))

    async def stop(self) -> None:
        """Power off."""
        if self.physics is not None:
            self.physics.cancel()
            await asyncio.gather(self.physics, return_exceptions=True)
        await self._control.stop()
        await self.gpio.stop()
        if self.relay is not None:
            await self.relay.stop()
        for field in self.fields.values():
            await field.stop()
        for line in self.lines.values():
            await line.stop()
        for board in self.boards.values():
            board.close()
        self.log.close()

    def step(self) -> None:
        """Advance all physics to this moment."""
        now_s = time.monotonic()
        for bay in self.bays.values():
            bay.step(now_s, self.mains)
        for contact in self.contacts.values():
            if contact.spec.kind == "breaker":
                contact.follow(not all(self.bays[evse].breaker for evse in contact.spec.evses))
        self.feed.step(self.mains)

    async def _run(self) -> None:
        while True:
            self.step()
            await asyncio.sleep(self.config.tick_s)

    def _bay(self, spec: EvseSpec) -> Bay:
        wiring = Wiring(evse=spec.id, coil_gpio=spec.coil_gpio, mirror_gpio=spec.mirror_gpio,
                        phases=tuple(PHASES.index(phase) for phase in spec.phases))
        car = Car(max_a=spec.car.max_a, phases=spec.car.phases, ask_after_s=spec.car.ask_after_s,
                  x1_open_s=spec.car.x1_open_s)
        return Bay(wiring, self.boards[spec.id], car, self.log, self.gpio.drive)

    def _output_moved(self, pin: int, level: bool, cause: str) -> None:
        for bay in self.bays.values():
            if bay.wiring.coil_gpio == pin:
                bay.step(time.monotonic(), self.mains)  # what came first is logged first
                bay.relay_moved(level, cause)
                bay.step(time.monotonic(), self.mains)


def _meter(spec: MeterSpec) -> VirtualMeter:
    return VirtualMeter(spec.unit, spec.model, physics=MeterPhysics(import_wh=spec.start_wh))


def make_board(evse: EvseSpec, line: LineSpec, folder: Path) -> PilotBoard:
    """A board that runs the real firmware. Raises `NoMicroPython`."""
    from hil_tests.virtual.board import Board

    return Board(folder / f"board-{evse.id}", unit=evse.board_unit, baud=line.baud,
                 parity="E" if line.bits_per_char == 11 else "N")


async def run(config: CabinetConfig, boards: BoardMaker = make_board) -> None:
    """Run until SIGTERM or SIGINT."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    cabinet = Cabinet(config, boards)
    try:
        await cabinet.start()
        ready = {"ready": True, "control": config.control, "gpio": config.gpio,
                 "links": {line.id: line.link for line in config.lines},
                 "readers": {name: field.port for name, field in cabinet.fields.items()},
                 "relay_port": cabinet.relay.listen_port if cabinet.relay else None}
        print(json.dumps(ready), flush=True)
        assert cabinet.physics is not None
        asked = asyncio.create_task(stopped.wait())
        await asyncio.wait([asked, cabinet.physics], return_when=asyncio.FIRST_COMPLETED)
        if cabinet.physics.done():
            cabinet.physics.result()
    finally:
        await cabinet.stop()


def main(argv: list[str]) -> int:
    """`python -m hil_tests.virtual.cabinet CONFIG.json`."""
    if len(argv) != 1:
        print("usage: python -m hil_tests.virtual.cabinet CONFIG.json", file=sys.stderr)
        return 2
    asyncio.run(run(cabinet_config.read(Path(argv[0]))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
