"""`forecourt board selftest`: what a healthy board and contactor measure, and what to do if not.

`judge` is pure: measurements in, verdicts out. Limits are the board's own or of the cited source.
"""

import enum
from collections.abc import Iterator

from edge.controller.pilot import BoardStatus, PilotState
from edge.controller.struct import Value
from edge.outlet.settings import SelfTest


class Verdict(enum.StrEnum):
    """Of one check. Only `FAIL` spoils the whole."""

    OK = "ok"
    FAIL = "FAIL"
    UNKNOWN = "?"  # could not be measured now; the remedy says how


class Check(Value):
    """One line, and what to do about it. `remedy` empty: nothing."""

    name: str
    verdict: Verdict
    shown: str
    expected: str = ""
    remedy: str = ""


class Measured(Value):
    """What was seen of one board. `self_test` None: refused (`refusal` says why), or still running."""

    status: BoardStatus
    registers: dict[str, int]  # by the names of the map, in small letters
    self_test: SelfTest | None = None
    refusal: str = ""
    low_mv: int | None = None  # the pilot in state F; None: not shown


# Volts of the SAE window for A and F (J1772; the same in florianuhlemann/J1772.h), in mV.
PLATEAU_MV = (11_400, 12_600)
SUPPLY_MV = (10_800, 13_200)  # 12 V within 10 %; the board itself lets go below 10.5 V
TEMPERATURE_C = (-30.0, 62.0)  # where the board lets a hot or cold outlet back in
TRIP_MS = (1, 1200)  # Tinkerforge allows a module 30 ms to 1.2 s
# The main contacts must be open 100 ms after the pilot left C (IEC 61851-1 sequence 8.1, as EVerest,
# Tinkerforge and OpenEVSE cite it); the board takes 60 of them at most.
DROP_OUT_MS = 40
PULL_IN_MS = 100  # our own choice: from memory, contactors take 10 to 50
TORN_RECORDS = 1
SUSPECT_FACTOR = 2  # the board calls a channel stuck after so many drop-out times at the earliest
LOOP_MS = 10  # worst turn of the board's loop that its 60 ms reckon with


def judge(measured: Measured) -> tuple[Check, ...]:
    """Every check, in the order in which a technician mends things."""
    return tuple(_judge(measured))


def passed(checks: tuple[Check, ...]) -> bool:
    """Whether nothing failed."""
    return all(check.verdict is not Verdict.FAIL for check in checks)


def _judge(measured: Measured) -> Iterator[Check]:
    status, words = measured.status, measured.registers
    yield _within("supply of the board", words["supply_mv"] / 1000, SUPPLY_MV, "V", 1000,
                  "measure the 12 V supply under load, at the board's terminals")
    yield from _pilot(measured)
    yield _temperature(status.temperature_c)
    yield _flag("contactor", not status.mirror_closed, "open", "closed",
                "open without a session; if none runs: switch the breaker off, verify absence of "
                "voltage, check the contactor and its mirror contact")
    yield _flag("Pi's relay", not status.request, "off", "on",
                "off without a session; if none runs: check the Pi's relay and the coil's wiring")
    yield _residual(measured)
    yield _time("drop-out of the contactor", words["drop_out_ms"], DROP_OUT_MS,
                "fit a coil suppressor that clamps higher (no plain diode), or a quicker contactor")
    yield _suspicion(words["weld_suspect_ms"], words["drop_out_ms"])
    yield _time("pull-in of the contactor", words["pull_in_ms"], PULL_IN_MS,
                "measure the coil's voltage while it closes")
    yield _flag("worst turn of the loop", words["loop_max_ms"] <= LOOP_MS,
                f"{words['loop_max_ms']} ms", f"{words['loop_max_ms']} ms",
                f"at most {LOOP_MS} ms; start the board again, and replace it if it is slow again")
    yield _flag("faults", not status.faults, "none", ", ".join(status.faults),
                "none; `forecourt board info`, then clear what is latched at the service socket")
    yield from _counters(words)


def _pilot(measured: Measured) -> Iterator[Check]:
    status = measured.status
    if status.pilot is not PilotState.A:
        yield Check(name="pilot", verdict=Verdict.UNKNOWN, shown=f"state {status.pilot.value}",
                    expected="state A", remedy="unplug the car and run this again")
        return
    wires = "check the pilot's wires and the driver's +-12 V, then `forecourt board calibrate`"
    yield _within("pilot, high", status.cp_high_mv / 1000, PLATEAU_MV, "V", 1000, wires)
    if measured.low_mv is None:
        yield Check(name="pilot, low", verdict=Verdict.UNKNOWN, shown="not shown", remedy=wires)
    else:
        yield _within("pilot, low", measured.low_mv / 1000, (-PLATEAU_MV[1], -PLATEAU_MV[0]), "V", 1000,
                      wires)


def _temperature(temperature_c: float | None) -> Check:
    if temperature_c is None:
        return Check(name="temperature", verdict=Verdict.FAIL, shown="no sensor answers",
                     remedy="check the sensor at the contactor's terminals and its wires")
    return _within("temperature", temperature_c, TEMPERATURE_C, "C", 1,
                   "let it cool; with the breaker off, tighten the terminals")


def _residual(measured: Measured) -> Check:
    test, name = measured.self_test, "residual current module"
    if test is None:
        return Check(name=name, verdict=Verdict.UNKNOWN if measured.refusal else Verdict.FAIL,
                     shown=measured.refusal or "its test did not end",
                     remedy="unplug the car, wait until the contactor is open, run this again")
    good = test.passed and TRIP_MS[0] <= test.trip_ms <= TRIP_MS[1]
    shown = f"trips in {test.trip_ms} ms" if test.passed else test.result
    return _flag(name, good, shown, shown, f"a trip within {TRIP_MS[1]} ms, and back again; check the "
                                           "module's supply, its trip wire and its test wire")


def _suspicion(suspect_ms: int, drop_out_ms: int) -> Check:
    name, expected_ms = "suspicion of a weld", SUSPECT_FACTOR * drop_out_ms
    if drop_out_ms == 0:
        return Check(name=name, verdict=Verdict.UNKNOWN, shown=f"after {suspect_ms} ms",
                     expected="twice the drop-out", remedy="measure the drop-out first")
    return _flag(name, suspect_ms >= expected_ms, f"after {suspect_ms} ms", f"after {suspect_ms} ms",
                 f"at least {expected_ms} ms, twice the drop-out: a healthy contactor would be called "
                 "stuck; set the board's `weld_suspect_ms` higher in the site's file")


def _counters(words: dict[str, int]) -> Iterator[Check]:
    torn = words["kept_bad"]
    yield _flag("memory", torn <= TORN_RECORDS, f"{words['kept_writes']} records written",
                f"{torn} records damaged at this start", f"at most {TORN_RECORDS}, which a power cut "
                "leaves; more is a worn flash: replace the board")
    yield _flag("welds", words["welds"] == 0 and words["shunt_trips"] == 0, "none",
                f"{words['welds']}, shunt trips {words['shunt_trips']}",
                "none; fit a new contactor if none was fitted since")
    yield Check(name="counters", verdict=Verdict.OK, shown=(
        f"{words['cycles']} closings, {words['load_breaks']} under load, {words['trips']} trips, "
        f"{words['resets']} resets, {words['bad_frames']} bad frames"))


def _within(name: str, value: float, limits: tuple[float, float], unit: str, scale: int,
            remedy: str) -> Check:
    low, high = limits[0] / scale, limits[1] / scale
    good = low <= value <= high
    return Check(name=name, verdict=Verdict.OK if good else Verdict.FAIL, shown=f"{value:.4g} {unit}",
                 expected=f"{low:g} to {high:g} {unit}", remedy="" if good else remedy)


def _time(name: str, took_ms: int, limit_ms: int, remedy: str) -> Check:
    if took_ms == 0:
        return Check(name=name, verdict=Verdict.UNKNOWN, shown="not seen since the board's start",
                     expected=f"at most {limit_ms} ms",
                     remedy="charge once with a test adapter, stop, and run this again")
    return Check(name=name, verdict=Verdict.OK if took_ms <= limit_ms else Verdict.FAIL,
                 shown=f"{took_ms} ms", expected=f"at most {limit_ms} ms",
                 remedy="" if took_ms <= limit_ms else remedy)


def _flag(name: str, good: bool, when_good: str, when_bad: str, remedy: str) -> Check:
    return Check(name=name, verdict=Verdict.OK if good else Verdict.FAIL,
                 shown=when_good if good else when_bad, remedy="" if good else remedy)
