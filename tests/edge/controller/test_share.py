"""Shares: never above a fuse, 0 or at least 6 A, nobody starved who has room."""

import pytest
from core_desk import ANNA, BERT, Desk, plan
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.controller.effects import LowerCurrent, OfferCurrent
from edge.controller.events import JournalStalled, JournalWell
from edge.controller.share import MIN_A, Want, allocate, circuits_of, headroom, tightest
from edge.controller.site import Circuit, Evse, SitePlan


def site(fuse_a: float, phases: list[tuple[str, ...]], row_a: float = 63) -> SitePlan:
    return SitePlan(id="SE*FCT*E1", circuits=(
        Circuit(id="grid", fuse_a=fuse_a), Circuit(id="row", fuse_a=row_a, parent="grid")),
        evses=tuple(Evse(id=str(n), label="", circuit="row", phases=p, max_a=32, failsafe_a=0,
                         meter_id=f"m{n}") for n, p in enumerate(phases)))


def wants(*ids: str) -> list[Want]:
    return [Want(evse_id=e, began_ns=n) for n, e in enumerate(ids)]


ALL = ("L1", "L2", "L3")


@pytest.mark.parametrize(("fuse_a", "phases", "expected"), [
    (32, [ALL], {"0": 32.0}),
    (32, [ALL, ALL], {"0": 16.0, "1": 16.0}),
    (16, [ALL, ALL, ALL], {"0": 8.0, "1": 8.0, "2": 0.0}),
    (10, [("L1",), ALL, ("L2",)], {"0": 10.0, "1": 0.0, "2": 10.0}),
    (20, [("L1",), ("L2",), ("L1",)], {"0": 10.0, "1": 20.0, "2": 10.0}),
    (5, [ALL], {"0": 0.0}),
])
def test_shares(fuse_a, phases, expected):
    found = allocate(site(fuse_a, phases), wants(*[str(n) for n in range(len(phases))]))
    assert {e: a for e, (a, _) in found.items()} == expected


def test_a_cable_caps_and_the_rest_goes_to_the_others():
    found = allocate(site(32, [ALL, ALL]), [
        Want(evse_id="0", began_ns=0, cap_a=13), Want(evse_id="1", began_ns=1)])
    assert found == {"0": (13.0, "cable"), "1": (19.0, "circuit:grid")}


@pytest.mark.stories
@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.data())
def test_no_fuse_is_ever_exceeded_and_nobody_is_starved(data):
    wiring = st.sampled_from([ALL, ("L1",), ("L2",), ("L3",)])
    phases = data.draw(st.lists(wiring, min_size=1, max_size=9))
    fuse_a = data.draw(st.floats(min_value=1, max_value=120))
    row_a = data.draw(st.floats(min_value=1, max_value=120))
    plan_ = site(fuse_a, phases, row_a)
    found = allocate(plan_, wants(*[e.id for e in plan_.evses]))
    used = {(c.id, p): 0.0 for c in plan_.circuits for p in ALL}
    for evse in plan_.evses:
        amps = found[evse.id][0]
        assert amps == 0 or amps >= MIN_A
        for circuit in circuits_of(plan_, evse):
            for phase in evse.phases:
                used[circuit, phase] += amps
    fuses = {c.id: c.fuse_a for c in plan_.circuits}
    assert all(amps <= fuses[circuit] + 1e-9 for (circuit, _), amps in used.items())
    charging = [e for e, (a, _) in found.items() if a > 0]
    for evse_id in set(found) - set(charging):
        together = allocate(plan_, wants(*charging, evse_id))
        assert any(a == 0 for a, _ in together.values()), "waits although there is room"


def test_the_second_car_is_offered_current_only_after_the_first_was_lowered():
    desk = Desk(plan(2, fuse_a=32))
    desk.charge("1", ANNA)
    assert desk.devices["1"].offered_a == 32
    desk.plug("2")
    desk.log.clear()
    desk.tap(BERT)
    kinds = [(type(e).__name__, e.evse_id, e.current_a) for e in desk.log
             if isinstance(e, OfferCurrent | LowerCurrent)]
    assert kinds == [("LowerCurrent", "1", 16.0)], "no raise before the lowering is confirmed"
    desk.until(lambda: desk.devices["2"].offered_a > 0)
    assert (desk.devices["1"].offered_a, desk.devices["2"].offered_a) == (16.0, 16.0)


def test_what_one_leaves_the_other_gets_but_not_within_five_seconds():
    desk = Desk(plan(2, fuse_a=32))
    desk.charge("1", ANNA)
    desk.charge("2", BERT)
    desk.unplug("2")
    desk.log.clear()
    desk.until(lambda: desk.devices["1"].offered_a == 32)
    raises = [e for e in desk.log if isinstance(e, OfferCurrent) and e.evse_id == "1"]
    assert len(raises) == 1


def test_offers_never_add_up_to_more_than_the_fuse_while_cars_come_and_go():
    desk = Desk(plan(4, fuse_a=25))
    tokens = [ANNA, BERT, ANNA.__class__(ref="c" * 32), ANNA.__class__(ref="d" * 32)]
    for n, token in enumerate(tokens, 1):
        desk.plug(str(n))
        desk.tap(token, evse_ids=(str(n),))
        for _ in range(30):
            desk.run(0.1)
            total = sum(d.offered_a for d in desk.devices.values())
            assert total <= 25.001, total
            for device in desk.devices.values():
                assert device.offered_a == 0 or device.offered_a >= MIN_A
    desk.unplug("1")
    for _ in range(200):
        desk.run(0.1)
        assert sum(d.offered_a for d in desk.devices.values()) <= 25.001
    assert sum(d.offered_a > 0 for d in desk.devices.values()) == 3


def test_a_board_that_did_not_follow_is_lowered_again_without_waiting_for_the_disk():
    desk = Desk(plan(2, fuse_a=32))
    desk.charge("1", ANNA)
    desk.plug("2")
    desk.tap(BERT)
    desk.devices["1"].offered_a = 32.0  # the frame was lost
    desk.log.clear()
    desk.run(3)
    told = [e for e in desk.log if isinstance(e, OfferCurrent | LowerCurrent)]
    assert isinstance(told[0], LowerCurrent) and (told[0].evse_id, told[0].current_a) == ("1", 16.0)
    assert told[1].evse_id == "2", "and only then the other"


def test_a_board_that_forgot_its_offer_is_told_again():
    desk = Desk(plan(1))
    desk.plug()
    desk.tap()
    desk.run(1)
    desk.devices["1"].pwm_on, desk.devices["1"].offered_a = False, 0.0
    desk.log.clear()
    desk.run(3)
    assert [(e.current_a, e.from_a) for e in desk.effects(OfferCurrent)] == [(32.0, 32.0)]


def test_an_offer_that_waits_for_the_disk_is_not_told_again_and_again():
    desk = Desk(plan(1))
    desk.grants = False
    desk.feed(JournalStalled(error="slow"))
    desk.plug()
    desk.tap()
    desk.run(60)
    assert len(desk.effects(OfferCurrent)) == 1, "else they all pass at once when the disk is well"
    desk.grants = True
    desk.feed(JournalWell())
    desk.run(3)
    assert desk.devices["1"].offered_a == 32


def test_who_is_put_off_does_not_change_what_the_others_have():
    plan_ = site(13, [ALL, ("L1",), ALL, ("L2",)])
    everybody = allocate(plan_, wants("0", "1", "2", "3"))
    joined = [e for e, (a, _) in everybody.items() if a]
    assert allocate(plan_, wants(*joined)) == {e: everybody[e] for e in joined}
    assert {e for e, (a, _) in everybody.items() if not a} and len(joined) >= 2


@pytest.mark.parametrize(("budget_a", "expected"), [
    (40.0, {"0": (16.0, "circuit:row"), "1": (16.0, "circuit:row")}),
    (20.0, {"0": (10.0, "limit:grid"), "1": (10.0, "limit:grid")}),
    (11.0, {"0": (11.0, "limit:grid"), "1": (0.0, "limit:grid")}),
    (0.0, {"0": (0.0, "limit:grid"), "1": (0.0, "limit:grid")}),
])
def test_a_budget_leaves_less_of_a_fuse_never_more_and_names_itself(budget_a, expected):
    found = allocate(site(63, [ALL, ALL], row_a=32), wants("0", "1"),
                     {("grid", "L2"): (budget_a, "limit:grid"), ("nowhere", "L1"): (0.0, "x")})
    assert found == expected


def test_a_budget_of_one_phase_is_for_those_on_it():
    found = allocate(site(32, [("L1",), ("L2",)]), wants("0", "1"), {("row", "L1"): (8.0, "x")})
    assert found == {"0": (8.0, "x"), "1": (32.0, "evse")}


def test_nobody_is_told_more_than_a_budget_leaves():
    plan_ = site(32, [ALL, ALL])
    assert headroom(plan_, "0", {"1": 10.0}) == 22.0
    assert headroom(plan_, "0", {"1": 10.0}, {("grid", "L3"): (20.0, "x")}) == 10.0


@pytest.mark.parametrize(("caps", "least"), [
    ((), None), ((None, None), None), (((9.0, "a"), None, (8.0, "b")), (8.0, "b")),
    (((8.0, "a"), (8.0, "b")), (8.0, "a"))])
def test_the_tightest_cap_names_itself(caps, least):
    assert tightest(*caps) == least


def test_a_budget_above_the_fuse_changes_nothing():
    plan_, more = site(32, [ALL]), {("row", p): (90.0, "x") for p in ALL}
    assert allocate(plan_, wants("0"), {("grid", p): (90.0, "x") for p in ALL} | more) == allocate(
        plan_, wants("0"))
    assert headroom(site(20, [ALL]), "0", {}, {("grid", "L1"): (90.0, "x")}) == 20.0
