# mypy: ignore-errors
# The ADC of the virtual board, with its registers, and the wave at the control pilot. The samples of
# one PWM period are made once for each change of it; a capture copies slices of them.
import time
from array import array

import page
import silicon

_words = silicon.words

_CS = 0x4004C000
_RESULT = 0x4004C004
_FCS = 0x4004C008
_DIV = 0x4004C010
_CS_ENABLE, _CS_START_ONCE, _CS_START_MANY, _CS_READY = 1, 1 << 2, 1 << 3, 1 << 8
_FCS_ENABLE_AND_DREQ = 1 | 1 << 3
_FCS_CLEARED_BY_ONE = 1 << 10 | 1 << 11

_CLOCK_MHZ = 48
_PERIOD_US = 1000
_TILES = 24  # periods that are held ready


class _Wave:
    # The pilot as the ADC sees it every `sample_us`, from the rising edge on: `period` words, and as
    # the bytes of many such periods.
    def __init__(self):
        self._key = None
        self.period = None
        self._bytes = None

    def at(self, sample_us):
        high_mv = _words[page.PILOT_HIGH_MV]
        low_mv = _words[page.PILOT_LOW_MV]
        noise_mv = _words[page.PILOT_NOISE_MV]
        key = (high_mv, low_mv, _words[page.PWM_DUTY], noise_mv, sample_us)
        if key != self._key:
            self._key = key
            self._make(high_mv, low_mv, key[2], noise_mv, sample_us)
        return self._bytes

    def _make(self, high_mv, low_mv, duty, noise_mv, sample_us):
        length = _PERIOD_US // sample_us
        period = array("H", bytes(2 * length))
        falls_at = (duty * length + 32767) // 65535
        chance = 12345
        for i in range(length):
            mv = high_mv if i < falls_at else low_mv
            if 0 < falls_at < length and i in (0, falls_at):
                mv = (high_mv + low_mv) // 2  # a sample in the middle of each edge: the worst case
            chance = (chance * 1103 + 12345) & 0xFFFF
            mv += chance % (2 * noise_mv + 1) - noise_mv
            period[i] = min(4095, max(0, (mv + 15000) * 4095 // 30000))
        self.period = period
        self._bytes = memoryview(bytes(period) * _TILES)


class Adc:
    # The registers that firmware/adc.py uses; what it captures goes to `dma`, if there is one.
    def __init__(self):
        self.dma = None
        self._wave = _Wave()
        self._registers = {_CS: 0, _RESULT: 0, _FCS: 0, _DIV: 0}
        self._began_us = -1  # of free running; -1: it stands

    def __getitem__(self, address):
        if address == _CS:
            return self._registers[_CS] | _CS_READY
        return self._registers[address]

    def __setitem__(self, address, value):
        if address == _CS:
            self._stop()
            if value & _CS_START_ONCE:
                self._registers[_RESULT] = self._convert(value >> 12 & 7)
            elif value & _CS_START_MANY:
                self._began_us = time.ticks_us()
            value &= ~_CS_START_ONCE
        elif address == _FCS:
            value &= ~_FCS_CLEARED_BY_ONE
        self._registers[address] = value

    def _convert(self, channel):
        if channel:
            return _words[page.ADC + channel] >> 4
        self._wave.at(20)
        return self._wave.period[time.ticks_us() // 20 % len(self._wave.period)]

    def _stop(self):
        began_us = self._began_us
        if began_us < 0:
            return
        self._began_us = -1
        if self.dma is None or self._registers[_FCS] & _FCS_ENABLE_AND_DREQ != _FCS_ENABLE_AND_DREQ:
            return
        sample_us = ((self._registers[_DIV] >> 8) + 1) // _CLOCK_MHZ
        samples = self._wave.at(sample_us)
        count = time.ticks_diff(time.ticks_us(), began_us) // sample_us
        self.dma.transfer(samples, began_us // sample_us % len(self._wave.period), count)


adc = Adc()
