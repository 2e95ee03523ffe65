# Modbus RTU slave: bytes in, replies out. FC 03, 04, 06, 16 (Modbus over serial line V1.02, 2.5.1), 43/14.
# The board hears the whole line, so frames for others, and their answers, are recognised and skipped:
# a busy loop may find two frames in its buffer although there was a silence between them. After anything
# else, nothing is taken for a frame before the line was silent: what lies inside of noise is not obeyed.
from array import array

import identity
from answers import BAD_VALUE, NO_SUCH_FUNCTION, NO_SUCH_REGISTER
from crc import crc16

MAX_FRAME = 256
READ_MAX = 125
WRITE_MAX = 123
_EXCEPTION = 0x80
_WRITE_MANY = 16
_FUNCTIONS = (3, 4, 6, _WRITE_MANY, identity.FUNCTION)


class Slave:
    # `desk` answers for the registers; `heard()` is called at each valid request for `unit` that only our
    # controller makes: not for EVSE-WB's registers, an identity or an unknown function, which are anybody's.

    def __init__(self, unit, desk, heard):
        self.unit = unit
        self._desk = desk
        self._heard = heard
        self._buffer = bytearray(2 * MAX_FRAME)
        self._length = 0
        self._reply = bytearray(MAX_FRAME)
        self._values = array("H", bytes(2 * WRITE_MAX))
        self._views = [None] * (MAX_FRAME + 1)  # of the reply, by length: made once, not at each reply

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
            self._reply[0] = self.unit
            self._reply[1] = buffer[1]
            return self._fail(NO_SUCH_FUNCTION)
        self._desk.bad_frames += 1
        return None

    def feed(self, data, count):
        # Take `count` bytes; returns a memoryview of the reply, valid until the next call, or None. A
        # request that others have talked after is obeyed and not answered: its answer would be too late.
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
        if function == identity.FUNCTION:
            request = 7
            answer = identity.size_of_answer(buffer, start, have)
        elif function == _WRITE_MANY:
            request = 9 + buffer[start + 6] if have > 6 else 0
            answer = 8
        else:
            request = 8
            answer = 5 + buffer[start + 2]  # 06 echoes its request
        if self._checked(start, request, have):
            return request
        return -answer if self._checked(start, answer, have) else 0

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
        reply = self._reply
        reply[0] = self.unit
        reply[1] = function
        if function == identity.FUNCTION:
            end = identity.answer(buffer[start + 2], buffer[start + 3], buffer[start + 4], reply)
            return self._fail(-end) if end < 0 else self._seal(end)
        address = buffer[start + 2] << 8 | buffer[start + 3]
        count = buffer[start + 4] << 8 | buffer[start + 5]  # of 06: the value
        if function == _WRITE_MANY and (size != 9 + 2 * count or not 1 <= count <= WRITE_MAX):
            self._desk.bad_frames += 1
            return self._fail(BAD_VALUE)
        if self._desk.is_own(address):
            self._heard()
        if function == 3 or function == 4:
            return self._read(address, count)
        if function == 6:
            self._values[0] = count
            count = 1
        else:
            for i in range(count):
                at = start + 7 + 2 * i
                self._values[i] = buffer[at] << 8 | buffer[at + 1]
        answer = self._desk.write(address, self._values, count)
        if answer:
            return self._fail(answer)
        for i in range(2, 6):
            reply[i] = buffer[start + i]
        return self._seal(6)

    def _read(self, address, count):
        if not 1 <= count <= READ_MAX:
            return self._fail(BAD_VALUE)
        desk = self._desk
        if not desk.covers(address, count):
            return self._fail(NO_SUCH_REGISTER)
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
        view = self._views[end + 2]
        if view is None:
            view = memoryview(self._reply)[: end + 2]
            self._views[end + 2] = view  # type: ignore[assignment]
        return view
