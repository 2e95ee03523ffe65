"""Where the numbers of the firmware come from: cited, or from memory, and the code says which."""

import itertools
import re
from pathlib import Path

import pytest
import test_numbers

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
MEMORY = "from memory"

BORDERS = "BORDERS_MV = (10500, 7500, 4500, 1500, -10500)"
SETTLE = "SETTLE_MS = (0, 25, 50, 500, 75, 75, 75)"
CABLES = "CABLES = ((1000, 2200, 13), (330, 1000, 20), (150, 330, 32), (75, 150, 63))"

# number; where it was read; file and constant; what the comment beside the constant, above it, or at
# the file's head must match; the test of test_numbers.py that asserts it
NUMBERS = [
    ("12, 9, 6, 3, 0, -12 V by 2.74 k, 882, 246 ohm", "esp32-evse wiki, nsayer/ev_sim", "pilot",
     BORDERS, r"12/9/6/3/0/-12 V \(esp32-evse wiki .* ev_sim README", "nominal_levels_and_loads"),
    ("windows 11.4..12.6, 8.36..9.56, 5.48..6.49, 2.62..3.25, -11.4..-12.6 V",
     "florianuhlemann/J1772.h", "pilot", BORDERS, "Midpoints of the nominal", "windows_of_sae"),
    ("1.1 V around nominal", "EVerest YetiSimulator.cpp", "pilot", BORDERS,
     r"EVerest's simulator uses \+-1.1 V", "windows_of_everest"),
    ("F from -11 V", MEMORY, "pilot", BORDERS, r"-11 \(from memory\)", "window_of_f"),
    ("1 kHz", MEMORY, "sampling", "PERIOD = 50", "1 kHz PWM .*from memory", "periods_of_1_khz"),
    ("edges of 2 us, 1.5 nF behind 1 kOhm", MEMORY, "sampling", "PERIOD = 50",
     "2 us of the driver, 1.5 nF of cable behind 1 kOhm: from memory", "one_sample_lies_on_an_edge"),
    ("diode: low side under -10 V", "Tinkerforge evse.c", "pilot", "DIODE_LOW_MV = -10000",
     "Tinkerforge: low side above -10 V", "low_side_of_a_diode"),
    ("100 ticks without a diode", "Tinkerforge evse.c", "pilot", "DIODE_BAD_PERIODS = 100",
     "Tinkerforge, 100 ticks", "periods_of_a_missing_diode"),
    ("diode seen once before closing", "SmartEVSE #83, #133", "pilot", "DIODE_PERIODS = 20", "ours",
     "diode_once_before_closing"),
    ("10..85 %: 0.6 A per %", "OpenEVSE J1772Pilot.cpp, SAE J1772", "duty", "KNEE_DA = 510",
     r"10\.\.85 %: I = 0.6 A per %.*OpenEVSE J1772Pilot.cpp.*SAE J1772", "duty_to_85_percent"),
    ("85..96 %: (D - 64) * 2.5 A", "OpenEVSE J1772Pilot.cpp, SAE J1772", "duty", "DUTY_MAX = 9600",
     r"to 96 %: I = \(D - 64 %\) \* 2.5 A \(OpenEVSE J1772Pilot.cpp", "duty_above_85_percent"),
    ("6 A to 80 A", "OpenEVSE J1772Pilot.cpp", "duty", "MIN_DA = 60", "OpenEVSE", "least_current"),
    ("to 8 %, and above 96.5 %: no current", "openev.freshdesk", "duty", "CAR_DIGITAL_MAX = 800",
     "openev.freshdesk.*to 8 %: no current", "a_car_reads_no_current"),
    ("8..10 % is 6 A", MEMORY, "duty", "CAR_MIN = 1000", "8..10 % is 6 A: from memory",
     "a_car_reads_6_a"),
    ("97 %", MEMORY, "duty", "CAR_MAX = 9650", "97 % is from memory", "a_car_reads_no_current"),
    ("sequence 8.1, 8.2: 100 ms", "EVerest, Tinkerforge, OpenEVSE", "pilot", SETTLE,
     r"8.1 gives the main contacts 100 \(EVerest, Tinkerforge, OpenEVSE\)", "opens_within_100_ms"),
    ("to A 25 ms", "OpenEVSE", "pilot", SETTLE, "A: OpenEVSE", "a_is_seen_in_25_ms"),
    ("into C 500 ms", "SmartEVSE, Tinkerforge", "pilot", SETTLE, "Into C or D: SmartEVSE, Tinkerforge",
     "c_is_seen_in_500_ms"),
    ("sequence 4: 3 s", "EVerest, Tinkerforge", "pilot", SETTLE, "EVerest, Tinkerforge",
     "closes_within_3_s"),
    ("sequence 10.1: 3 s", "Tinkerforge", "offer", "DARK_MS = 6000 + SLACK_MS",
     r"3 s to open S2 \(sequence 10.1, Tinkerforge", "waits_3_s_for_the_car"),
    ("sequence 10.2: 6 s", "EVerest, Tinkerforge", "interlock", "STOP_MS = 6000",
     "sequence 10.2; EVerest, Tinkerforge", "opens_under_load_after_6_s"),
    ("sequence 10.2: 6 s", "EVerest, Tinkerforge, SmartEVSE, esp32-evse", "offer",
     "DARK_MS = 6000 + SLACK_MS", "10.2: EVerest, Tinkerforge, SmartEVSE, esp32-evse",
     "no_pwm_for_6_s_after_x1"),
    ("sequence 12: 3 s; 75 ms", "dingo35/SmartEVSE-3.5#133; Tinkerforge", "pilot", SETTLE,
     "From C to D, E, F: Tinkerforge takes 75", "short_opens_within_3_s"),
    ("C to D, 75 ms", "Tinkerforge", "pilot", SETTLE, "From C to D, E, F: Tinkerforge takes 75",
     "from_c_to_d_in_75_ms"),
    ("F for 300 ms", "EVerest state_F_after_fault_ms", "settings", "self.fault_f_ms = 300",
     "EVerest state_F_after_fault_ms", "f_for_300_ms"),
    ("raises each 5 s", "EVerest IEC_PWM_MAX_UPDATE_INTERVAL", "offer",
     "RAISE_EVERY_MS = 5000 + SLACK_MS", "EVerest IEC_PWM_MAX_UPDATE_INTERVAL is 5 s",
     "raises_each_5_s"),
    ("1500, 680, 220, 100 ohm", "OpenEVSE AutoCurrentCapacityController.cpp", "proximity", CABLES,
     "1500, 680, 220, 100 ohm: OpenEVSE AutoCurrent", "ratings_of_cables"),
    ("1000-2200, 330-1000, 150-330, 75-150 ohm", "Tinkerforge iec61851.h", "proximity", CABLES,
     "windows: Tinkerforge iec61851.h", "windows_of_cables"),
    ("B.2: 1100-2460, 400-936, 164-308, 80-140 ohm", MEMORY, "proximity", CABLES,
     "936 and 1100, 308 and 400, 140 and 164 ohm: from memory", "windows_that_leave_gaps"),
    ("B.2: open above 4.5 k", MEMORY, "proximity", "OPEN_OHM = 4500", "from memory of IEC 61851-1 B.2",
     "open_proximity"),
    # not of the standard: what other firmware chose
    ("link dead after 5 s", "EVerest evSerial.cpp", "settings", "self.grant_ttl_ms = 5000",
     "EVerest evSerial.cpp", "heartbeat_of_5_s"),
    ("off at 71 C", "OpenEVSE", "faults", "HOT_DC = 710", "OpenEVSE .*71 C", "terminals_at_71_c"),
    ("back at 62 C", "OpenEVSE", "faults", "COOL_DC = 620", "back at 62", "terminals_at_62_c"),
    ("60 s after an error", "esp32-evse", "faults", "TEMPERATURE_GOOD_MS = 60000", "esp32-evse",
     "terminals_at_62_c"),
    ("stuck 1 s after opening", "OpenEVSE", "contactor", "WELD_MS = 1000", "OpenEVSE",
     "weld_after_1_s"),
    ("test pulse of 250 ms", "Tinkerforge", "residual", "PULSE_MS = 250", "Tinkerforge.*250 ms",
     "pulse_of_250_ms"),
    ("trip within 1.2 s", "Tinkerforge", "residual", "TRIP_MS = 1200", "Tinkerforge.*1.2 s",
     "trip_within_1200_ms"),
]


def said_of(source: str, constant: str) -> str:
    """The file's head, and the lines above the one of a constant from the last blank one."""
    lines = source.splitlines()
    (at,) = [number for number, line in enumerate(lines)
             if re.match(re.escape(constant) + r"( *#.*)?$", line.strip())]
    above = itertools.takewhile(bool, reversed(lines[:at]))
    head = itertools.takewhile(lambda line: line.startswith("#"), lines)
    said = [*head, *reversed(list(above)), lines[at]]
    return " ".join(line.strip().removeprefix("#").strip() for line in said)


@pytest.mark.parametrize("row", NUMBERS, ids=lambda row: row[0])
def test_the_code_says_where_a_number_comes_from(row):
    _, source, file, constant, comment, _ = row
    said = said_of((FIRMWARE / f"{file}.py").read_text(), constant)
    assert re.search(comment, said), said
    if source == MEMORY:
        assert MEMORY in comment


def test_every_number_has_a_test_and_every_test_a_source():
    tests = {name for name in dir(test_numbers) if name.startswith("test_")}
    assert {f"test_{row[5]}" for row in NUMBERS} == tests
