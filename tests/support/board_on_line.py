"""A pilot board as a `Bus` sees it: registers, and what a technician's commands do to them."""

import asyncio

from virtual_time import now_ns

from edge.bus.port import BusClass
from edge.controller.trouble import DeviceRefused
from edge.outlet import registers as r

FRAME_S = 0.01
SIGNED = 0x10000


class BoardOnLine:
    """State A, healthy, uncalibrated. Its true pilot is 2 % more than it measures, and 50 mV higher."""

    def __init__(self) -> None:
        self.words = dict.fromkeys(range(r.BASE, r.COUNTERS + r.COUNTERS_COUNT), 0)
        self.words |= {
            r.BOOT_COUNT: 3, r.MAP_VERSION: r.MAP_VERSION_NOW, r.FIRMWARE: 200, r.SUPPLY_MV: 12_010,
            r.TEMPERATURE_DC: 250, r.SELF_TEST_AGE_MIN: 0xFFFF, r.DROP_OUT_MS: 16, r.PULL_IN_MS: 24,
            r.LOOP_MAX_MS: 6, r.WELD_SUSPECT_MS: 250,
            r.CP_GAIN_PERMYRIAD: 10_000, r.PP_GAIN_PERMYRIAD: 10_100,
            r.TEMPERATURE_OFFSET_DC: SIGNED - 3, r.KEPT_WRITES + 1: 12}
        self.identity = (b"Forecourt", b"PB-1", b"2.0")
        self.car = False
        self.closed = False
        self.pilot_mv = 12_000  # true, in A; minus this in F
        self.trip_ms = 63
        self.test_result = r.TEST_PASSED
        self.keeps = True
        self.classes: list[BusClass] = []
        self.f_until_s = 0.0
        self._tested_s = float("inf")
        self._refused = 0

    @property
    def in_f(self) -> bool:
        return now_ns() / 1e9 < self.f_until_s

    async def transact(self, unit, pdu, klass, *, timeout_s=None):
        await asyncio.sleep(FRAME_S)
        self.classes.append(klass)
        if pdu[0] == 43:
            return self._identify(pdu[3])
        address, count = int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
        if pdu[0] == 3:
            self._settle()
            data = b"".join((self.words[address + i] & 0xFFFF).to_bytes(2, "big") for i in range(count))
            return bytes([3, len(data)]) + data
        self._refused = self._write(address, [
            int.from_bytes(pdu[6 + 2 * i:8 + 2 * i], "big") for i in range(count)])
        if self._refused:
            raise DeviceRefused("request refused", where="fake", got="exception 4", expected="yes")
        return pdu[:5]

    def _identify(self, after: int) -> bytes:
        text, more = self.identity[after], after + 1 < len(self.identity)
        return bytes((43, 14, 2, 0x82, 0xFF * more, (after + 1) * more, 1, after, len(text))) + text

    def _settle(self) -> None:
        words, raw = self.words, {}
        for high in (True, False):
            true = -self.pilot_mv if self.in_f else self.pilot_mv
            raw[high] = round((true - 50) / 1.02)
        offset, gain = words[r.CP_OFFSET_MV], words[r.CP_GAIN_PERMYRIAD]
        offset = offset - SIGNED if offset & 0x8000 else offset
        shown = raw[True] * gain // 10_000 + offset
        words |= {r.CP_HIGH_RAW_MV: raw[True], r.CP_LOW_RAW_MV: raw[False], r.CP_HIGH_MV: shown,
                  r.CP_LOW_MV: shown, r.REFUSED_BITS: self._refused}
        state = r.PILOT_F if self.in_f else r.PILOT_B if self.car else r.PILOT_A
        words[r.PERMIT_BITS] = state << 8 | (r.PERMIT_MIRROR_CLOSED if self.closed else 0)
        if now_ns() / 1e9 >= self._tested_s:
            words[r.SELF_TEST_RESULT], words[r.SELF_TEST_TRIP_MS] = self.test_result, self.trip_ms

    def _write(self, address: int, words: list[int]) -> int:
        if address == r.COMMAND and words[0] == r.COMMAND_SELF_TEST:
            if self.closed:
                return r.REFUSED_CONTACTOR_CLOSED
            self.words[r.SELF_TEST_RESULT] = r.TEST_RUNNING
            self._tested_s = now_ns() / 1e9 + 0.5
        elif address == r.COMMAND and words[0] == r.COMMAND_SHOW_F:
            if self.car or self.in_f:
                return r.REFUSED_CAR
            self.f_until_s = now_ns() / 1e9 + words[3] / 1000
        elif address == r.CALIBRATION:
            if self.car or self.in_f:
                return r.REFUSED_CAR
            assert words[0] == (self.words[r.CALIBRATION_SEQ] + 1) & 0xFFFF
            if self.keeps:
                self.words |= {r.CALIBRATION + i: word for i, word in enumerate(words)}
        return 0
