# What a site may set, and what belongs to one board: both written as a whole block. Pure.
# A write must carry the number after the last one (16 bit, wraps), so that an old or doubled one, or one
# of a controller that did not read first, changes nothing. Every value is checked before one is taken.
from answers import BAD_VALUE, OK, REFUSED
from duty import MAX_DA, MIN_DA


def follows(seq, last):
    # Whether a 16 bit number is the one right after another.
    return seq == (last + 1) & 0xFFFF


def signed(word):
    # A 16 bit word as s16.
    return word - 0x10000 if word & 0x8000 else word


class Settings:
    # Forgotten at reset: the defaults are the safe values.

    def __init__(self):
        self.seq = 0
        self.failsafe_da = 0  # 0.1 A; 0: a lost heartbeat ends the offer
        self.hold_s = 60
        self.grant_ttl_ms = 5000  # EVerest evSerial.cpp: a link without keep-alive is dead after 5 s
        self.ventilation = False
        self.fault_f_ms = 300  # EVerest state_F_after_fault_ms (IEC 61851-1 Table A.5)
        self.weld_suspect_ms = 250  # our own choice: twice the drop-out time of a usual contactor, and more

    def write(self, words):
        # `words`: the block as it stands in the map, at least SETTINGS_COUNT. All or nothing; returns
        # OK, REFUSED (not the next number) or BAD_VALUE.
        if not follows(words[0], self.seq):
            return REFUSED
        if (
            (words[1] != 0 and not MIN_DA <= words[1] <= MAX_DA)
            or words[2] > 600
            or not 100 <= words[3] <= 10000
            or words[4] > 1
            or (words[5] != 0 and not 300 <= words[5] <= 10000)
            or not 30 <= words[6] <= 900
        ):
            return BAD_VALUE
        self.seq = words[0]
        self.failsafe_da = words[1]
        self.hold_s = words[2]
        self.grant_ttl_ms = words[3]
        self.ventilation = words[4] == 1
        self.fault_f_ms = words[5]
        self.weld_suspect_ms = words[6]
        return OK


class Calibration:
    # Of one board, kept in flash: mV = raw * gain / 10000 + offset. The defaults change nothing.

    def __init__(self):
        self.seq = 0
        self.cp_offset_mv = 0
        self.cp_gain_permyriad = 10000
        self.pp_gain_permyriad = 10000
        self.temperature_offset_dc = 0  # 0.1 K

    def check(self, words):
        # As `write`, but takes nothing.
        if not follows(words[0], self.seq):
            return REFUSED
        return OK if self._valid(words) else BAD_VALUE

    def write(self, words):
        # `words`: the block as it stands in the map, at least CALIBRATION_COUNT. All or nothing; returns
        # OK, REFUSED (not the next number) or BAD_VALUE.
        answer = self.check(words)
        if answer == OK:
            self._take(words)
        return answer

    def restore(self, words):
        # As `write`, but any number is right: what flash kept. False: a value is out of range.
        valid = self._valid(words)
        if valid:
            self._take(words)
        return valid

    def show(self, words, start):
        # The block as it stands in the map, into words[start:].
        words[start] = self.seq
        words[start + 1] = self.cp_offset_mv & 0xFFFF
        words[start + 2] = self.cp_gain_permyriad
        words[start + 3] = self.pp_gain_permyriad
        words[start + 4] = self.temperature_offset_dc & 0xFFFF

    def _valid(self, words):
        return (
            -1000 <= signed(words[1]) <= 1000
            and 9000 <= words[2] <= 11000
            and 9000 <= words[3] <= 11000
            and -100 <= signed(words[4]) <= 100
        )

    def _take(self, words):
        self.seq = words[0]
        self.cp_offset_mv = signed(words[1])
        self.cp_gain_permyriad = words[2]
        self.pp_gain_permyriad = words[3]
        self.temperature_offset_dc = signed(words[4])
