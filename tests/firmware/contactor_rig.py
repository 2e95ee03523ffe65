# A contactor with its coil and mirror, for the tests of firmware/contactor.py.
from contactor import EVENT_CYCLE, EVENT_LOAD_BREAK, EVENT_SHUNT, EVENT_WELD, Contactor
from settings import Settings

TURN_MS = 4
SLACK_MS = 2 * TURN_MS  # seen one turn late, judged one turn late


class Rig:
    # A contactor with its coil: 25 ms to pull in, 30 ms to drop out, a mirror that may bounce.

    def __init__(self, closed=False):
        self.contactor = Contactor(Settings())
        self.request = self.permit = self.asks = False
        self.fed = True  # the coil's supply
        self.welded = False
        self.dead = False  # its coil is broken
        self.interlock_shorted = self.relay_bridged = False
        self.bounce_ms = 0
        self.drop_ms = 30
        self.closed = closed
        self.events = [0, 0, 0, 0]  # how often cycle, load break, weld, shunt
        self.shunted_ms = 0
        self.now_ms = 0
        self._coil = False
        self._since_ms = 0
        self._changed_ms = -1000

    def step(self):
        fed = (self.request or self.relay_bridged) and (self.permit or self.interlock_shorted)
        coil = fed and self.fed and not self.dead
        self._since_ms = self._since_ms + TURN_MS if coil == self._coil else 0
        self._coil = coil
        want = True if self.welded else coil
        if want != self.closed and (self.welded or self._since_ms >= (25 if coil else self.drop_ms)):
            self.closed = want
            self._changed_ms = self.now_ms
        mirror = self.closed
        if self.now_ms - self._changed_ms < self.bounce_ms and (self.now_ms // TURN_MS) % 2:
            mirror = not mirror
        contactor = self.contactor
        contactor.step(TURN_MS, self.request, self.permit, mirror, self.asks, self.fed)
        for place, event in enumerate((EVENT_CYCLE, EVENT_LOAD_BREAK, EVENT_WELD, EVENT_SHUNT)):
            if contactor.events & event:
                self.events[place] += 1
        self.shunted_ms += TURN_MS if contactor.shunt else 0
        self.now_ms += TURN_MS

    def run(self, ms):
        end_ms = self.now_ms + ms
        while self.now_ms < end_ms:
            self.step()

    def until(self, said, limit_ms):
        # Time until a verdict is spoken.
        began_ms = self.now_ms
        while not said(self.contactor):
            assert self.now_ms - began_ms <= limit_ms, "not within the limit"
            self.step()
        return self.now_ms - began_ms

    def charge(self, ms=2000):
        self.permit = True
        self.run(60)
        self.request = self.asks = True
        self.run(ms)
        assert self.contactor.closed, "it charges"

    def blames(self):
        contactor = self.contactor
        return (contactor.weld, contactor.interlock_stuck, contactor.relay_stuck, contactor.not_closed)


NOBODY = (False, False, False, False)


def is_not_closed(contactor):
    return contactor.not_closed
