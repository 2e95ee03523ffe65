"""The right model of a device is the likeliest, whatever is measured, and twins are equal."""

import struct
from decimal import Decimal

from edge.meter.catalogue import load, models, twins
from edge.meter.decode import value_of
from edge.meter.likeness import likeness, probe_quantities
from edge.meter.model import RegisterType, WordOrder

LINE = {"voltage": 230.7, "current": 10.3, "power": 2310.0, "import_power": 6900.0, "export_power": 0.0,
        "frequency": 49.98, "energy": 4711.37}
FORMATS = {"int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "acc32": ">I", "int64": ">q",
           "uint64": ">Q", "float32": ">f", "float64": ">d"}


def shown(model, name):
    """What the device would show: every phase alike, so that totals are the sum of the phases."""
    if name.startswith("energy"):
        return LINE["energy"]
    if name in LINE:
        return LINE[name] * (model.phases if name == "power" else 1)
    return LINE[name.rpartition("_")[0]]


def words(register, number):
    """The registers that say it; exponents are 0 where the register has one of its own."""
    raw = Decimal(str(number)) / register.scale
    if register.type in (RegisterType.T5, RegisterType.T6):
        data = struct.pack(">b", -2) + int(raw * 100).to_bytes(3, "big")
    elif register.type is RegisterType.INT32_MILLI:
        data = struct.pack(">ii", int(raw), int(raw * 1000) % 1000)
    else:
        whole = "float" not in register.type
        data = struct.pack(FORMATS[register.type], round(raw) if whole else float(raw))
    found = [int.from_bytes(data[at:at + 2], "big") for at in range(0, len(data), 2)]
    size = 2 if register.type is RegisterType.INT32_MILLI else len(found)
    parts = [found[at:at + size] for at in range(0, len(found), size)]
    turned = [part if register.word_order is WordOrder.BIG else part[::-1] for part in parts]
    return [word for part in turned for word in part]


def memory(model):
    """All the device's registers that a probe of its own model would read."""
    found = {}
    for name in probe_quantities(model):
        register = model.register(name)
        for offset, word in enumerate(words(register, shown(model, name))):
            found[register.function, register.address + offset] = word
    return found


def read(model, registers):
    """What a probe under this model gets from such a device; missing registers are refused."""
    values = {}
    for name in probe_quantities(model):
        register = model.register(name)
        got = [registers.get((register.function, register.address + at))
               for at in range(register.type.words)]
        values[name] = None if None in got else value_of(register, got, 0)
    return values


def test_a_probe_is_short_and_has_what_tells_a_meter():
    for model in models():
        names = probe_quantities(model)
        assert set(names) <= {register.quantity for register in model.registers}
        assert set(model.fast) <= set(names) and len(names) <= 12, model.slug
        energies = [model.register(name) for name in names if name.startswith("energy")]
        assert [r.optional for r in energies] == [True] * (len(energies) - 1) + [False], model.slug


def test_each_device_is_likest_its_own_model_or_a_twin_of_it():
    known = models()
    for device in known:
        if device.sunspec is not None:
            continue  # the walk tells those
        registers = memory(device)
        scores = {model.slug: likeness(model, read(model, registers))
                  for model in known if model.sunspec is None}
        best = max(scores.values())
        alike = {slug for slug, score in scores.items() if score == best}
        assert device.slug in alike, (device.slug, sorted(alike), best)
        for other in alike - {device.slug, *twins(device.slug, known)}:  # its code must tell it
            assert not set(device.identity.values) & set(load(other).identity.values), device.slug
        assert scores[device.slug] >= (0.7 if "voltage" in str(device.slow) else 0.2), device.slug


def test_what_no_line_can_show_speaks_against_a_model():
    model = load("eastron-sdm630")
    good = {name: Decimal(str(shown(model, name))) for name in probe_quantities(model)}
    assert likeness(model, good) == 1.0
    for name, value in (("voltage_l2", "-230"), ("voltage_l2", "301"), ("voltage_l2", "79"),
                        ("frequency", "44"), ("frequency", "66"), ("frequency", "-50"),
                        ("current_l1", "1000"), ("power_l1", "12000"), ("power_l1", "-90000"),
                        ("energy_import", "-1"), ("energy_import", "1e9")):
        assert likeness(model, good | {name: Decimal(value)}) < 0.25, (name, value)
    idle = dict.fromkeys((name for name in good if name.startswith(("current", "power"))), Decimal(0))
    assert likeness(model, good | idle | {"voltage_l2": Decimal(-230)}) < 0.25
    assert likeness(model, dict.fromkeys(good)) == likeness(model, {}) == 0.0
    assert likeness(model, dict.fromkeys(good, Decimal(0))) < 0.4, "zeros are no meter on a live line"


def test_a_meter_without_load_or_with_one_live_phase_or_that_exports_is_still_itself():
    model = load("eastron-sdm630")
    good = {name: Decimal(str(shown(model, name))) for name in probe_quantities(model)}
    idle = dict.fromkeys((name for name in good if name.startswith(("current", "power"))), Decimal(0))
    assert likeness(model, good | idle) == 1.0
    export = {name: -good[name] for name in good if name.startswith("power")}
    assert likeness(model, good | export) == 1.0
    one = dict.fromkeys((name for name in good if name.endswith(("_l2", "_l3"))), Decimal(0))
    assert likeness(model, good | one) > 0.6
    assert likeness(model, {**good, "frequency": None}) > 0.5
