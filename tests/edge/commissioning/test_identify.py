"""Every model is known by its registers alone, or told with those that nobody can tell from it."""

import pytest

from edge.bus.frame import frame_of
from edge.commissioning.identify import Identifier
from edge.commissioning.patient import Patient
from edge.controller.trouble import BadAnswer, DeviceRefused, DeviceTimeout, LineDown
from edge.meter.catalogue import models, slugs, twins
from hil_tests.virtual.meter import VirtualMeter
from hil_tests.virtual.meter_physics import MeterPhysics

MODELS = models()


class Direct:
    """A `Bus` without a wire. `trouble` is raised at the question of this number."""

    def __init__(self, meter, trouble=None, at=0):
        self.meter, self.asked = meter, 0
        self._trouble, self._at = trouble, at

    def turnaround_s(self, unit):
        return 0.01

    async def transact(self, unit, pdu, klass, *, timeout_s=None):
        self.asked += 1
        if self._trouble is not None and self.asked == self._at:
            raise self._trouble("x", where="", got="", expected="")
        frame = self.meter.answer(frame_of(unit, pdu))
        if frame is None:
            raise DeviceTimeout("no answer", where="", got="nothing", expected="one")
        if frame[1] & 0x80:
            raise DeviceRefused("refused", where="", got="", expected="", code=frame[2])
        return frame[1:-2]


def meter(slug, current_a=(6.0, 7.0, 8.0), **more):
    physics = MeterPhysics(import_wh=1_234_567.0, export_wh=1000.0, now=lambda: 0.0)
    physics.set_load(current_a)
    physics.jump(0)
    return VirtualMeter(1, slug, physics=physics, **more)


async def product(bus):
    return await Identifier(bus, 1, MODELS, timeout_s=0.1).identify()


async def test_each_model_is_among_the_few_that_are_named():
    for n, slug in enumerate(slugs()):
        idle = n % 2 == 0
        bus = Direct(meter(slug, (0.0, 0.0, 0.0) if idle else (6.0, 7.0, 8.0),
                           holes="refused" if n % 3 else "zeros"))
        named = await product(bus)
        assert named is not None and slug in named.slugs, slug
        assert len(named.slugs) <= 4 and bus.asked < 80, (slug, named, bus.asked)
        told_apart = set(named.slugs) - {slug} - set(twins(slug, MODELS))
        assert told_apart <= {"carlo-gavazzi-em24-e1", "carlo-gavazzi-em340"}, slug


async def test_what_a_product_says_of_itself_beats_its_values():
    for slug in ("eastron-sdm630", "eastron-sdm120", "abb-b23", "carlo-gavazzi-em340",
                 "carlo-gavazzi-em24", "eastron-sdm72dm-v2"):
        named = await product(Direct(meter(slug)))
        assert (named.slugs, named.by) == ((slug,), "code")


@pytest.mark.parametrize("slug", ["eastron-sdm630", "carlo-gavazzi-em340"])
async def test_without_its_code_a_product_is_the_first_guess_among_its_like(slug):
    device = meter(slug, holes="refused", product=None)
    device.absent |= {"energy_import_fine", "energy_export_fine"}  # of the older EM340
    named = await product(Direct(device))
    assert named is not None and named.slugs[0] == slug and named.by == "values", named


async def test_sunspec_is_found_by_its_walk_and_says_who_made_it():
    named = await product(Direct(meter("sunspec-213")))
    assert (named.slugs, named.by) == (("sunspec-213",), "sunspec")
    assert named.says == "Example Meters EX-3 with SunSpec models 213"


async def test_evidence_can_be_compared_with_the_display():
    assert (await product(Direct(meter("siemens-pac2200")))).says == "230 V, 50 Hz, 1234.567 kWh"


async def test_a_disturbance_names_no_other_product():
    device = meter("siemens-pac2200")
    for at in range(1, 60):
        for trouble in (BadAnswer, DeviceTimeout):
            named = await product(Patient(Direct(device, trouble, at)))
            assert named.slugs == ("siemens-pac2200",), at


async def test_values_that_no_mains_has_name_nothing():
    for odd in ({f"voltage_l{n}": 3.2e-41 for n in (1, 2, 3)}, {"frequency": 500.0}):
        strange = meter("schneider-iem3000")
        strange.put(odd)
        assert await product(Direct(strange)) is None, odd


async def test_registers_that_only_one_of_two_has_tell_them_apart():
    assert (await product(Direct(meter("wago-879", holes="refused")))).slugs == ("wago-879",)


async def test_a_line_that_goes_is_not_a_product():
    with pytest.raises(LineDown):
        await product(Direct(meter("abb-b23"), LineDown, at=1))
