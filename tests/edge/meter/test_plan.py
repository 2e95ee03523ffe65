import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.meter.catalogue import load, slugs
from edge.meter.plan import merge_gap, plan


@pytest.mark.parametrize(("baud", "turnaround_ms", "gap"), [
    (9600, 0, 10), (9600, 10, 14), (9600, 30, 24), (19200, 0, 10), (19200, 10, 19), (19200, 30, 38),
    (38400, 0, 13), (38400, 10, 32), (38400, 30, 70),
])
def test_the_gap_that_pays_is_that_of_the_wire(baud, turnaround_ms, gap):
    assert merge_gap(baud, 10, turnaround_ms / 1000) == gap


def test_an_sdm630_is_read_in_two_requests_at_9600_baud():
    model = load("eastron-sdm630")
    blocks = plan(model, (*model.fast, *model.slow[:3], "energy_import", "energy_export"),
                  merge_gap(9600, 10, 0.01))
    assert [(block.function, block.address, block.count) for block in blocks] == [
        (4, 0, 18), (4, 72, 4)]


def test_no_block_crosses_a_barrier():
    model = load("carlo-gavazzi-em340")
    blocks = plan(model, ("power_factor", "frequency"), 100)
    assert [(block.address, block.count) for block in blocks] == [(0x31, 1), (0x33, 1)]


@given(st.sampled_from(slugs()), st.integers(0, 125), st.data())
@settings(derandomize=True, deadline=None)
def test_every_quantity_is_in_exactly_one_block_within_the_models_limits(slug, gap, data):
    model = load(slug)
    names = [register.quantity for register in model.registers]
    wanted = data.draw(st.lists(st.sampled_from(names), unique=True))
    blocks = plan(model, [*wanted, "no_such_quantity"], gap)
    assert sorted(wanted) == sorted(
        register.quantity for block in blocks for register in block.registers)
    for block in blocks:
        assert 1 <= block.count <= model.max_block
        for register in block.registers:
            assert block.function == register.function
            assert block.address <= register.address < register.end <= block.address + block.count
        assert not any(block.address < barrier < block.address + block.count
                       for barrier in model.barriers)
