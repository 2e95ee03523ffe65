import itertools
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.meter.acceptor import CONFIRM_S, CONFIRM_ZERO_S, CONFIRMATIONS, EnergyAcceptor
from edge.meter.catalogue import load

S = 1_000_000_000
SLOW_S = 4  # the period of the energy register


def acceptor(base_wh=1000, at_s=0):
    made = EnergyAcceptor(36_000, refresh_s=1.0, step_wh=10)
    assert made.judge(base_wh, at_s * S).accepted
    return made


def feed(judge, values, from_s, period_s=SLOW_S):
    """The verdicts of values that come one after the other, and when the next would."""
    verdicts = [judge.judge(wh, int((from_s + n * period_s) * S)) for n, wh in enumerate(values)]
    return verdicts, from_s + len(verdicts) * period_s


@pytest.mark.parametrize(("value_wh", "why"), [
    (None, "not available"), (-1, "below zero"), (0, "0 Wh after"), (999, "backward"),
    (1136, "more than"), (9_113_000, "more than"),
])
def test_an_impossible_value_is_refused_and_never_becomes_the_base(value_wh, why):
    judge = acceptor()
    assert why in judge.judge(value_wh, 9 * S).refused
    assert judge.accepted_wh == 1000
    assert judge.judge(1001, 10 * S).accepted
    assert judge.accepted_wh == 1001


@pytest.mark.parametrize(("value_wh", "at_s"), [(1000, 1), (1010, 0), (1134, 9), (45_000, 3600)])
def test_what_can_have_flowed_is_believed_over_long_gaps_too(value_wh, at_s):
    judge = acceptor()
    assert judge.judge(value_wh, at_s * S).accepted
    assert judge.accepted_wh == value_wh


def test_a_refused_spike_does_not_stretch_the_time_for_the_next():
    judge = acceptor()
    for at_s in (1, 2, 9):
        assert not judge.judge(5_000_000, at_s * S).accepted
    assert judge.judge(1090, 10 * S).accepted


def test_after_a_restart_a_gap_of_unknown_length_is_an_hour_at_the_most():
    judge = EnergyAcceptor(36_000)
    judge.resume(5000)
    assert "backward" in judge.judge(4999, 10 * S).refused
    assert "more than" in judge.judge(90_000, 20 * S).refused
    assert judge.judge(45_000, 30 * S).accepted
    assert "more than" in judge.judge(90_000, 31 * S).refused


def test_after_a_restart_no_more_is_believed_than_can_have_flowed_meanwhile():
    judge = EnergyAcceptor(36_000)
    judge.resume(5000, -60 * S)
    assert "more than" in judge.judge(90_000, 20 * S).refused
    assert judge.judge(5_800, 20 * S).accepted


def test_a_first_value_beyond_any_register_is_refused():
    judge = EnergyAcceptor(36_000)
    assert "beyond" in judge.judge(10**40, S).refused
    assert "beyond" in judge.judge(10**13 + 1, S).refused
    assert judge.judge(1000, 2 * S).accepted
    assert EnergyAcceptor(36_000).judge(10**13, S).accepted


def test_a_held_or_a_seen_value_is_of_its_own_time_also_if_it_comes_late():
    judge = EnergyAcceptor(36_000, mantissa_bits=24, unit_wh=1000)
    judge.judge(131_073_016, 0)
    assert judge.judge(131_073_000, 3600 * S).energy_wh == 131_073_016
    assert "more than" in judge.judge(131_090_000, 3601 * S).refused, "the hour is over"
    judge = acceptor(1000, at_s=1000)
    assert judge.judge(1010, 900 * S).accepted, "two tasks may ask one after the other"
    judge.judge(1020, 1000 * S)
    assert judge.judge(1030, 500 * S).accepted


@pytest.mark.parametrize(("resumed", "first_wh", "why"), [
    (False, 3, "reset"), (False, 700, "reset"), (False, 4_000_000, "exchanged"), (True, 3, "reset")])
def test_a_register_that_began_anew_is_believed_when_enough_readings_fit_each_other(
        resumed, first_wh, why):
    judge = acceptor(1_000_000)
    if resumed:
        judge.resume(1_000_000, 0)
    verdicts, _ = feed(judge, [first_wh + 10 * n for n in range(12)], 4)
    taken = next(n for n, verdict in enumerate(verdicts) if verdict.accepted)
    assert taken * SLOW_S >= CONFIRM_S
    assert taken + 1 >= CONFIRMATIONS
    assert verdicts[taken].rebased_from_wh == 1_000_000
    assert verdicts[taken].rebased_why == why
    assert verdicts[taken].energy_wh == first_wh + 10 * taken
    assert all(verdict.rebased_from_wh is None for verdict in verdicts[taken + 1:])
    assert all(verdict.accepted for verdict in verdicts[taken:])


def test_fast_readings_alone_confirm_nothing():
    judge = acceptor(1_000_000)
    verdicts, _ = feed(judge, [7] * 40, 4, period_s=0.45)
    assert not any(verdict.accepted for verdict in verdicts)


def test_few_readings_however_far_apart_confirm_nothing():
    judge = acceptor(1_000_000)
    verdicts, _ = feed(judge, [7] * 5, 4, period_s=60)
    assert [verdict.accepted for verdict in verdicts] == [False, False, False, False, True]
    assert verdicts[-1].rebased_why == "reset"


def test_a_meter_that_is_put_in_idle_is_found_although_its_register_stands():
    for first_wh, why in ((1_100_000, "exchanged"), (999_999, "reset")):
        verdicts, _ = feed(acceptor(1_000_000), [first_wh] * 6, 4)
        assert [v.accepted for v in verdicts] == [False] * 5 + [True], first_wh
        assert verdicts[-1].rebased_why == why


def test_two_meters_that_answer_by_turns_are_neither():
    judge = acceptor(1_000_000)
    verdicts, _ = feed(judge, [5_000, 1_000_000] * 20, 4)
    assert [v.accepted for v in verdicts] == [False, True] * 20
    judge = acceptor(1_000_000)
    verdicts, _ = feed(judge, [50, 70, 60] * 12, 4)
    assert not any(v.accepted for v in verdicts), "it fits the first of them, but not the last"


def test_one_value_that_is_shown_again_and_again_confirms_nothing():
    judge = acceptor(1_000_000)
    assert not judge.judge(5, 4 * S).accepted
    assert not any(judge.judge(5, 90 * S).accepted for _ in range(20))


def test_a_reset_that_was_a_glitch_is_forgotten_with_the_first_old_value():
    judge = acceptor(1_000_000)
    for from_s in (4, 24, 44, 64):
        verdicts, after_s = feed(judge, [5, 5, 5, 5], from_s)
        assert not any(verdict.accepted for verdict in verdicts)
        assert judge.judge(1_000_000, after_s * S).accepted


def test_a_candidate_that_does_not_fit_itself_begins_anew():
    judge = acceptor(1_000_000)
    verdicts, after_s = feed(judge, [50, 60, 70, 60, 70, 900_000, 50, 60, 70, 80, 90], 4)
    assert not any(verdict.accepted for verdict in verdicts)
    assert judge.judge(100, (after_s + 1) * S).rebased_from_wh == 1_000_000


def test_a_register_of_zeros_must_stay_there_for_longer_than_a_meter_takes_to_start():
    judge = acceptor(1_000_000)
    verdicts, _ = feed(judge, [0] * 20, 4)
    taken = next(n for n, verdict in enumerate(verdicts) if verdict.accepted)
    assert taken * SLOW_S >= CONFIRM_ZERO_S
    assert verdicts[taken].rebased_why == "reset"


def test_a_meter_that_starts_with_zeros_costs_nothing_but_time():
    judge = acceptor(1_000_000)
    verdicts, after_s = feed(judge, [0] * 10, 4)
    assert not any(verdict.accepted for verdict in verdicts)
    assert judge.judge(1_000_010, after_s * S) == (1_000_010, None, None, "")


@pytest.mark.parametrize(("before_wh", "after_wh", "wrapped"), [
    (999_999_950, 30, True),  # a display of 999999.9 kWh
    (42_949_672_950, 0, True),  # uint32 of 0.01 kWh
    (999_999_950, 900, False),  # more than can have flowed
    (998_000_000, 10, False),
    (999_999_000, 10, False), (10**9, 30, True), (10**9 + 1, 30, False),
])
def test_a_register_that_is_full_begins_at_zero(before_wh, after_wh, wrapped):
    judge = EnergyAcceptor(36_000, full_wh=(10**9, 2**32 * 10))
    judge.judge(before_wh, 0)
    verdict = judge.judge(after_wh, 8 * S)
    assert verdict.accepted == wrapped
    assert verdict.rebased_from_wh == (before_wh if wrapped else None)
    assert verdict.rebased_why == ("wrapped" if wrapped else "")


def test_over_a_gap_only_a_register_that_was_nearly_full_can_have_begun_at_zero():
    for before_wh, wrapped in ((999_200_000, True), (998_900_000, False)):
        judge = acceptor(before_wh)
        verdict = judge.judge(0, 40 * 3600 * S)
        assert verdict.accepted is wrapped, "1.8 MWh can have flowed"


def test_a_register_is_full_at_nines_or_where_its_words_end():
    for slug, full_wh in (("bernecker-mpm3pm", 2**32 * 10), ("orno-we525", 2**31 * 10),
                          ("sunspec-203", 2**32), ("eastron-sdm630", None), ("abb-b23", None)):
        model = load(slug)
        known = [10**digits for digits in range(8, 13)] + [full_wh] * (full_wh is not None)
        for full in (*known, 10**7, 10**13):
            judge = EnergyAcceptor.of(model, model.register(model.billing.quantity))
            judge.judge(full - 3, 0)
            assert (judge.judge(2, 4 * S).rebased_why == "wrapped") is (full in known), (slug, full)


def float32(kwh):
    return round(struct.unpack(">f", struct.pack(">f", kwh))[0] * 1000)


@pytest.mark.parametrize("high_kwh", [9_999.0, 65_000.0, 131_073.0, 524_290.0])
def test_the_coarse_steps_of_a_float_are_neither_backward_nor_impossible(high_kwh):
    judge = EnergyAcceptor(1_800, refresh_s=0, step_wh=1, mantissa_bits=24, unit_wh=1000)
    energies = [float32(high_kwh + at_s * 0.0004) for at_s in range(0, 1600, 4)]
    assert len(set(energies)) > 2
    for at_s, wh in zip(range(0, 1600, 4), energies, strict=True):
        assert judge.judge(wh, at_s * S).accepted, wh


def test_a_float_that_rounds_to_the_step_below_is_held_at_the_value_before():
    judge = EnergyAcceptor(36_000, mantissa_bits=24, unit_wh=1000)
    judge.judge(131_073_016, 0)
    assert judge.judge(131_073_000, S) == (131_073_016, None, None, "")
    assert "backward" in judge.judge(131_072_990, 2 * S).refused


def test_of_a_model_it_knows_the_steps():
    model = load("eastron-sdm630")
    judge = EnergyAcceptor.of(model, model.register("energy_import"))
    judge.judge(131_073_016, 0)
    assert judge.judge(131_073_000, S).energy_wh == 131_073_016
    assert "backward" in judge.judge(131_072_990, 2 * S).refused
    model = load("siemens-pac2200")  # a double of Wh: no step that anybody sees
    judge = EnergyAcceptor.of(model, model.register("energy_import"))
    judge.judge(524_290_016, 0)
    assert "backward" in judge.judge(524_290_014, S).refused


@pytest.mark.parametrize(("slug", "most_wh"), [("eastron-sdm630", 28), ("abb-b23", 27)])
def test_of_a_model_it_knows_the_most_that_can_flow(slug, most_wh):
    """79 350 W and 51 577 W, 1.25 times, in the register's own second; and a step, 1 or 10 Wh."""
    model = load(slug)
    for wh, well in ((most_wh, True), (most_wh + 1, False)):
        judge = EnergyAcceptor.of(model, model.register("energy_import"))
        judge.judge(1_000, 0)
        assert judge.judge(1_000 + wh, 0).accepted is well
    judge = EnergyAcceptor.of(model, None)
    judge.judge(1_000, 0)
    assert judge.judge(1_000 + most_wh, 0).accepted
    assert not judge.judge(1_000 + 2 * most_wh + 1, 0).accepted


class Flow:
    """The oracle: a meter that really counts, what the line does to its words, and what was billed."""

    def __init__(self, judge):
        self.judge, self.billed_wh, self.believed_wh = judge, 0, None

    def read(self, wh, at_s):
        verdict = self.judge.judge(wh, at_s * S)
        if verdict.accepted:
            if self.believed_wh is not None and verdict.rebased_from_wh is None:
                self.billed_wh += verdict.energy_wh - self.believed_wh
            self.believed_wh = verdict.energy_wh
        return verdict


WORDS = st.sampled_from(["true"] * 6 + ["none", "zero", "spike", "other", "old"])
LINE = st.lists(st.tuples(WORDS, st.integers(0, 40)), min_size=1, max_size=60)


@given(line=LINE, exchange=st.integers(0, 60), new_wh=st.integers(0, 5_000_000))
@settings(derandomize=True, deadline=None, max_examples=40)
def test_no_spike_is_believed_no_more_is_billed_than_flowed_and_a_new_meter_is_found(
        line, exchange, new_wh):
    flow = Flow(EnergyAcceptor(36_000, refresh_s=1.0, step_wh=1))
    wh, at_s, flowed, spoiled = 1_000_000, 0, 0, 0
    flow.read(wh, at_s)
    for n, (word, grown_wh) in enumerate(line):
        if n == exchange:
            wh = new_wh
        at_s, wh, flowed = at_s + SLOW_S, wh + grown_wh, flowed + grown_wh
        shown = {"true": wh, "none": None, "zero": 0, "spike": wh + 9_113_000,
                 "other": 3_333 + n, "old": wh - 50}[word]
        verdict = flow.read(shown, at_s)
        spoiled += word in ("spike", "other", "zero", "old") and verdict.accepted and (
            verdict.energy_wh != wh)
    assert not spoiled or exchange < len(line)  # a reading of before may fit a meter that came after
    assert flow.billed_wh <= flowed or new_wh in range(999_000, 1_100_000)
    for _ in range(30):
        at_s, wh = at_s + SLOW_S, wh + 10
        flow.read(wh, at_s)
    assert flow.believed_wh == wh


@given(st.lists(st.one_of(st.none(), st.integers(-10, 2_000_000)), max_size=30))
@settings(derandomize=True, deadline=None, max_examples=40)
def test_what_is_believed_never_shrinks_and_never_outruns_physics(values):
    judge = acceptor(base_wh=0)
    believed = [(0, 0)]
    for at_s, value_wh in enumerate(values, 1):
        verdict = judge.judge(value_wh, at_s * S)
        if verdict.accepted and verdict.rebased_from_wh is None:
            believed.append((at_s, value_wh))
        elif verdict.accepted:
            believed = [(at_s, value_wh)]
    for (from_s, low_wh), (to_s, high_wh) in itertools.pairwise(believed):
        assert 0 <= high_wh - low_wh <= 36_000 * 1.25 * (to_s - from_s + 1) / 3600 + 10
