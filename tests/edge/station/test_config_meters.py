"""Which meters may stand where: what `forecourt check` says of each model that is out of place."""

from site_texts import changed, problems, written

from edge.meter.acceptor import EnergyAcceptor
from edge.meter.catalogue import models, why_not_billable
from edge.station.config import load
from edge.station.config_meters import model_of


def of_bay(slug):
    """The example with this model at EVSE 1."""
    return changed(('unit = 2\nmodel = "eastron-sdm630"', f'unit = 2\nmodel = "{slug}"'))


def of_fuse(slug):
    """The example with this model at the grid connection."""
    return changed(('unit = 1\nmodel = "eastron-sdm630"', f'unit = 1\nmodel = "{slug}"'))


def test_each_model_that_may_not_bill_is_refused_with_one_that_would_do(tmp_path):
    for model in models():
        if why_not_billable(model) is None or model.phases == 1:
            continue
        line, = problems(tmp_path, of_bay(model.slug))
        assert line.startswith(f'site.toml: meter[1].model: got "{model.slug}" ('), line
        assert 'because evse "1" is billed by it; ' in line, line


def test_meters_that_may_bill_are_taken(tmp_path):
    for slug in ("abb-b23", "carlo-gavazzi-em340", "sunspec-203", "iskra-wm3m4", "dzg-dvh4013"):
        assert load(written(tmp_path, of_bay(slug))).meters[1].model == slug


def test_the_meters_named_are_of_the_same_make_or_it_is_said_that_there_are_none(tmp_path):
    for slug, why, instead in (
            ("carlo-gavazzi-em24", "steps of 100 Wh",
             "of Carlo Gavazzi: carlo-gavazzi-em340, carlo-gavazzi-em580"),
            ("eastron-sdm72dm-v2", "steps of 100 Wh", "of Eastron: eastron-sdm630, "),
            ("orno-we514", "disagree about the addresses", "of Orno: orno-we516"),
            ("solaredge-se-mtr-3y", "odd addresses", "SolarEdge has none here; of others: "),
            ("sunspec-701", "no meter of a load", "SunSpec has none here; of others: "),
            ("ddm18sd", "no register of imported energy", "DDM has none here; of others: ")):
        line = problems(tmp_path, of_bay(slug))[0]
        assert why in line and instead in line, line


def test_a_fuse_is_guarded_by_a_meter_of_currents_and_of_a_load(tmp_path):
    for slug, said in (("sunspec-701", "counts what flows out"),
                       ("eastron-sdm72", "measures no currents")):
        line, = problems(tmp_path, of_fuse(slug))
        assert said in line and 'because circuit "grid" is guarded by it' in line
    for slug in ("carlo-gavazzi-em24", "sunspec-203", "dzg-dvh4013", "solaredge-se-mtr-3y"):
        assert load(written(tmp_path, of_fuse(slug))).meters[0].model == slug


def test_a_variant_with_transformers_is_told_how_much_may_flow(tmp_path):
    text = of_fuse("janitza-b-series")
    small, = [m for m in load(written(tmp_path, text)).meters if m.id == "main"]
    large, = [m for m in load(written(tmp_path, text.replace(
        "energy_period_s = 4.0", "max_current_a = 250", 1))).meters if m.id == "main"]
    taken = []
    for meter in (small, large):
        model = model_of(meter)
        acceptor = EnergyAcceptor.of(model, model.register("energy_import"))
        acceptor.judge(0, 0)
        taken.append(acceptor.judge(4 * 40, 4 * 10**9).refused is None)  # 208 A on each phase
    assert taken == [False, True]
    for wrong in ("0", "20000", '"250"'):
        line, = problems(tmp_path, text.replace("energy_period_s = 4.0", f"max_current_a = {wrong}", 1))
        assert line.startswith("site.toml: meter[0].max_current_a: got "), line
