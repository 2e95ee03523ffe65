"""A site in one file: how it is read.

`load` gives a `Site` in which everything refers to something that exists, or raises `ConfigErrors`
with every problem found. Config says WHERE a thing is; code says how to speak to it.
"""

import tomllib
from pathlib import Path

import msgspec

from edge.controller import site as plan
from edge.outlet.settings import BoardSettings
from edge.station.config_cards import to_policy
from edge.station.config_checks import check
from edge.station.config_read import Findings, Problem, read_table
from edge.station.config_sections import EvseSection, MeterSection, Site
from edge.station.config_senses import curve_points, to_inputs, to_sensors, to_timers
from edge.station.zone import transitions

MB = 1_000_000


class ConfigErrors(Exception):
    """Everything that is wrong with a site's files, in file order. Nothing was energised."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def load(path: Path) -> Site:
    """Read and check a site's file and the tariff that it names.

    Raises `ConfigErrors` with all problems found; opens no device.
    """
    raw = _toml(path)
    findings = Findings(path.name, raw)
    found = read_table(Site, raw, (), findings)
    if found is not None:
        check(found, path.parent, findings)
    problems = findings.in_file_order()
    if problems or found is None:
        raise ConfigErrors(problems)
    return _with_absolute_paths(found, path.absolute().parent)


def _toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problem = Problem(path.name, "(file)", error.strerror or str(error), "a readable file")
    except UnicodeDecodeError as error:
        problem = Problem(path.name, "(file)", f"byte {error.start} that is not UTF-8", "UTF-8 text")
    except tomllib.TOMLDecodeError as error:
        problem = Problem(path.name, "(file)", str(error), "valid TOML")
    raise ConfigErrors((problem,))


def _with_absolute_paths(site: Site, folder: Path) -> Site:
    def absolute(file: str) -> str:
        return str(folder / file)

    replace = msgspec.structs.replace
    cloud = site.cloud
    if cloud is not None:
        cloud = replace(cloud, **{name: absolute(file) for name in ("ca", "cert", "key")
                                  if (file := getattr(cloud, name)) is not None})
    return replace(
        site, cloud=cloud,
        sensors=tuple(replace(s, file=absolute(s.file)) for s in site.sensors),
        tariff=replace(site.tariff, file=absolute(site.tariff.file)),
        paths=replace(site.paths, state=absolute(site.paths.state), run=absolute(site.paths.run)))


def board_settings(evse: EvseSection) -> BoardSettings:
    """What an EVSE's board is told after each of its starts."""
    board = evse.board
    return BoardSettings(
        failsafe_a=evse.failsafe_a, hold_s=board.hold_s, ventilation=evse.ventilation,
        fault_f_ms=board.fault_f_ms, weld_suspect_ms=board.weld_suspect_ms)


def to_plan(site: Site) -> plan.SitePlan:
    """The part of a site that the core decides with."""
    meters = {meter.id: meter for meter in site.meters}
    ids = tuple(evse.id for evse in site.evses)
    billing = {evse.meter for evse in site.evses}
    rules = site.rules
    return plan.SitePlan(
        id=site.site.id,
        circuits=tuple(plan.Circuit(id=c.id, fuse_a=c.fuse_a, parent=c.parent, meter_id=c.meter)
                       for c in site.circuits),
        evses=tuple(_evse(evse, ordinal, meters[evse.meter])
                    for ordinal, evse in enumerate(site.evses, 1)),
        site_meters=tuple(dict.fromkeys(
            c.meter for c in site.circuits if c.meter is not None and c.meter not in billing)),
        sensors=to_sensors(site.sensors, ids), inputs=to_inputs(site.inputs, ids),
        timers=to_timers(rules, site.virtual_timers), wear_warning=rules.wear_warning,
        undervoltage=rules.undervoltage, overvoltage=rules.overvoltage,
        disk_low_bytes=rules.disk_low_mb * MB, disk_full_bytes=rules.disk_full_mb * MB,
        slow_commit_ms=site.journal.slow_commit_ms, cards=to_policy(site.cards),
        zone=transitions(site.site.time_zone))


def _evse(evse: EvseSection, ordinal: int, meter: MeterSection) -> plan.Evse:
    from edge.meter import catalogue

    model = catalogue.load(meter.model)
    found = plan.Evse(
        id=evse.id, label=evse.label, circuit=evse.circuit, phases=evse.phases,
        max_a=evse.max_a, failsafe_a=evse.failsafe_a, meter_id=evse.meter,
        meter_on_supply_side=meter.supply_side, meter_refresh_s=model.refresh_s,
        meter_step_wh=10.0 if model.billing is None else float(model.billing.resolution_wh),
        ordinal=ordinal, ventilation=evse.ventilation, nominal_v=evse.nominal_v,
        groups=evse.groups, rated_cycles=evse.contactor.rated_cycles,
        rated_load_breaks=evse.contactor.rated_load_breaks)
    curve = evse.temperature_curve
    return found if curve is None else msgspec.structs.replace(found, curve=curve_points(curve))
