"""CPU of the master per exchange, beside pymodbus's own client: `python tests/bench_exchange.py`.

The device is a process of its own that answers at once: RTU on a pty, Modbus TCP on a socket. What is
counted is the CPU time of this process, start-up left out, the smallest of five rounds. pymodbus keeps
no silence between frames; what ours costs (to sleep and wake up) is told apart. Asserts nothing.
"""

import asyncio
import multiprocessing
import os
import socket
import struct
import sys
import time
import tty
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from edge.bus.frame import frame_of
from edge.bus.open import open_bus
from edge.bus.owner import LineOwner
from edge.bus.pdu import read_input
from edge.bus.port import BusClass
from edge.bus.rtu import RtuMaster
from edge.bus.url import LineUrl, parse_url


class Hasty(LineUrl):
    """A line without silence between frames."""

    @property
    def silence_s(self) -> float:
        return 0.0


COUNTS, ROUNDS, EACH = (18, 76), 5, 300
Read = Callable[[int], Awaitable[object]]


def serve_pty(fd: int) -> None:
    while True:
        request = os.read(fd, 300)
        size = 2 * request[5]
        os.write(fd, frame_of(request[0], bytes((request[1], size)) + bytes(size)))


def serve_tcp(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while request := connection.recv(300):
            size = 2 * request[11]
            connection.sendall(request[:4] + struct.pack(">HBBB", size + 3, request[6], 4, size)
                               + bytes(size))


async def cpu_us(read: Read, count: int) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(EACH):
            await read(count)
        best = min(best, (time.process_time() - began) / EACH)
    return best * 1e6


async def ours(bus: LineOwner) -> list[float]:
    await bus.start()

    async def read(count: int) -> object:
        return await bus.transact(1, read_input(0, count), BusClass.METER_FAST, timeout_s=5.0)
    found = [await cpu_us(read, count) for count in COUNTS]
    await bus.close()
    return found


async def pymodbus(kind: str, where: str, port: int = 0) -> list[float]:
    from pymodbus import FramerType
    from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
    client = AsyncModbusSerialClient(where, framer=FramerType.RTU, baudrate=115200) if kind == "rtu" \
        else AsyncModbusTcpClient(where, port=port)
    await client.connect()

    async def read(count: int) -> object:
        return await client.read_input_registers(0, count=count, device_id=1)
    found = [await cpu_us(read, count) for count in COUNTS]
    client.close()
    return found


async def main() -> None:
    master, slave = os.openpty()
    tty.setraw(master)
    tty.setraw(slave)
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    children = [multiprocessing.Process(target=serve_pty, args=(master,), daemon=True),
                multiprocessing.Process(target=serve_tcp, args=(listener,), daemon=True)]
    for child in children:
        child.start()
    path = os.ttyname(slave)
    print(f"CPU per exchange in us, {COUNTS[0]} and {COUNTS[1]} registers")
    line = f"rtu:{path}?baud=115200"
    hasty = Hasty(kind="rtu", path=path, baud=parse_url(line).baud)
    for name, found in (("RTU, ours", await ours(open_bus(line))),
                        ("no silence", await ours(LineOwner(RtuMaster(hasty)))),
                        ("RTU, pymodbus", await pymodbus("rtu", path)),
                        ("TCP, ours", await ours(open_bus(f"tcp://127.0.0.1:{port}"))),
                        ("TCP, pymodbus", await pymodbus("tcp", "127.0.0.1", port))):
        print(f"{name:<16}" + "".join(f"{value:8.0f}" for value in found))
    for child in children:
        child.kill()


if __name__ == "__main__":
    asyncio.run(main())
