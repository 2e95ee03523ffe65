"""What a technician asks of a board, against one that speaks Modbus PDUs."""

import re
from pathlib import Path

import pytest
from board_on_line import BoardOnLine
from virtual_time import now_ns, virtual

from edge.bus.port import BusClass
from edge.controller.trouble import DeviceRefused
from edge.outlet import registers as r
from edge.outlet.board import PilotBoard
from edge.outlet.board_link import _REFUSALS
from edge.outlet.board_service import _BLOCKS, _LONG, _SIGNED, BoardService
from edge.outlet.calibrate import GOOD_MV, Calibrator
from edge.outlet.calibration import CannotCalibrate, of_plateaus
from edge.outlet.checks import Check, Verdict, judge, passed
from edge.outlet.selftest import lines, measure
from edge.outlet.settings import Calibration

UNIT = 11
SIGNED_MINUS_1 = 0xFFFF


def named(prefix: str) -> dict[str, int]:
    return {name: value for name, value in vars(r).items() if name.startswith(prefix)}


def test_every_refusal_has_words():
    bits = {value for name, value in named("REFUSED_").items() if name != "REFUSED_BITS"}
    assert set(_REFUSALS) == bits


def test_long_and_signed_registers_are_those_of_the_map():
    said: dict[str, set[str]] = {"u32": set(), "s16": set()}
    spans = [range(getattr(r, name), getattr(r, name) + count) for name, count in _BLOCKS]
    text = Path(r.__file__).read_text("utf-8")
    for name, number, kind in re.findall(r"^(\w+) = (\d+)  # .*?\b(u32|s16)\b", text, re.MULTILINE):
        if any(int(number) in span for span in spans):
            said[kind].add(name)
    assert (said["u32"], said["s16"]) == (set(_LONG), set(_SIGNED))


@virtual
async def test_every_register_has_a_name_for_people_and_32_bits_are_one_number():
    line = BoardOnLine()
    line.words |= {r.UPTIME_S: 1, r.UPTIME_S + 1: 2, r.CYCLES: 0, r.CYCLES + 1: 77, r.HOLD_S: 60,
                   r.CP_OFFSET_MV: SIGNED_MINUS_1}
    words = await BoardService(line, UNIT).registers()
    assert (words["uptime_s"], words["cycles"], words["hold_s"]) == (0x10002, 77, 60)
    assert (words["boot_count"], words["firmware"], words["cp_offset_mv"]) == (3, 200, -1)
    assert words["temperature_offset_dc"] == -3
    assert {"base", "settings", "calibration", "counters"}.isdisjoint(words)
    covered = r.BLOCK_COUNT + r.SETTINGS_COUNT + r.CALIBRATION_COUNT + r.COUNTERS_COUNT
    assert len(words) == covered - len(_LONG), "the second word of a long one has no name"
    assert set(line.classes) == {BusClass.BULK}


@virtual
async def test_an_identity_may_take_several_frames():
    assert await BoardService(BoardOnLine(), UNIT).identity() == {
        "vendor": "Forecourt", "product_code": "PB-1", "revision": "2.0"}


async def checked(line: BoardOnLine) -> dict[str, Check]:
    measured = await measure(PilotBoard(line, UNIT, now_ns), BoardService(line, UNIT))
    return {check.name: check for check in judge(measured)}


@virtual
async def test_a_healthy_board_passes_and_says_what_it_measured():
    line = BoardOnLine()
    checks = await checked(line)
    assert {check.verdict for check in checks.values()} == {Verdict.OK}, checks
    assert checks["residual current module"].shown == "trips in 63 ms"
    assert checks["pilot, low"].shown.startswith("-11.8")
    assert not line.in_f, "it is in A again"
    assert passed(tuple(checks.values()))


@pytest.mark.parametrize(("register", "word", "name", "shown"), [
    (r.SUPPLY_MV, 10_400, "supply of the board", "10.4 V"),
    (r.TEMPERATURE_DC, 0x8000, "temperature", "no sensor answers"),
    (r.TEMPERATURE_DC, 650, "temperature", "65 C"),
    (r.DROP_OUT_MS, 44, "drop-out of the contactor", "44 ms"),
    (r.WELD_SUSPECT_MS, 31, "suspicion of a weld", "after 31 ms"),
    (r.PULL_IN_MS, 160, "pull-in of the contactor", "160 ms"),
    (r.LOOP_MAX_MS, 11, "worst turn of the loop", "11 ms"),
    (r.FAULT_BITS, r.FAULT_WELD, "faults", "weld"),
    (r.KEPT_BAD, 2, "memory", "2 records damaged at this start"),
    (r.SHUNT_TRIPS, 1, "welds", "0, shunt trips 1")])
@virtual
async def test_what_is_out_of_its_limits_fails_alone_and_has_a_remedy(register, word, name, shown):
    line = BoardOnLine()
    line.words[register] = word
    checks = await checked(line)
    failed = [check for check in checks.values() if check.verdict is not Verdict.OK]
    assert [(check.name, check.verdict, check.shown) for check in failed] == [
        (name, Verdict.FAIL, shown)]
    assert failed[0].remedy and not passed(tuple(checks.values()))


@pytest.mark.parametrize("result", [r.TEST_NO_TRIP, r.TEST_STUCK, r.TEST_TRIPPED, r.TEST_RUNNING])
@virtual
async def test_a_module_that_does_not_pass_fails(result):
    line = BoardOnLine()
    line.test_result = result
    assert (await checked(line))["residual current module"].verdict is Verdict.FAIL


@virtual
async def test_a_pilot_off_its_level_fails():
    line = BoardOnLine()
    line.pilot_mv = 11_000
    checks = await checked(line)
    assert (checks["pilot, high"].verdict, checks["pilot, low"].verdict) == (Verdict.FAIL, Verdict.FAIL)


@virtual
async def test_what_cannot_be_tested_now_is_said_and_is_no_failure_of_the_board():
    line = BoardOnLine()
    line.car = line.closed = True
    line.words[r.DROP_OUT_MS] = 0
    checks = await checked(line)
    assert checks["pilot"].shown == "state B" and "pilot, low" not in checks
    assert "the contactor is not open" in checks["residual current module"].shown
    for name in ("pilot", "residual current module", "drop-out of the contactor"):
        assert checks[name].verdict is Verdict.UNKNOWN and checks[name].remedy
    assert checks["contactor"].verdict is Verdict.FAIL


def test_lines_give_the_verdict_first_and_the_remedy_below():
    bad = Check(name="a", verdict=Verdict.FAIL, shown="1 V", expected="2 to 3 V", remedy="mend")
    assert lines((bad, Check(name="b", verdict=Verdict.OK, shown="fine"))) == [
        f"FAIL {'a':<26}1 V   (2 to 3 V)", "     -> mend", f"ok   {'b':<26}fine"]


# calibration
@pytest.mark.parametrize(("measured", "raw", "complaint"), [
    ((10_400, -12_000), (12_000, -12_000), "high plateau: got 10400"),
    ((12_000, 12_000), (12_000, -12_000), "low plateau: got 12000 mV, expected -13500"),
    ((12, -12), (12_000, -12_000), "millivolts"),
    ((12_000, -12_000), (12_000, 0), "shorted or loaded"),
    ((12_000, -12_000), (10_500, -10_500), "gain: got 114"),
    ((12_000, -12_000), (13_400, -13_400), "gain: got 89"),
    ((13_400, -10_600), (12_000, -12_000), "offset: got 1400")])
def test_what_does_not_fit_is_refused(measured, raw, complaint):
    with pytest.raises(CannotCalibrate, match=complaint):
        of_plateaus(measured, raw, Calibration())


@pytest.mark.parametrize(("measured", "raw"), [
    ((12_000, -12_000), (12_000, -12_000)), ((12_030, -11_950), (11_700, -11_800)),
    ((11_800, -12_300), (12_500, -12_600))])
def test_a_calibration_turns_the_raw_values_into_the_measured_ones(measured, raw):
    before = Calibration(cp_offset_mv=5, pp_gain_permyriad=9_900, temperature_offset_dc=-12)
    after = of_plateaus(measured, raw, before)
    for raw_mv, measured_mv in zip(raw, measured, strict=True):
        assert abs(raw_mv * after.cp_gain_permyriad / 10_000 + after.cp_offset_mv - measured_mv) <= 2
    assert (after.pp_gain_permyriad, after.temperature_offset_dc) == (9_900, -12)


class Person:
    """Answers in order; `heard` is everything that was said and asked."""

    def __init__(self, *answers: str) -> None:
        self._answers, self.heard = list(answers), ""

    async def ask(self, question: str) -> str:
        self.heard += question
        return self._answers.pop(0)

    def say(self, text: str) -> None:
        self.heard += text + "\n"


async def calibrated(line: BoardOnLine, person: Person, high_mv: int | None, low_mv: int | None, *,
                     sure: bool) -> bool:
    calibrator = Calibrator(PilotBoard(line, UNIT, now_ns), BoardService(line, UNIT), person.ask,
                            person.say)
    return await calibrator.run(high_mv, low_mv, sure=sure)


@virtual
async def test_a_script_calibrates_without_a_word():
    line, person = BoardOnLine(), Person()
    line.pilot_mv = 12_100
    assert await calibrated(line, person, 12_100, -12_100, sure=True)
    assert (line.words[r.CALIBRATION_SEQ], line.words[r.PP_GAIN_PERMYRIAD]) == (1, 10_100)
    assert line.words[r.CP_GAIN_PERMYRIAD] == pytest.approx(10_200, abs=2)
    assert line.words[r.CP_OFFSET_MV] == pytest.approx(50, abs=3)
    assert "ok" in person.heard and not line.in_f


@virtual
async def test_a_person_is_led_through_it_and_asked_before_anything_is_written():
    line, person = BoardOnLine(), Person("12000", " -12000 ", "y")
    assert await calibrated(line, person, None, None, sure=False)
    for text in ("steady +12 V", "steady -12 V for 30 s", "gain 100 % +0 mV -> 102", "write it?"):
        assert text in person.heard
    assert line.words[r.CALIBRATION_SEQ] == 1


@pytest.mark.parametrize(("answers", "complaint"), [
    (("12000", "-12000", "n"), "not written"), (("12000", "-12000", ""), "not written"),
    (("12,0 V",), "whole millivolts"), (("9000", "-12000"), "high plateau")])
@virtual
async def test_nothing_is_written_unless_the_person_means_it(answers, complaint):
    line = BoardOnLine()
    with pytest.raises(CannotCalibrate, match=complaint):
        await calibrated(line, Person(*answers), None, None, sure=False)
    assert line.words[r.CALIBRATION_SEQ] == 0


@virtual
async def test_it_says_so_when_the_board_measures_wrong_all_the_same():
    line, person = BoardOnLine(), Person()
    line.keeps = False
    assert not await calibrated(line, person, 12_000, -12_000, sure=True)
    assert "did not keep" in person.heard


@virtual
async def test_it_says_so_when_the_pilot_moved_meanwhile():
    line, person = BoardOnLine(), Person()

    def say(text: str) -> None:
        person.say(text)
        line.pilot_mv += 2 * GOOD_MV
    calibrator = Calibrator(PilotBoard(line, UNIT, now_ns), BoardService(line, UNIT), person.ask, say)
    assert not await calibrator.run(12_000, -12_000, sure=True)
    assert "FAIL" in person.heard


@pytest.mark.parametrize("trouble", ["car", "closed"])
@virtual
async def test_nothing_is_calibrated_with_a_car_or_a_closed_contactor(trouble):
    line = BoardOnLine()
    setattr(line, trouble, True)
    with pytest.raises(DeviceRefused, match="state A and an open contactor"):
        await calibrated(line, Person(), 12_000, -12_000, sure=True)
    assert line.words[r.CALIBRATION_SEQ] == 0 and not line.f_until_s
