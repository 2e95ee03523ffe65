"""Gain and offset of one board's pilot measurement, from two plateaus that a voltmeter saw. Pure."""

from edge.outlet.settings import Calibration

PLATEAU_MV = (10_500, 13_500)  # a pilot that is further from 12 V is broken, not uncalibrated
GAIN_PERMYRIAD = (9_000, 11_000)  # what the board accepts
OFFSET_MV = (-1_000, 1_000)
LEAST_SPAN_MV = 15_000  # of the board's raw values: less, and it did not show both plateaus


class CannotCalibrate(ValueError):
    """The measurements do not fit together; says which, and what was expected."""


def of_plateaus(measured_mv: tuple[int, int], raw_mv: tuple[int, int],
                before: Calibration) -> Calibration:
    """The calibration that turns `raw_mv` into `measured_mv` (high, low); the rest as `before`.

    Raises `CannotCalibrate`.
    """
    for name, value_mv, sign in (("high", measured_mv[0], 1), ("low", measured_mv[1], -1)):
        if not PLATEAU_MV[0] <= sign * value_mv <= PLATEAU_MV[1]:
            low, high = sorted((sign * PLATEAU_MV[0], sign * PLATEAU_MV[1]))
            raise CannotCalibrate(f"{name} plateau: got {value_mv} mV, expected {low}..{high} mV; "
                                  "measure between CP and PE at the outlet, in millivolts")
    span_mv = raw_mv[0] - raw_mv[1]
    if span_mv < LEAST_SPAN_MV:
        raise CannotCalibrate(f"board's raw values: got {raw_mv[0]} and {raw_mv[1]} mV, expected "
                              f"{LEAST_SPAN_MV} mV between them; is the pilot shorted or loaded?")
    gain = round(10_000 * (measured_mv[0] - measured_mv[1]) / span_mv)
    offset_mv = round(measured_mv[0] - raw_mv[0] * gain / 10_000)
    if not GAIN_PERMYRIAD[0] <= gain <= GAIN_PERMYRIAD[1]:
        raise CannotCalibrate(f"gain: got {gain / 100:g} %, expected 90..110 %; check the divider")
    if not OFFSET_MV[0] <= offset_mv <= OFFSET_MV[1]:
        raise CannotCalibrate(f"offset: got {offset_mv} mV, expected -1000..1000 mV; check the divider")
    return Calibration(cp_offset_mv=offset_mv, cp_gain_permyriad=gain,
                       pp_gain_permyriad=before.pp_gain_permyriad,
                       temperature_offset_dc=before.temperature_offset_dc)
