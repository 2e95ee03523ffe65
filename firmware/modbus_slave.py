# Modbus RTU slave: bytes in, replies out. FC 03, 04, 06, 16 (Modbus over serial line V1.02, 2.5.1).
# The board hears the whole line, so frames for others, and their answers, are recognised and skipped:
# a busy loop may find two frames in its buffer although there was a silence between them.
from array import array

MAX_FRAME = 256
_EXCEPTION = 0x80
_FUNCTIONS = (3, 4, 6, 16)


def _crc_table():
    table = array("H", bytes(512))
    for i in range(256):
        crc = i
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
        table[i] = crc
    return table


_CRC = _crc_table()


def crc16(data, start, end):
    crc = 0xFFFF
    table = _CRC
    for i in range(start, end):
        crc = (crc >> 8) ^ table[(crc ^ data[i]) & 0xFF]
    return crc


class Slave:
    # `desk` answers for the registers; `heard()` is called at each valid request for `unit`.

    def __init__(self, unit, desk, heard):
        self.unit = unit
        self._desk = desk
        self._heard = heard
        self._buffer = bytearray(2 * MAX_FRAME)
        self._length = 0
        self._reply = bytearray(MAX_FRAME)
        self._values = array("H", bytes(2 * 125))

    def silence(self):
        # The line was silent for longer than a frame may pause. Returns a reply, or None: only now is
        # the end of a frame known whose function code is not ours.
        length = self._length
        self._length = 0
        if not length:
            return None
        buffer = self._buffer
        if length <= MAX_FRAME and self._checked(0, length, length) and buffer[1] not in _FUNCTIONS:
            if buffer[0] != self.unit or buffer[1] & _EXCEPTION:
                return None
            self._heard()
            self._reply[0] = self.unit
            self._reply[1] = buffer[1]
            return self._fail(1)
        self._desk.bad_frames += 1
        return None

    def feed(self, data, count):
        # Take `count` bytes; returns a memoryview of the reply, or None.
        if self._length + count > len(self._buffer):
            self._length = 0
            self._desk.bad_frames += 1
            if count > len(self._buffer):
                return None
        buffer = self._buffer
        for i in range(count):
            buffer[self._length + i] = data[i]
        self._length += count
        reply = None
        start = 0
        while start < self._length:
            size = self._frame_at(start)
            if size == 0:
                break
            reply = self._answer(start, size) if size > 0 and buffer[start] == self.unit else None
            start += abs(size)
        self._drop(start)
        return reply

    def _drop(self, count):
        if count:
            left = self._length - count
            for i in range(left):
                self._buffer[i] = self._buffer[count + i]
            self._length = left

    def _frame_at(self, start):
        # Size of the whole, valid frame that begins here, negative for an answer; 0: none (yet).
        have = self._length - start
        if have < 5:
            return 0
        buffer = self._buffer
        function = buffer[start + 1]
        if function & _EXCEPTION:
            return -5 if self._checked(start, 5, have) else 0
        if function not in _FUNCTIONS:
            return 0
        size = 8
        if function == 16:
            size = 9 + buffer[start + 6] if have > 6 else 0
        if self._checked(start, size, have):
            return size
        size = 8 if function == 16 else 5 + buffer[start + 2]  # somebody's answer; 06 echoes its request
        return -size if self._checked(start, size, have) else 0

    def _checked(self, start, size, have):
        if not 4 <= size <= have:
            return False
        end = start + size
        crc = self._buffer[end - 2] | self._buffer[end - 1] << 8
        return crc16(self._buffer, start, end - 2) == crc

    def _answer(self, start, size):
        # Reply to the request at `start`. Broadcasts (unit 0) never come here.
        buffer = self._buffer
        function = buffer[start + 1]
        address = buffer[start + 2] << 8 | buffer[start + 3]
        count = buffer[start + 4] << 8 | buffer[start + 5]
        self._heard()
        reply = self._reply
        reply[0] = self.unit
        reply[1] = function
        if function == 3 or function == 4:
            return self._read(address, count, size)
        values = self._values
        if function == 6:
            values[0] = count
            count = 1
        else:
            if size != 9 + 2 * count or not 1 <= count <= 123:
                return self._fail(3)
            for i in range(count):
                at = start + 7 + 2 * i
                values[i] = buffer[at] << 8 | buffer[at + 1]
        answer = self._desk.write(address, values, count)
        if answer:
            return self._fail(answer)
        for i in range(2, 6):
            reply[i] = buffer[start + i]
        return self._seal(6)

    def _read(self, address, count, size):
        if size != 8 or not 1 <= count <= 125:
            return self._fail(3)
        desk = self._desk
        if not desk.covers(address, count):
            return self._fail(2)
        desk.refresh(address)
        reply = self._reply
        reply[2] = 2 * count
        for i in range(count):
            word = desk.word(address + i)
            reply[3 + 2 * i] = word >> 8
            reply[4 + 2 * i] = word & 0xFF
        return self._seal(3 + 2 * count)

    def _fail(self, code):
        self._reply[1] |= _EXCEPTION
        self._reply[2] = code
        return self._seal(3)

    def _seal(self, end):
        crc = crc16(self._reply, 0, end)
        self._reply[end] = crc & 0xFF
        self._reply[end + 1] = crc >> 8
        return memoryview(self._reply)[: end + 2]
