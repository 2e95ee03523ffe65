"""The table is total, reachable, and says nothing that the rules forbid."""

import pytest

from edge.controller.phase import ENERGISED, LIVE, TABLE, Do, Phase, Sign, diagram
from edge.controller.signs import _PREDICATES

OPENING = {Do.OPEN, Do.OPEN_PAUSED, Do.OPEN_ENDING}


def test_every_phase_answers_every_sign():
    assert set(TABLE) == {(p, s) for p in Phase for s in Sign}
    assert set(_PREDICATES) == set(Sign)


@pytest.mark.parametrize("phase", sorted(LIVE | {Phase.STOPPING}))
@pytest.mark.parametrize("sign", [Sign.UNPLUGGED, Sign.TRIPPED])
def test_unplug_and_trip_open_wherever_the_contactor_may_be_closed(phase, sign):
    move = TABLE[phase, sign]
    assert move is not None and move.do in OPENING and move.to is Phase.ENDING


@pytest.mark.parametrize("phase", sorted(ENERGISED))
@pytest.mark.parametrize("sign", [Sign.CAR_RESTS, Sign.CUT, Sign.PERMIT_LOST])
def test_c_to_b_and_a_lost_permit_open_at_once(phase, sign):
    move = TABLE[phase, sign]
    assert move is not None and move.do in OPENING


def test_only_one_move_closes_and_it_follows_the_start_register():
    closing = [(p, s) for (p, s), m in TABLE.items() if m is not None and m.do is Do.CLOSE]
    assert closing == [(Phase.PREPARING, Sign.START_READ)]


def test_every_phase_can_be_reached_and_left():
    reached = {m.to for m in TABLE.values() if m is not None}
    left = {p for (p, _), m in TABLE.items() if m is not None}
    assert reached == set(Phase) and left == set(Phase)


def test_the_diagram_shows_every_move():
    moves = sum(m is not None for m in TABLE.values())
    assert diagram().count("-->") == moves + 1
