"""The site's senses and habits in its file: digital inputs, temperature sensors, rules; their bounds.

An input says which level means its condition. Its line is pulled to that level, so that a wire that
breaks reads as the condition: a healthy contact has to hold the line at the other one.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

from msgspec import Meta

from edge.controller.site import (
    CURVE,
    CurvePoint,
    Input,
    InputKind,
    Sensor,
    SensorPlace,
    Timers,
)
from edge.controller.struct import Value
from edge.station.config_read import Findings, Key, one_of, toml_text
from edge.station.config_types import LEAST_OFFER_A, File, Gpio, Id, Ref, amperes

PULLED_UP = (2, 3)  # I2C: 1.8 kOhm to 3.3 V on every Pi's board
_DEFAULTS = Timers()


def _seconds(most: int, what: str = "") -> Meta:
    return Meta(ge=0, le=most, description=f"seconds from 0{what} to {most}")


Point = tuple[Annotated[float, Meta(ge=-40, le=125)], Annotated[float, Meta(ge=0, le=1)]]
Curve = Annotated[tuple[Point, ...], Meta(min_length=1, max_length=8, description=(
    "points of degrees and share of max_a in a list, as [[60, 1.0], [80, 0.0]]"))]
Evses = Annotated[tuple[Ref, ...], Meta(
    min_length=1, description='ids of EVSEs in a list, as ["1", "2"]; without it: all of them')]


class InputSection(Value):
    """`[[input]]`: a contact at a pin of the Pi, and what it watches for."""

    id: Id
    kind: Annotated[InputKind, Meta(description=one_of(kind.value for kind in InputKind))]
    gpio: Gpio
    active: Annotated[Literal["low", "high"], Meta(description=(
        'the level that means the condition, and that a broken wire reads: "low" or "high"'))]
    evses: Evses | None = None


class SensorSection(Value):
    """`[[sensor]]`: a temperature that the kernel gives, beside the one of each board."""

    id: Id
    place: Annotated[SensorPlace, Meta(description=one_of(place.value for place in SensorPlace))]
    file: File
    evses: Evses | None = None
    curve: Curve | None = None
    panic_c: Annotated[float, Meta(ge=40, le=125, description=(
        "degrees from 40 to 125 at which the contactor opens at once"))] = 85.0
    fallback_a: Annotated[float, amperes(0, 80)] = 0.0


class RulesSection(Value):
    """`[rules]`: the waits and limits that a site may choose."""

    wake_after_s: Annotated[float, _seconds(600, " (never)")] = _DEFAULTS.wake_after_s
    auth_timeout_s: Annotated[float, _seconds(3600, " (never)")] = _DEFAULTS.auth_timeout_s
    stagger_s: Annotated[float, _seconds(600)] = _DEFAULTS.stagger_s
    resume_s: Annotated[float, _seconds(86400)] = _DEFAULTS.resume_s
    replug_s: Annotated[float, _seconds(5, " (never)")] = _DEFAULTS.replug_s
    replug_young_s: Annotated[float, _seconds(3600)] = _DEFAULTS.replug_young_s
    wear_warning: Annotated[float, Meta(
        ge=0.1, le=1, description="a share of the rated life from 0.1 to 1")] = 0.8
    undervoltage: Annotated[float, Meta(
        ge=0.5, le=0.98, description="a share of nominal_v from 0.5 to 0.98")] = 0.85
    overvoltage: Annotated[float, Meta(
        ge=1.02, le=1.3, description="a share of nominal_v from 1.02 to 1.3")] = 1.15
    disk_low_mb: Annotated[int, Meta(
        ge=1, le=1_000_000, description="megabytes of free space from 1 on")] = 500
    disk_full_mb: Annotated[int, Meta(
        ge=1, le=1_000_000, description="megabytes of free space from 1 on")] = 50


def check_inputs(inputs: Iterable[InputSection], findings: Findings) -> None:
    """Each EVSE once; and a pin that the Pi itself pulls up can never read a broken wire as low."""
    for i, entry in enumerate(inputs or ()):
        check_evses(("input", i), entry.evses, findings)
        if entry.gpio in PULLED_UP and entry.active == "low":
            findings.add(("input", i, "gpio"), f"{entry.gpio} (pulled up on the Pi's board)",
                         'another pin for active = "low": a broken wire would read as well here')


def check_sensors(sensors: Iterable[SensorSection], findings: Findings) -> None:
    """Curves fall, panic lies beyond them, and a fallback is an offer or nothing."""
    for i, sensor in enumerate(sensors or ()):
        check_evses(("sensor", i), sensor.evses, findings)
        check_curve(("sensor", i, "curve"), sensor.curve, findings)
        if sensor.fallback_a is not None and 0 < sensor.fallback_a < LEAST_OFFER_A:
            findings.add(("sensor", i, "fallback_a"), f"{sensor.fallback_a:g}",
                         "0 (pause) or at least 6 (the least that a pilot can offer)")
        hottest_c = max((celsius for celsius, _ in sensor.curve or _pairs(CURVE)), default=0.0)
        if sensor.panic_c is not None and sensor.panic_c < hottest_c:
            findings.add(("sensor", i, "panic_c"), f"{sensor.panic_c:g}",
                         f"at least {hottest_c:g}, where its curve ends")


def check_curve(key: Key, curve: tuple[tuple[float, float], ...] | None, findings: Findings) -> None:
    """Hotter from point to point, and never more current."""
    for (cooler_c, more), (celsius, share) in zip(curve or (), (curve or ())[1:], strict=False):
        if celsius <= cooler_c:
            findings.add(key, f"{celsius:g} degrees after {cooler_c:g}", "rising temperatures")
        elif share > more:
            findings.add(key, f"a share of {share:g} after {more:g}", "falling shares")


def check_rules(rules: RulesSection, state_limit_mb: int | None, findings: Findings) -> None:
    """Nearly full comes before full, and an empty state folder is neither."""
    if None not in (rules.disk_low_mb, rules.disk_full_mb) and rules.disk_low_mb <= rules.disk_full_mb:
        findings.add(("rules", "disk_low_mb"), f"{rules.disk_low_mb}",
                     f"more than disk_full_mb, which is {rules.disk_full_mb}")
    elif rules.disk_low_mb is not None and state_limit_mb is not None and (
            state_limit_mb <= rules.disk_low_mb):
        findings.add(("paths", "state_limit_mb"), f"{state_limit_mb}",
                     f"more than rules.disk_low_mb, which is {rules.disk_low_mb}")


def check_virtual_timers(timers: Timers | None, virtual: bool | None, findings: Findings) -> None:
    """They are the rules of safety: only tests may be impatient."""
    if timers is None:
        return
    if virtual is False:
        findings.add(("virtual_timers",), "a table on a real site",
                     "no such table (only where site.virtual = true)")
    for name in Timers.__struct_fields__:
        value = getattr(timers, name)
        if value is not None and not 0 <= value <= 86400:
            findings.add(("virtual_timers", name), toml_text(value), "seconds from 0 to 86400")


def check_evses(key: Key, ids: tuple[str, ...] | None, findings: Findings) -> None:
    """Whom an input or a sensor stops."""
    for j, evse_id in enumerate(ids or ()):
        if evse_id in (ids or ())[:j]:
            findings.add((*key, "evses", j), f"{toml_text(evse_id)} twice", "each EVSE once")


def to_inputs(inputs: Iterable[InputSection], all_evses: tuple[str, ...]) -> tuple[Input, ...]:
    """As the core reads them."""
    return tuple(Input(id=entry.id, kind=entry.kind, evse_ids=entry.evses or all_evses)
                 for entry in inputs)


def to_sensors(sensors: Iterable[SensorSection], all_evses: tuple[str, ...]) -> tuple[Sensor, ...]:
    """As the core reads them."""
    return tuple(Sensor(
        id=s.id, place=s.place, evse_ids=s.evses or all_evses, panic_c=s.panic_c,
        fallback_a=s.fallback_a, curve=CURVE if s.curve is None else curve_points(s.curve))
        for s in sensors)


def to_timers(rules: RulesSection, virtual: Timers | None) -> Timers:
    """What the site chose; on a virtual one, what its own table says goes before it."""
    chosen = {name: getattr(rules, name) for name in RulesSection.__struct_fields__
              if name in Timers.__struct_fields__}
    if virtual is None:
        return Timers(**chosen)
    given = {name: value for name in Timers.__struct_fields__
             if (value := getattr(virtual, name)) != getattr(_DEFAULTS, name)}
    return Timers(**(chosen | given))


def curve_points(curve: tuple[tuple[float, float], ...]) -> tuple[CurvePoint, ...]:
    """As the core reads it."""
    return tuple(CurvePoint(celsius=celsius, share=share) for celsius, share in curve)


def _pairs(curve: tuple[CurvePoint, ...]) -> tuple[tuple[float, float], ...]:
    return tuple((point.celsius, point.share) for point in curve)
