"""Trying cards out gets slower and slower; a good card is served at any time."""

from core_desk import ANNA, BERT, NS, Desk, plan

from edge.controller.authorisation.card_policy import CardPolicy
from edge.controller.events import Tick
from edge.controller.idtoken import IdToken, Level, TokenStatus, Unproven

POLICY = CardPolicy(bad_taps=3, bad_tap_s=10.0)


def guess(desk: Desk, n: int) -> str:
    desk.tap(IdToken(ref=f"{n:032x}"), known=False)
    return desk.outlet().message


def events(desk: Desk) -> list[str]:
    return [row["type"] for row in desk.rows("ev.security.v1")]


def test_so_many_are_free_then_they_wait_and_one_event_tells_of_it():
    desk = Desk(plan(1, cards=POLICY))
    desk.plug()
    said = [guess(desk, n) for n in range(6)]
    assert said == ["card_refused"] * 3 + ["card_try_later"] * 3
    assert events(desk) == ["InvalidMessages"]
    desk.tap(ANNA)
    assert desk.outlet().phase == "ready", "known good"


def test_another_reader_has_a_budget_of_its_own():
    desk = Desk(plan(1, cards=POLICY))
    for n in range(4):
        guess(desk, n)
    desk.tap(BERT, known=False, shown={"reader_id": "back"})
    assert desk.outlet().message == "card_refused"


def test_the_wait_doubles_while_they_go_on_up_to_ten_minutes():
    desk = Desk(plan(1, cards=POLICY))
    for n in range(3):
        guess(desk, n)
    waits = []
    for n in range(9):
        before_ns, again_ns = desk.now_ns, desk.site.taps["front"].more_ns
        desk.now_ns = again_ns - 1
        desk.feed(Tick())
        assert guess(desk, n) == "card_try_later"
        desk.now_ns = again_ns
        desk.feed(Tick())
        assert guess(desk, n) == "card_refused"
        waits.append((again_ns - before_ns) // NS)
    assert waits == [10, 20, 40, 80, 160, 320, 600, 600, 600]
    assert events(desk) == ["InvalidMessages"], "one for the whole bout"


def test_who_rests_is_forgiven_and_tells_anew():
    desk = Desk(plan(1, cards=POLICY))
    for n in range(3):
        guess(desk, n)
    desk.run(29, step_s=0.5)
    assert desk.site.taps["front"].left == 2
    desk.run(2, step_s=0.5)
    assert not desk.site.taps
    for n in range(4):
        guess(desk, n)
    assert events(desk) == ["InvalidMessages"] * 2


def test_a_blocked_card_and_one_that_fails_are_as_bad_as_an_unknown_one():
    taps = ({"known": False}, {"status": TokenStatus.BLOCKED}, {"shown": {"random": True}},
            {"min_level": Level.MUTUAL}, {"shown": {"unproven": Unproven.WRONG}},
            {"shown": {"unproven": Unproven.FOREIGN}})
    for tap in taps:
        desk = Desk(plan(1, cards=POLICY))
        for _ in range(3):
            desk.tap(**tap)
            assert desk.outlet().message != "card_try_later"
        desk.tap(**tap)
        assert desk.outlet().message == "card_try_later", tap


def test_what_is_only_told_is_not_held_against_anybody():
    taps = ({"shown": {"unproven": Unproven.TORN}}, {"shown": {"unproven": Unproven.OUTDATED}},
            {"expires_utc": "2026-01-01T00:00:00Z"}, {"evse_ids": ("1",)})
    for tap in taps:
        desk = Desk(plan(1, cards=POLICY))
        for _ in range(8):
            desk.tap(**tap)
        assert not desk.site.taps, tap
