import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.meter.acceptor import EnergyAcceptor

S = 1_000_000_000


def acceptor(base_wh=1000, at_s=0):
    made = EnergyAcceptor(36_000, refresh_s=1.0, step_wh=10)
    assert made.refusal(base_wh, at_s * S) is None
    return made


@pytest.mark.parametrize(("value_wh", "why"), [
    (None, "not available"), (-1, "below zero"), (0, "0 Wh after"), (999, "backward"),
    (1136, "more than"), (9_113_000, "more than"),
])
def test_an_impossible_value_is_refused_and_never_becomes_the_base(value_wh, why):
    judge = acceptor()
    assert why in judge.refusal(value_wh, 9 * S)
    assert judge.accepted_wh == 1000
    assert judge.refusal(1001, 10 * S) is None
    assert judge.accepted_wh == 1001


@pytest.mark.parametrize(("value_wh", "at_s"), [(1000, 1), (1010, 0), (1134, 9), (45_000, 3600)])
def test_what_can_have_flowed_is_believed_over_long_gaps_too(value_wh, at_s):
    judge = acceptor()
    assert judge.refusal(value_wh, at_s * S) is None
    assert judge.accepted_wh == value_wh


def test_a_refused_spike_does_not_stretch_the_time_for_the_next():
    judge = acceptor()
    for at_s in range(1, 10):
        assert judge.refusal(5_000_000, at_s * S) is not None
    assert judge.refusal(1090, 10 * S) is None


def test_after_a_restart_only_growth_is_asked_for():
    judge = EnergyAcceptor(36_000)
    judge.resume(5000)
    assert "backward" in judge.refusal(4999, 10 * S)
    assert judge.refusal(90_000, 20 * S) is None
    assert "more than" in judge.refusal(900_000, 21 * S)


def test_after_a_restart_no_more_is_believed_than_can_have_flowed_meanwhile():
    judge = EnergyAcceptor(36_000)
    judge.resume(5000, -60 * S)
    assert "more than" in judge.refusal(90_000, 20 * S)
    assert judge.refusal(5_800, 20 * S) is None


def test_a_first_value_beyond_any_register_is_refused():
    judge = EnergyAcceptor(36_000)
    assert "beyond" in judge.refusal(10**40, S)
    assert judge.refusal(1000, 2 * S) is None


@given(st.lists(st.one_of(st.none(), st.integers(-10, 2_000_000)), max_size=30))
@settings(derandomize=True, deadline=None)
def test_what_is_believed_never_shrinks_and_never_outruns_physics(values):
    judge = acceptor(base_wh=0)
    believed = [(0, 0)]
    for at_s, value_wh in enumerate(values, 1):
        if judge.refusal(value_wh, at_s * S) is None:
            believed.append((at_s, value_wh))
    for (from_s, low_wh), (to_s, high_wh) in itertools.pairwise(believed):
        assert 0 <= high_wh - low_wh <= 36_000 * 1.25 * (to_s - from_s + 1) / 3600 + 10
