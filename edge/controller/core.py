"""The pure core: `step(site, stamped) -> (site, effects)`. No I/O, clock, threads or randomness.

One event changes facts (`intake.py`); then faults, cards, shares and phases settle until nothing
moves. Because it is a pure function of its events, a recording of them replays a field incident to
the bit.
"""

from edge.controller import (
    clockwork,
    fault_register,
    intake,
    moves,
    offers,
    resting,
    restore,
    upkeep,
    wearing,
)
from edge.controller.authorisation import cards
from edge.controller.effects import Effect
from edge.controller.events import Stamped
from edge.controller.phase import Sign
from edge.controller.signs import next_move
from edge.controller.state import Site
from edge.controller.turn import Turn

MAX_PASSES = 4
MAX_MOVES = 8  # per outlet and event: a bound against a table that would chase its own tail


def step(site: Site, stamped: Stamped) -> tuple[Site, tuple[Effect, ...]]:
    """Take one event in. Never raises for anything that an event can say.

    Nearly always it concerns one EVSE and only that is judged; the outcome is that of judging all.
    """
    turn = _taken_in(site, stamped)
    taken_in = dict(turn.outlets)
    few = resting.few(site, turn, stamped)
    turn.changed.clear()
    if few is not None and site.rest is not None:
        turn.judge_only(few, site.rest)
        _judge(turn)
        if turn.reaches_others:
            turn = _taken_in(site, stamped)
            turn.changed.clear()
            few = None
    if few is None:
        _judge(turn)
    return turn.result(resting.noted(turn, site.rest, taken_in))


def _taken_in(site: Site, stamped: Stamped) -> Turn:
    turn = Turn(site, stamped.at)
    clockwork.watch(turn)
    intake.take(turn, stamped.event)
    return turn


def _judge(turn: Turn) -> None:
    fault_register.update(turn)
    cards.assign(turn)
    offers.share_out(turn)
    for _ in range(MAX_PASSES):  # a move of one outlet changes what others may have
        moved = [_settle(turn, outlet.evse_id) for outlet in turn.judged()]
        if not any(moved):
            break
    offers.settle(turn)
    upkeep.run(turn)
    restore.keep_alive(turn)
    wearing.run(turn)


def _settle(turn: Turn, evse_id: str) -> bool:
    """Whether it moved."""
    before = turn.outlets[evse_id].phase
    for _ in range(MAX_MOVES):
        outlet = turn.outlets[evse_id]
        if outlet.restored is not None:
            if not restore.resolve(turn, outlet):
                break
            turn.reaches_others = True
            offers.share_out(turn)
        found = next_move(turn, turn.outlets[evse_id])
        if found is None:
            break
        turn.reaches_others = True
        sign, move = found
        moves.make(turn, evse_id, sign, move.to, move.do)
        offers.share_out(turn)
        if sign is Sign.PLUGGED:
            cards.assign(turn)
    return turn.outlets[evse_id].phase is not before
