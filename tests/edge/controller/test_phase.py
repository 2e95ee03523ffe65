"""The table is total, reachable, and says nothing that the rules forbid."""

import pytest

from edge.controller.moves import _ACTIONS
from edge.controller.phase import (
    CHARGING_STATES,
    ENERGISED,
    LIVE,
    TABLE,
    TRIGGERS,
    Do,
    Phase,
    Sign,
    charging_states,
    diagram,
)
from edge.controller.session import ChargingState
from edge.controller.signs import _PREDICATES

OPENING = {Do.OPEN, Do.OPEN_PAUSED, Do.OPEN_ENDING, Do.OPEN_REPLUG}
#: OCPP 2.0.1 TriggerReasonEnumType.
OCPP_TRIGGERS = {
    "Authorized", "CablePluggedIn", "ChargingRateChanged", "ChargingStateChanged", "Deauthorized",
    "EnergyLimitReached", "EVCommunicationLost", "EVConnectTimeout", "MeterValueClock",
    "MeterValuePeriodic", "TimeLimitReached", "Trigger", "UnlockCommand", "StopAuthorized",
    "EVDeparted", "EVDetected", "RemoteStop", "RemoteStart", "AbnormalCondition",
    "SignedDataReceived", "ResetCommand"}


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


def test_every_phase_has_its_charging_state_and_every_action_its_function_and_trigger():
    assert set(CHARGING_STATES) == set(Phase) and set(TRIGGERS) == set(_ACTIONS) == set(Do)
    assert set(TRIGGERS.values()) <= OCPP_TRIGGERS
    told = {phase for phase, states in CHARGING_STATES.items() if states is not None}
    assert told == LIVE | {Phase.STOPPING}, "a transaction that runs has a state"
    assert all(str(phase) in charging_states() for phase in Phase)


@pytest.mark.parametrize("phase", sorted(ENERGISED))
def test_charging_is_said_of_no_phase_but_the_one_that_charges(phase):
    says = ChargingState.CHARGING in (CHARGING_STATES[phase] or ())
    assert says is (phase is Phase.CHARGING)


def test_an_energised_contactor_is_never_left_behind_by_a_move():
    for (phase, sign), move in TABLE.items():
        if move is not None and phase in ENERGISED and move.to not in ENERGISED:
            assert move.do in OPENING, (phase, sign)


def test_a_plug_that_is_out_closes_nothing_and_leads_on_only_when_it_is_back():
    leads = {move.to for sign in Sign if (move := TABLE[Phase.REPLUG, sign]) is not None}
    assert leads == {Phase.READY, Phase.ENDING}
    assert [s for s in Sign if (m := TABLE[Phase.REPLUG, s]) and m.to is Phase.READY] == [Sign.BACK]
