"""Virtual meters behind sockets: a Modbus TCP gateway of own code, and a serial server (RTU over TCP).

Faults of the gateway (`gateway.fault(kind, times=1)`; the serial server's are those of its `Wire`):

  tid_zero        answered with transaction id 0
  tid_stale       answered with the transaction id of the request before
  wrong_protocol  answered with protocol id 1
  wrong_unit      answered in the name of the next unit
  wrong_function  function 3 for 4 and 4 for 3
  wrong_count     one register less
  late_by_one     the answer to the request before, with this one's transaction id
  swapped         this answer is kept and sent behind the next one's; each has its own transaction id
  late            the answer comes `delay_s` later
  split           the answer in single bytes, some milliseconds apart
  exception       refused with `code` (0x0B: the gateway's device is silent; 0x0A: no path to it)
  silent          no answer, and the connection stays
  closes          the connection is closed in place of an answer
  half_open       no answer to this nor to anything more on this connection, as behind a dead NAT
"""

import asyncio
import struct
from collections.abc import Iterable
from typing import NamedTuple

from hil_tests.virtual.meter import VirtualMeter
from hil_tests.virtual.wire import Wire

FAULTS = ("tid_zero", "tid_stale", "wrong_protocol", "wrong_unit", "wrong_function", "wrong_count",
          "late_by_one", "swapped", "late", "split", "exception", "silent", "closes", "half_open")
NO_PATH, DEVICE_SILENT = 0x0A, 0x0B
_BYTE_GAP_S = 0.002


class _Fault(NamedTuple):
    kind: str
    delay_s: float
    code: int
    left: int | None


class _Answer(NamedTuple):
    tid: int
    unit: int
    pdu: bytes
    protocol: int = 0

    def frame(self) -> bytes:
        return struct.pack(">HHHB", self.tid, self.protocol, len(self.pdu) + 1, self.unit) + self.pdu


class _Server:
    """Listens on a port of the loopback that the system chooses."""

    def __init__(self) -> None:
        self.connections = 0  # ever
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self) -> int:
        """Returns the port; the same again after `stop`."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    async def stop(self) -> None:
        """Nobody listens, and all connections are reset."""
        if self._server is not None:
            self._server.close()
            self.drop()
            await asyncio.gather(*self._serving, return_exceptions=True)
            await self._server.wait_closed()
            self._server = None

    def drop(self) -> None:
        """Close all connections; new ones are welcome."""
        for writer in list(self._writers):
            writer.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await self._serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the other side is gone
        finally:
            self._writers.discard(writer)
            self._serving.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError


class TcpGateway(_Server):
    """Modbus TCP with several meters behind it. Requests of a connection are answered in turn.

    A unit that is not there, or is dead, is answered with exception 0x0B, as gateways do.
    """

    def __init__(self, meters: Iterable[VirtualMeter] = ()) -> None:
        super().__init__()
        self.meters = {meter.unit: meter for meter in meters}
        self.faults: list[_Fault] = []
        self.requests = 0
        self._before: _Answer | None = None
        self._kept: _Answer | None = None

    def attach(self, meter: VirtualMeter) -> None:
        """Another one behind it."""
        self.meters[meter.unit] = meter

    def fault(self, kind: str, *, delay_s: float = 0.5, code: int = DEVICE_SILENT,
              times: int | None = None) -> None:
        """Switch a fault on, for `times` answers or until `clear`."""
        if kind not in FAULTS:
            raise ValueError(f"fault: got {kind!r}, expected one of {', '.join(FAULTS)}")
        self.faults.append(_Fault(kind, delay_s, code, times))

    def clear(self) -> None:
        """Switch all faults off."""
        self.faults.clear()
        self._kept = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            tid, _, length, unit = struct.unpack(">HHHB", await reader.readexactly(7))
            pdu = await reader.readexactly(length - 1)
            self.requests += 1
            fault = self._use()
            kind = "" if fault is None else fault.kind
            meter = self.meters.get(unit)
            if meter is not None:
                await asyncio.sleep(meter.turnaround_s)
            if kind == "closes":
                return
            if kind == "half_open":
                await reader.read()  # hears everything until the other side gives up
                return
            answer = self._answer(tid, unit, pdu, meter)
            before, self._before = self._before, answer
            if kind != "silent":
                await self._write(writer, fault, answer, before)

    def _answer(self, tid: int, unit: int, pdu: bytes, meter: VirtualMeter | None) -> _Answer:
        answer = None if meter is None else meter.respond(pdu)
        return _Answer(tid, unit, answer or bytes((pdu[0] | 0x80, DEVICE_SILENT)))

    async def _write(self, writer: asyncio.StreamWriter, fault: _Fault | None, answer: _Answer,
                     before: _Answer | None) -> None:
        kind = "" if fault is None else fault.kind
        if kind == "swapped" and self._kept is None:
            self._kept = answer
            return
        if fault is not None and kind == "late":
            await asyncio.sleep(fault.delay_s)
        data = _spoilt(fault, answer, before).frame()
        if self._kept is not None:
            data += self._kept.frame()
            self._kept = None
        for piece in [bytes((byte,)) for byte in data] if kind == "split" else [data]:
            writer.write(piece)
            await writer.drain()
            if kind == "split":
                await asyncio.sleep(_BYTE_GAP_S)

    def _use(self) -> _Fault | None:
        if not self.faults:
            return None
        fault = self.faults[0]
        if fault.left is not None:
            self.faults[0] = fault._replace(left=fault.left - 1)
            if fault.left <= 1:
                del self.faults[0]
        return fault


def _spoilt(fault: _Fault | None, answer: _Answer, before: _Answer | None) -> _Answer:
    pdu = answer.pdu
    match None if fault is None else fault.kind:
        case "tid_zero":
            return answer._replace(tid=0)
        case "tid_stale":
            return answer._replace(tid=(answer.tid - 1) & 0xFFFF)
        case "wrong_protocol":
            return answer._replace(protocol=1)
        case "wrong_unit":
            return answer._replace(unit=answer.unit % 247 + 1)
        case "wrong_function":
            return answer._replace(pdu=bytes(({3: 4, 4: 3}.get(pdu[0], 3),)) + pdu[1:])
        case "wrong_count" if len(pdu) > 3:
            return answer._replace(pdu=bytes((pdu[0], pdu[1] - 2)) + pdu[2:-2])
        case "late_by_one" if before is not None:
            return answer._replace(pdu=before.pdu)
        case "exception" if fault is not None:
            return answer._replace(pdu=bytes((pdu[0] | 0x80, fault.code)))
    return answer


class SerialServer(_Server):
    """RTU over TCP: whoever connects is a master on the wire, and hears all that answers there."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self.wire = wire

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def heard(data: bytes) -> None:
            if not writer.is_closing():
                writer.write(data)
        send = self.wire.connect(heard)
        try:
            while data := await reader.read(4096):
                send(data)
        finally:
            self.wire.disconnect(heard)
