"""Modbus PDUs (function code and data, no address, no CRC), built and parsed by pymodbus.

pymodbus is imported when the first PDU is built, not with this package.
"""

from typing import TYPE_CHECKING

from edge.controller.trouble import BadAnswer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pymodbus.pdu import ModbusPDU

READ_HOLDING, READ_INPUT, WRITE_ONE, WRITE_MANY = 3, 4, 6, 16
READS = (READ_HOLDING, READ_INPUT)
EXCEPTION_BIT = 0x80
MAX_READ = 125  # registers; Modbus Application Protocol v1.1b3, 6.3
MAX_WRITE = 123  # registers; 6.12


def read_holding(address: int, count: int) -> bytes:
    """FC 3: `count` (1..125) holding registers from `address` (zero based)."""
    from pymodbus.pdu.register_message import ReadHoldingRegistersRequest
    return _bytes(ReadHoldingRegistersRequest(address=address, count=count))


def read_input(address: int, count: int) -> bytes:
    """FC 4: `count` (1..125) input registers from `address` (zero based)."""
    from pymodbus.pdu.register_message import ReadInputRegistersRequest
    return _bytes(ReadInputRegistersRequest(address=address, count=count))


def write_register(address: int, value: int) -> bytes:
    """FC 6: one holding register."""
    from pymodbus.pdu.register_message import WriteSingleRegisterRequest
    _check_values((value,))
    return _bytes(WriteSingleRegisterRequest(address=address, registers=[value]))


def write_registers(address: int, values: "Sequence[int]") -> bytes:
    """FC 16: 1..123 holding registers from `address`."""
    from pymodbus.pdu.register_message import WriteMultipleRegistersRequest
    if not 1 <= len(values) <= MAX_WRITE:
        raise ValueError(f"values: got {len(values)} registers, expected 1..{MAX_WRITE}")
    _check_values(values)
    return _bytes(WriteMultipleRegistersRequest(address=address, registers=list(values)))


def registers_of(response: bytes) -> tuple[int, ...]:
    """The registers of an answer to FC 3 or FC 4. Raises `BadAnswer` for anything else."""
    from pymodbus.pdu.register_message import ReadHoldingRegistersResponse, ReadInputRegistersResponse
    if len(response) < 2 or response[0] not in READS or response[1] != len(response) - 2 \
            or response[1] % 2:
        raise BadAnswer("registers", where="PDU", got=response.hex(" ") or "nothing",
                        expected="an answer to a read, with its byte count")
    holding = response[0] == READ_HOLDING
    parsed = ReadHoldingRegistersResponse() if holding else ReadInputRegistersResponse()
    parsed.decode(response[1:])
    return tuple(parsed.registers)


def _bytes(pdu: "ModbusPDU") -> bytes:
    """pymodbus checks address and count in some classes only; we do in all."""
    pdu.verifyAddress()
    if not 1 <= pdu.count <= MAX_READ:
        raise ValueError(f"count: got {pdu.count}, expected 1..{MAX_READ}")
    if pdu.address + pdu.count > 0x10000:
        raise ValueError(f"address: got {pdu.address}+{pdu.count}, expected an end of 65536 at most")
    return bytes([pdu.function_code]) + pdu.encode()


def _check_values(values: "Sequence[int]") -> None:
    for value in values:
        if not 0 <= value <= 0xFFFF:
            raise ValueError(f"register value: got {value}, expected 0..65535")
