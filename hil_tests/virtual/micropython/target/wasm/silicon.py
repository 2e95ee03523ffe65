# mypy: ignore-errors
# The board's silicon under MicroPython's webassembly port: `_hw` is JavaScript in ../../wasm/board.mjs.
# Single bytes and integers cross the border, because they cost no memory on either side.
import _hw

words = _hw.words
store = _hw.store
orphaned = _hw.orphaned
leave = _hw.leave

_pending = _hw.pending
_take = _hw.take
_put = _hw.put
_send = _hw.send


class UART:
    # Never waits: what arrived before this turn of the firmware's loop.
    pending = staticmethod(_pending)

    def readinto(self, buffer):
        count = min(_pending(), len(buffer))
        for i in range(count):
            buffer[i] = _take()
        return count or None

    def write(self, frame):
        for byte in frame:
            _put(byte)
        _send()
        return len(frame)
