"""Modbus PDUs (function code and data, no address, no CRC), built and parsed by pymodbus.

pymodbus is imported when the first PDU is built, not with this package.
"""

from typing import TYPE_CHECKING

from edge.controller.trouble import BadAnswer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pymodbus.pdu import ModbusPDU

READ_HOLDING, READ_INPUT, WRITE_ONE, WRITE_MANY = 3, 4, 6, 16
READ_IDENTITY = 43  # with MEI type 14; Modbus Application Protocol v1.1b3, 6.21
MEI_IDENTITY = 14
IDENTITY_REGULAR = 2  # objects 0 to 6, as one stream
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


def read_identity(object_id: int = 0) -> bytes:
    """FC 43/14: the basic and regular objects of a device's identity, from `object_id` (0..255)."""
    if not 0 <= object_id <= 0xFF:
        raise ValueError(f"object: got {object_id}, expected 0..255")
    return bytes((READ_IDENTITY, MEI_IDENTITY, IDENTITY_REGULAR, object_id))


def identity_of(response: bytes) -> tuple[dict[int, str], int | None]:
    """The objects of an answer to FC 43/14, and the id to ask for next; None: that was all.

    Raises `BadAnswer`.
    """
    size = identity_size(response)
    if response[:2] != bytes((READ_IDENTITY, MEI_IDENTITY)) or size != len(response):
        raise BadAnswer("identity", where="PDU", got=response.hex(" ") or "nothing",
                        expected="an answer to function 43/14")
    objects, at = {}, 7
    while at < len(response):
        end = at + 2 + response[at + 1]
        objects[response[at]] = response[at + 2:end].decode("ascii", "replace")
        at = end
    return objects, response[5] if response[4] else None


def identity_size(data: bytes) -> int | None:
    """How long the answer to FC 43/14 that `data` begins with is; None: too little to say.

    Function, MEI type, read code, conformity, "more follows", next object, their number; then of
    each object its id, its length and its value.
    """
    if len(data) < 7:
        return None
    size = 7
    for _ in range(data[6]):
        if size + 2 > len(data):
            return None
        size += 2 + data[size + 1]
    return size


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
