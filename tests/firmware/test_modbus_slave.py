"""The slave's frames, byte for byte, with an independent frame builder."""

import random

import pytest

UNIT = 11


def crc(data):
    """CRC-16/MODBUS bit by bit, from the serial line specification V1.02, 6.2.2."""
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ 0xA001 if register & 1 else register >> 1
    return register.to_bytes(2, "little")


def frame(unit, *pdu):
    body = bytes([unit, *pdu])
    return body + crc(body)


def words(*values):
    return [byte for value in values for byte in value.to_bytes(2, "big")]


def read(address, count, unit=UNIT, function=3):
    return frame(unit, function, *words(address, count))


def write(address, *values, unit=UNIT):
    return frame(unit, 16, *words(address, len(values)), 2 * len(values), *words(*values))


@pytest.fixture
def slave(fw, bench):
    bench.desk = fw.desk.Desk(bench.core, 7, 3)
    bench.slave = fw.modbus_slave.Slave(UNIT, bench.desk, bench.core.heard)

    def ask(request):
        reply = bench.slave.feed(request, len(request))
        return None if reply is None else bytes(reply)

    bench.ask = ask
    return bench


def registers(reply):
    assert crc(reply[:-2]) == reply[-2:]
    assert reply[2] == len(reply) - 5
    return [int.from_bytes(reply[3 + i:5 + i], "big") for i in range(0, reply[2], 2)]


def exception(function, code):
    return frame(UNIT, function | 0x80, code)


def test_crc_is_the_published_one(fw):
    assert fw.modbus_slave.crc16(b"123456789", 0, 9) == 0x4B37  # check value of CRC-16/MODBUS


@pytest.mark.parametrize("function", [3, 4])
def test_the_status_is_one_read(slave, function):
    slave.charge()
    r = slave.r
    got = dict(zip(range(r.BASE, r.BASE + r.BLOCK_COUNT),
                   registers(slave.ask(read(r.BASE, r.BLOCK_COUNT, function=function))), strict=True))
    assert got[r.BOOT_COUNT] == 7
    assert got[r.RESET_CAUSE] == 3
    assert got[r.PLUG_SEQ] == 1
    assert got[r.PERMIT_BITS] == r.PILOT_C << 8 | r.PERMIT_ON | r.PERMIT_PWM | r.PERMIT_DIODE_OK \
        | r.PERMIT_MIRROR_CLOSED
    assert got[r.OFFER_DA] == 160
    assert got[r.DUTY_PERMYRIAD] == 2666
    assert got[r.CP_LOW_MV] == 0x10000 - 12000
    assert got[r.MAP_VERSION] == r.MAP_VERSION_NOW


def test_a_command_is_one_write(slave):
    r = slave.r
    slave.load = "B"
    slave.run(200)
    request = write(r.COMMAND, r.COMMAND_OFFER, 0, 160, 0)
    assert slave.ask(request) == frame(UNIT, *request[1:6])
    assert slave.told_da == 160
    assert registers(slave.ask(read(r.COMMAND, 4))) == [r.COMMAND_OFFER, 0, 160, 0]


def test_a_refused_command_says_why(slave):
    r = slave.r
    assert slave.ask(write(r.COMMAND, r.COMMAND_GRANT, 1, 160, 5000)) == exception(16, 4)
    (why,) = registers(slave.ask(read(r.REFUSED_BITS, 1)))
    assert why == r.REFUSED_NOT_C | r.REFUSED_NO_PWM | r.REFUSED_DIODE


@pytest.mark.parametrize(("request_bytes", "code"), [
    (read(999, 1), 2), (read(1000, 9), 2), (read(1100, 23), 2), (read(1129, 1), 2), (read(1140, 5), 2),
    (read(1100, 0), 3), (read(1100, 126), 3), (frame(UNIT, 6, *words(1100, 1)), 2),
    (frame(UNIT, 6, *words(1140, 3)), 2), (frame(UNIT, 6, *words(1143, 3)), 2),
    (write(1140, 3, 1, 160), 2), (write(1141, 1, 160, 5000), 2), (write(1001, 1), 2),
    (frame(UNIT, 6, *words(1130, 59)), 3), (frame(UNIT, 6, *words(1131, 601)), 3),
    (frame(UNIT, 6, *words(1132, 99)), 3), (frame(UNIT, 6, *words(1004, 4)), 3),
    (frame(UNIT, 6, *words(1000, 16)), 3), (frame(UNIT, 16, *words(1130, 2), 2, 0, 60), 3)])
def test_what_is_not_allowed_is_refused(slave, request_bytes, code):
    assert slave.ask(request_bytes) == exception(request_bytes[1], code)


@pytest.mark.parametrize(("name", "value"), [
    ("FAILSAFE_DA", 60), ("HOLD_S", 0), ("GRANT_TTL_MS", 3000)])
def test_settings_are_written_by_either_function(slave, name, value):
    address = getattr(slave.r, name)
    request = frame(UNIT, 6, *words(address, value))
    assert slave.ask(request) == request
    assert registers(slave.ask(read(address, 1))) == [value]
    assert slave.ask(write(address, value)) == frame(UNIT, 16, *words(address, 1))


def test_other_tools_read_the_familiar_registers(slave):
    slave.charge()
    assert registers(slave.ask(read(1000, 8))) == [16, 16, 3, 0, 0, 1, 2, 1]
    assert slave.ask(frame(UNIT, 6, *words(1000, 10))) == frame(UNIT, 6, *words(1000, 10))
    assert registers(slave.ask(read(1000, 2))) == [10, 10]
    slave.ask(frame(UNIT, 6, *words(1004, 1)))
    assert registers(slave.ask(read(1000, 8))) == [0, 0, 3, 0, 0, 1, 1, 0]


def test_an_unknown_function_is_refused_once_the_line_is_silent(slave):
    assert slave.ask(frame(UNIT, 8, 0, 0, 1, 2)) is None
    assert bytes(slave.slave.silence()) == exception(8, 1)
    assert slave.ask(frame(12, 8, 0, 0, 1, 2)) is None
    assert slave.slave.silence() is None


@pytest.mark.parametrize("request_bytes", [
    read(1100, 11, unit=12), write(1140, 5, 0, 0, 0, unit=12), write(1140, 5, 0, 0, 0, unit=0)])
def test_what_is_for_others_or_for_all_is_ignored(slave, request_bytes):
    slave.charge()
    assert slave.ask(request_bytes) is None
    assert slave.permit


def test_requests_after_the_talk_of_others_are_found(slave):
    talk = [read(0, 2, unit=12), frame(12, 3, 4, 1, 2, 3, 4), write(40, 9, unit=13),
            frame(13, 16, 0, 40, 0, 1), frame(14, 0x83, 2)]
    for count in range(len(talk) + 1):
        reply = slave.ask(b"".join(talk[:count]) + read(slave.r.BOOT_COUNT, 1))
        assert registers(reply) == [7]
    assert slave.desk.bad_frames == 0


def test_a_frame_may_come_in_pieces(slave):
    request = write(slave.r.COMMAND, slave.r.COMMAND_WITHDRAW, 0, 0, 0)
    for byte in request[:-1]:
        assert slave.ask(bytes([byte])) is None
    assert slave.ask(request[-1:]) == frame(UNIT, *request[1:6])


def test_a_broken_frame_is_counted_and_forgotten_with_the_next_silence(slave):
    broken = bytearray(write(slave.r.COMMAND, slave.r.COMMAND_REVOKE, 0, 0, 0))
    broken[7] ^= 1
    slave.charge()
    assert slave.ask(bytes(broken)) is None
    assert slave.slave.silence() is None
    assert slave.permit
    assert slave.desk.bad_frames == 1
    assert registers(slave.ask(read(slave.r.BAD_FRAMES, 1))) == [1]


def test_noise_grants_nothing_and_breaks_nothing(slave):
    rng = random.Random(61851)
    for _ in range(3000):
        noise = rng.randbytes(rng.randrange(1, 300))
        if rng.random() < 0.5:
            noise = bytes([UNIT, rng.choice([3, 4, 6, 16])]) + noise
        slave.slave.feed(noise, len(noise))
        if rng.random() < 0.5:
            slave.slave.silence()
        assert not slave.permit
    slave.slave.silence()
    assert registers(slave.ask(read(slave.r.BOOT_COUNT, 1))) == [7]
