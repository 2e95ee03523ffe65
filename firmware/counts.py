# What the board remembers of its life, kept through power loss by kept.py. Pure.
COUNT_MAX = 0x3FFFFFFF  # a small int on a 32 bit port: counting allocates nothing
WORD_MAX = 0xFFFF


class Counts:
    # Numbers saturate, only `boot_count` wraps (to 1: 0 says "none" where a boot is named).
    # `version` changes with each change that is worth a write to flash.

    def __init__(self):
        self.version = 0
        self.boot_count = 0
        self.resets = 0  # starts that power-on does not explain
        self.trips = 0
        self.cycles = 0
        self.load_breaks = 0
        self.welds = 0
        self.shunt_trips = 0
        self.last_trip_boot = 0
        self.last_trip_uptime_s = 0
        self.last_trip_utc = 0  # s since 1970, 0: the clock was not told
        self.uptime_s = 0  # of this start; not kept
        self._second_ms = 0
        self._told_utc = 0
        self._told_at_s = 0

    def started(self, power_on):
        # Once a start, after what was kept has been loaded. `power_on`: the reset cause says so.
        self.boot_count = self.boot_count + 1 if self.boot_count < WORD_MAX else 1
        if not power_on:
            self.resets = min(self.resets + 1, COUNT_MAX)
        self._changed()

    def tick(self, dt_ms):
        self._second_ms += dt_ms
        while self._second_ms >= 1000:
            self._second_ms -= 1000
            self.uptime_s = min(self.uptime_s + 1, COUNT_MAX)

    def tell_utc(self, utc_s):
        # Wall clock from the controller, s since 1970 (0 takes it back). It dates trips, nothing else.
        self._told_utc = utc_s
        self._told_at_s = self.uptime_s

    def utc_s(self):
        # s since 1970, 0: not told since the start. Above 2**30, so it allocates: not for each turn.
        return self._told_utc + self.uptime_s - self._told_at_s if self._told_utc else 0

    def trip(self):
        self.trips = min(self.trips + 1, COUNT_MAX)
        self.last_trip_boot = self.boot_count
        self.last_trip_uptime_s = self.uptime_s
        self.last_trip_utc = self.utc_s()
        self._changed()

    def cycle(self):
        self.cycles = min(self.cycles + 1, COUNT_MAX)
        self._changed()

    def load_break(self):
        self.load_breaks = min(self.load_breaks + 1, COUNT_MAX)
        self._changed()

    def weld(self):
        self.welds = min(self.welds + 1, WORD_MAX)
        self._changed()

    def shunt_trip(self):
        self.shunt_trips = min(self.shunt_trips + 1, WORD_MAX)
        self._changed()

    def _changed(self):
        self.version = (self.version + 1) & COUNT_MAX
