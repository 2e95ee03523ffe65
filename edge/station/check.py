"""`forecourt check site.toml`: what is wrong with a site's files, or what was understood of them."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from edge.station import config_cards
from edge.station.check_lines import lines
from edge.station.config import ConfigErrors, load
from edge.station.config_sections import CircuitSection, EvseSection, Site
from edge.station.config_senses import RulesSection, to_sensors


def main(argv: list[str]) -> int:
    """0: the site is sound, a summary is printed. 2: all problems are on stderr. Opens no device."""
    parser = argparse.ArgumentParser(prog="forecourt check", description=__doc__)
    parser.add_argument("site", type=Path, help="the site's file, as site.toml")
    file: Path = parser.parse_args(argv).site
    try:
        site = load(file)
    except ConfigErrors as errors:
        print(errors, file=sys.stderr)
        count = len(errors.problems)
        print(f"{count} problem{'s' if count > 1 else ''}; nothing was energised", file=sys.stderr)
        return 2
    print("\n".join(summary(site)))
    return 0


def summary(site: Site) -> Iterator[str]:
    """What was understood, in the order in which somebody would walk the cabinet."""
    yield f"{site.site.name} ({site.site.id}), {site.site.time_zone}" + (
        ", virtual" if site.site.virtual else "")
    yield "circuits"
    yield from _circuits(site, None, "  ")
    yield "lines"
    yield from lines(site)
    for reader in site.readers:
        yield f"reader {reader.id}: {reader.path}, serves {', '.join(reader.serves)}"
    yield from _senses(site)
    yield f"tariff: {site.tariff.file}"
    yield f"cloud: {site.cloud.url if site.cloud else 'none'}"
    yield from _rules(site)
    yield from config_cards.told(site.cards, readers=bool(site.readers),
                                 cloud=site.cloud is not None)
    if site.site.location is None:
        yield "note: no [site.location]: CDRs will carry no address"


def _senses(site: Site) -> Iterator[str]:
    for entry in site.inputs:
        yield (f"input {entry.id}: {entry.kind.value} when GPIO{entry.gpio} is {entry.active}, "
               f"stops {_evses(entry.evses)}")
    for sensor in site.sensors:
        curve = ", ".join(f"{p.celsius:g} C {p.share:.0%}"
                          for p in to_sensors((sensor,), ())[0].curve)
        yield (f"sensor {sensor.id}: {sensor.place.value}, {sensor.file}, {_evses(sensor.evses)}; "
               f"{curve}; opens at {sensor.panic_c:g} C, without a value {sensor.fallback_a:g} A")


def _evses(ids: tuple[str, ...] | None) -> str:
    return "all evses" if ids is None else f"evse {', '.join(ids)}"


def _rules(site: Site) -> Iterator[str]:
    """Only what the site chose otherwise than usual."""
    usual = RulesSection()
    for name in RulesSection.__struct_fields__:
        value = getattr(site.rules, name)
        if value != getattr(usual, name):
            yield f"rule: {name} = {value:g}, usually {getattr(usual, name):g}"
    if site.virtual_timers is not None:
        yield "note: [virtual_timers]: the waits of safety are not the usual ones"


def _circuits(site: Site, parent: str | None, indent: str) -> Iterator[str]:
    for circuit in site.circuits:
        if circuit.parent == parent:
            yield f"{indent}{_circuit(circuit)}"
            for evse in site.evses:
                if evse.circuit == circuit.id:
                    yield f"{indent}  {_evse(evse)}"
            yield from _circuits(site, circuit.id, indent + "  ")


def _evse(evse: EvseSection) -> str:
    pins = evse.contactor
    groups = f", groups {', '.join(evse.groups)}" if evse.groups else ""
    return (f"evse {evse.id} ({evse.label}): {evse.max_a:g} A on {' '.join(evse.phases)}, "
            f"failsafe {evse.failsafe_a:g} A, meter {evse.meter}, "
            f"coil GPIO{pins.coil_gpio}, mirror GPIO{pins.mirror_gpio}{groups}")


def _circuit(circuit: CircuitSection) -> str:
    meter = f", meter {circuit.meter}" if circuit.meter else ""
    return f"{circuit.id}: {circuit.fuse_a:g} A{meter}"
