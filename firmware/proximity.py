# The plug's proximity resistor: what the cable carries. Pure.

# Windows in ohm (from, below) and the rating in A. Ratings of 1500, 680, 220, 100 ohm: OpenEVSE
# AutoCurrentCapacityController.cpp; windows: Tinkerforge iec61851.h. (SmartEVSE rates 680 ohm as 16 A.
# IEC 61851-1 B.2 leaves gaps between 936 and 1100, 308 and 400, 140 and 164 ohm: from memory.)
CABLES = ((1000, 2200, 13), (330, 1000, 20), (150, 330, 32), (75, 150, 63))
OPEN_OHM = 4500  # above: no plug, or a fixed cable (from memory of IEC 61851-1 B.2)
SETTLE_MS = 100  # ours: a plug that slides in passes through every resistance

NONE_FITTED = 0
OUT_OF_WINDOW = -1


def cable_a(pp_ohm):
    # Rating (A) of the cable; 0: none fitted or no plug; -1: no window holds it.
    if pp_ohm > OPEN_OHM:
        return NONE_FITTED
    for low, high, rating in CABLES:
        if low <= pp_ohm < high:
            return rating
    return OUT_OF_WINDOW


class Proximity:
    # cable_a: rating (A) that has stood, 0 none, -1 out of window. While a car is plugged in it never
    # rises: a resistor that grows more generous, or vanishes, under a plug is a broken contact.

    def __init__(self):
        self.cable_a = NONE_FITTED
        self._read_a = NONE_FITTED
        self._age_ms = 0
        self._plug_a = -1  # lowest rating that has stood since this plug; -1: none yet

    @property
    def gone(self):
        # A plug was read, and now none is: pulled, or its contact broke.
        return self._plug_a > 0 and self._read_a == NONE_FITTED and self._age_ms >= SETTLE_MS

    def step(self, dt_ms, pp_ohm, plugged):
        # One reading; `plugged`: the pilot does not say A. Returns `cable_a`.
        read_a = cable_a(pp_ohm)
        if read_a == self._read_a:
            self._age_ms = min(self._age_ms + dt_ms, SETTLE_MS)
        else:
            self._read_a = read_a
            self._age_ms = 0
        if not plugged:
            self._plug_a = -1
        if self._age_ms >= SETTLE_MS:
            self._accept(read_a, plugged)
        return self.cable_a

    def _accept(self, read_a, plugged):
        if not plugged:
            self.cable_a = read_a
        elif read_a == OUT_OF_WINDOW:
            self.cable_a = read_a
        elif self._plug_a < 0:
            self.cable_a = self._plug_a = read_a
        elif read_a == NONE_FITTED and self._plug_a > 0:
            self.cable_a = OUT_OF_WINDOW
        else:
            # a first 0 that becomes a resistor: the plug was slow; then it only falls
            if read_a < self._plug_a or self._plug_a == NONE_FITTED:
                self._plug_a = read_a
            self.cable_a = self._plug_a
