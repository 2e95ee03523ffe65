import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.bus.url import parse_url
from edge.meter.catalogue import load, slugs
from edge.meter.pace import merge_gap, pace_of
from edge.meter.plan import Limits, Span, block_of, limits_of, plan, spans_of, ties_of


def pace(baud=9600, parity="N"):
    return pace_of(parse_url(f"rtu:/dev/x?baud={baud}&parity={parity}"))


TCP = pace_of(parse_url("tcp://meter"))


def planned(model, names, line=None, turnaround_s=0.01):
    registers = [register for register in model.registers if register.quantity in names]
    return plan((span for register in registers for span in spans_of(register)), line or pace(),
                turnaround_s, limits_of(model), ties_of(model, registers))


def asked(blocks):
    return [(block.function, block.address, block.count) for block in blocks]


def spans(*starts, words=2):
    return [Span(4, start, start + words) for start in starts]


def cost_s(blocks, line, turnaround_s):
    return sum(line.read_s(block.count, turnaround_s) for block in blocks)


def test_the_gap_that_pays_is_that_of_the_wire():
    for baud, turnaround_ms, gap in ((9600, 0, 10), (9600, 10, 14), (9600, 30, 24), (19200, 0, 10),
                                     (19200, 10, 19), (19200, 30, 38), (38400, 0, 13), (38400, 10, 32),
                                     (38400, 30, 70)):
        line, wait_s = pace(baud), turnaround_ms / 1000
        assert int(merge_gap(line, wait_s)) == gap
        for apart, blocks in ((gap - 1, 1), (gap + 1, 2)):
            assert len(plan(spans(0, 2 + apart), line, wait_s, Limits(125))) == blocks, (baud, apart)


VIPE = [f"{name}_l{phase}" for name in ("voltage", "current", "power") for phase in (1, 2, 3)]
VIPE += ["energy_import", "energy_export"]


def test_an_sdm630_is_read_in_two_requests_until_its_turnaround_makes_one_cheaper():
    model = load("eastron-sdm630")
    for baud, one_above_ms in ((9600, 92), (19200, 46), (38400, 21)):
        for wait_ms in (0, 10, one_above_ms - 1):
            assert asked(planned(model, VIPE, pace(baud), wait_ms / 1000)) == [(4, 0, 18), (4, 72, 4)]
        assert asked(planned(model, VIPE, pace(baud), (one_above_ms + 1) / 1000)) == [(4, 0, 76)]


def test_parity_makes_registers_dearer_and_a_network_makes_them_free():
    model = load("eastron-sdm630")
    assert asked(planned(model, VIPE, TCP)) == [(4, 0, 76)]
    assert merge_gap(pace(parity="E"), 0.01) < merge_gap(pace(), 0.01)
    assert [block.count for block in plan(spans(0, 60, 120, 180), TCP, 0.0, Limits(125))] == [122, 2]


def test_no_block_crosses_a_barrier_or_holds_what_must_be_read_alone():
    em340 = load("carlo-gavazzi-em340")
    assert asked(planned(em340, ("power_factor", "frequency"), TCP)) == [(4, 0x31, 1), (4, 0x33, 1)]
    assert asked(plan(spans(0, 8, 20), TCP, 0.0, Limits(125, holes=(Span(4, 5, 6),)))) == [
        (4, 0, 2), (4, 8, 14)]
    alone = em340.identity
    assert limits_of(em340).holes == (Span(alone.function, alone.address, alone.address + alone.count),)


def test_the_first_fit_is_not_taken_where_another_is_cheaper():
    # The longest first block would be 0..10, and leave 18 and 27 to requests of their own.
    blocks = plan(spans(0, 8, 18, 27), pace(), 0.01, Limits(12))
    assert asked(blocks) == [(4, 0, 10), (4, 18, 11)]
    blocks = plan(spans(0, 10, 12), pace(), 0.01, Limits(12))
    assert asked(blocks) == [(4, 0, 2), (4, 10, 4)]  # as many requests, and fewer registers


@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from([1, 2, 4])), min_size=1, max_size=7),
       st.sampled_from([4, 9, 20, 125]), st.sets(st.integers(0, 64), max_size=2),
       st.sampled_from([pace(), pace(19200, "E"), pace(38400), TCP]),
       st.sampled_from([0.0, 0.01, 0.09]))
@settings(derandomize=True, deadline=None, max_examples=40)
def test_no_other_way_to_part_the_registers_takes_less_time(values, longest, barriers, line, wait_s):
    limits = Limits(longest, tuple(barriers), (Span(4, 30, 31),))
    wanted = sorted({Span(4, start, start + words) for start, words in values})
    best = min(
        cost_s(blocks, line, wait_s)
        for cuts in itertools.product((False, True), repeat=len(wanted) - 1)
        if (blocks := parted(wanted, cuts)) and all(
            len(block.spans) == 1 or limits.allow(block.span) for block in blocks))
    found = plan(wanted, line, wait_s, limits)
    assert cost_s(found, line, wait_s) <= best + 1e-9
    assert all(any(block.covers(span) for block in found) for span in wanted)


def parted(wanted, cuts):
    groups = [[wanted[0]]]
    for cut, span in zip(cuts, wanted[1:], strict=True):
        if cut:
            groups.append([])
        groups[-1].append(span)
    return [block_of(group) for group in groups]


def test_import_and_export_come_in_one_answer_and_values_with_their_scale():
    ds100 = load("bge-tech-ds100")
    pair = {ds100.billing.quantity, "energy_export"}
    assert len(planned(ds100, pair, pace(9600), 0.0)) == 1
    sunspec = load("sunspec-203")
    for name in (register.quantity for register in sunspec.registers):
        register = sunspec.register(name)
        for block in planned(sunspec, (name,), pace(), 0.0):
            assert all(block.covers(span) for span in spans_of(register)), name


def test_every_quantity_of_every_model_is_covered_within_its_limits():
    for slug in slugs():
        model = load(slug)
        for names in ((*model.fast,), (*model.fast, *model.slow),
                      tuple(register.quantity for register in model.registers)):
            for line in (pace(), TCP):
                blocks = planned(model, names, line)
                for name in names:
                    for span in spans_of(model.register(name)):
                        assert any(block.covers(span) for block in blocks), (slug, name)
                for block in blocks:
                    assert len(block.spans) == 1 or limits_of(model).allow(block.span), (slug, block)
                    if slug.startswith("eastron"):  # the make answers nothing else
                        assert block.address % 2 == block.count % 2 == 0, (slug, block)


def test_a_block_is_parted_at_the_gap_nearest_to_its_middle():
    left, right = block_of(spans(0, 2, 4, 6, 10)).halves()
    assert (left.span, right.span) == (Span(4, 0, 8), Span(4, 10, 12))
    left, right = block_of(spans(0, 2, 4)).halves()
    assert (left.count, right.count) in ((2, 4), (4, 2))
    with pytest.raises(ValueError, match="expected several"):
        block_of(spans(0)).halves()
