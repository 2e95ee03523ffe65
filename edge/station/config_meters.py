"""Whether each meter of a site's file may stand where it stands: known, billable, with the phases."""

import msgspec

from edge.meter import catalogue
from edge.meter.model import MeterModel
from edge.station.config_read import Findings, Key, one_of, toml_text
from edge.station.config_sections import MeterSection, Site

_NAMED = 3  # models named where several would do


def model_of(meter: MeterSection) -> MeterModel:
    """Its model, as it stands at this site. Raises `ValueError` for one that is unknown."""
    model = catalogue.load(meter.model)
    if meter.max_current_a is None:
        return model
    return msgspec.structs.replace(model, max_current_a=meter.max_current_a)


def check_meter_models(site: Site, findings: Findings) -> None:
    """Report every `[[meter]]` whose model is unknown or unfit for what hangs on it."""
    known = catalogue.slugs()
    for i, meter in enumerate(site.meters or ()):
        key: Key = ("meter", i, "model")
        if meter.model is None:
            continue
        if meter.model not in known:
            findings.add(key, f"{toml_text(meter.model)} (no such model)", one_of(known, meter.model))
            continue
        model = catalogue.load(meter.model)
        _check_evses(key, model, meter, site, findings)
        _check_circuits(key, model, meter, site, findings)


def _check_evses(key: Key, model: MeterModel, meter: MeterSection, site: Site,
                 findings: Findings) -> None:
    why_not = catalogue.why_not_billable(model)
    for evse in site.evses or ():
        if meter.id is None or evse.meter != meter.id:
            continue
        phases = len(evse.phases or ())
        if why_not is not None:
            findings.add(key, f"{toml_text(model.slug)} ({why_not})",
                         f'a model that may bill, because evse "{evse.id}" is billed by it; '
                         f"{_instead(model, phases)}")
        if phases > model.phases:
            findings.add(key, f"{toml_text(model.slug)} (measures {model.phases} phase)",
                         f'a three-phase meter, as evse "{evse.id}" is wired')


def _check_circuits(key: Key, model: MeterModel, meter: MeterSection, site: Site,
                    findings: Findings) -> None:
    """A fuse is guarded by currents; of a generator's own count they say nothing of the load."""
    for circuit in site.circuits or ():
        if meter.id is None or circuit.meter != meter.id:
            continue
        if model.generator:
            findings.add(key, f"{toml_text(model.slug)} (counts what flows out as positive)",
                         f'a meter of a load, because circuit "{circuit.id}" is guarded by it')
        elif not any(name.startswith("current") for name in model.fast):
            findings.add(key, f"{toml_text(model.slug)} (measures no currents)",
                         f'a meter of currents, because circuit "{circuit.id}" is guarded by it')


def _instead(model: MeterModel, phases: int) -> str:
    """Which models would bill in its place, those of its own maker first."""
    able = catalogue.would_bill(model, phases)
    named = ", ".join(each.slug for each in able[:_NAMED])
    if able and able[0].maker == model.maker:
        return f"of {model.maker}: {named}"
    return f"{model.maker} has none here; of others: {named}"
