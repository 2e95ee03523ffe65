# mypy: ignore-errors
# `select` of the virtual board under MicroPython's webassembly port, instead of the built-in one, which
# would burn the time away: nothing may block in there. So `poll` says for how long it would have slept,
# and the launcher sleeps that long, or until bytes arrive, before the firmware's loop turns again.
import _hw

POLLIN = 1

_sleep = _hw.sleep


class _Poll:
    def __init__(self):
        self._streams = []

    def register(self, stream, events=POLLIN):
        self._streams.append((stream, events))

    def ipoll(self, timeout_ms=-1):
        _sleep(timeout_ms)
        return self._ready()

    def _ready(self):
        for entry in self._streams:
            if entry[0].pending():
                yield entry


def poll():
    return _Poll()
