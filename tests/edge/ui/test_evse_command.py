"""`forecourt evse`: a row per EVSE, and requests to the real core."""

import re
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from core_desk import Desk, plan
from core_link import CoreLink

from edge.controller.faults import FaultCode
from edge.controller.request import Origin
from edge.controller.snapshot import Screen, WearView
from edge.link.allowed import ALLOWED
from edge.link.errors import LinkRefused
from edge.ui import evse_command
from edge.ui.evse_command import ACTIONS, act, limit, rows
from edge.ui.texts import Texts

EN = Texts("en")


@pytest.fixture
def link() -> CoreLink:
    return CoreLink(Desk(plan(2)))


@pytest.fixture
def charging(link: CoreLink) -> CoreLink:
    link.desk.charge()
    return link


async def do(link: CoreLink, command: str, evse_id: str = "1") -> str:
    words = await act(link, EN, link.now(), command, evse_id)
    link.desk.run(1)
    return words


def test_every_request_may_come_through_the_service_socket() -> None:
    assert {action for action, _, _ in ACTIONS.values()} | {"limit.set"} <= ALLOWED[Origin.SERVICE]


# list

def test_a_row_says_state_offer_and_why_contactor_wear_and_faults(shown: SimpleNamespace) -> None:
    fault, reader = shown.fault(FaultCode.HOT), shown.fault(FaultCode.READER_LOST, "front")
    door = shown.fault(FaultCode.DOOR_OPEN, "post")
    snapshot = shown.snapshot(
        shown.evse(Screen.CHARGING, charging_state="Charging", offered_a=13.0, because="circuit:row-a",
                   contactor_closed=True, faults=(fault, door), wear=WearView(
                       cycles=1234, load_breaks=56, closed_s=7_260, share=0.0125)),
        shown.evse(Screen.AVAILABLE, "2", state="Available", contactor_closed=False),
        shown.evse(Screen.PAUSED, "30", charging_state="SuspendedEVSE", because="request"),
        faults=(reader, door))
    head, first, second, third, *rest = rows(EN, snapshot)
    assert head.split() == ["id", "name", "state", "charging", "offered,", "because", "contactor",
                            "wear", "faults"]
    assert re.split(" {2,}", first) == [
        "1", "Bay 1", "Occupied", "Charging", "13 A circuit:row-a", "closed",
        "1.25 % (cycles 1234, load breaks 56, 2 h)", "F407, F411 post"]
    assert second.split() == ["2", "Bay", "2", "Available", "-", "-", "open", "-", "-"]
    assert third.split() == ["30", "Bay", "30", "Occupied", "SuspendedEVSE", "0", "A", "request",
                             "unknown", "-", "-"]
    assert first.index("Bay") == second.index("Bay") == third.index("Bay"), "in columns"
    assert rest == ["", "Of the site itself: F501 front"], "what a row has is not said twice"


def test_a_site_without_faults_has_no_row_of_them(shown: SimpleNamespace) -> None:
    assert len(rows(EN, shown.snapshot(shown.evse(Screen.AVAILABLE)))) == 2


def test_a_swedish_technician_reads_swedish_numbers(shown: SimpleNamespace) -> None:
    wear = WearView(cycles=9, load_breaks=0, closed_s=0, share=0.125)
    row = rows(Texts("sv"), shown.snapshot(shown.evse(
        Screen.CHARGING, offered_a=7.5, because="cable", wear=wear)))[1]
    assert "7,5 A cable" in row and "12,5 % (tillslag 9" in row


def test_machines_get_what_people_get(shown: SimpleNamespace) -> None:
    snapshot = shown.snapshot(shown.evse(Screen.CHARGING, offered_a=13.0, token_last4="4F2A"))
    told = msgspec.json.decode(evse_command._json(snapshot))
    assert told["evses"][0]["offered_a"] == 13.0 and told["faults"] == []
    assert "token_last4" not in told["evses"][0], "no business of a list"


# one EVSE

async def test_stop_ends_the_session(charging: CoreLink) -> None:
    assert await do(charging, "stop") == "EVSE 1 (Bay 1): the session is being ended."
    charging.desk.rest()
    charging.desk.run(20)
    assert charging.desk.outlet().session is None or charging.desk.outlet().phase == "finished"


async def test_pause_and_resume(charging: CoreLink) -> None:
    assert "`forecourt evse resume`" in await do(charging, "pause")
    assert charging.desk.outlet().paused and charging.now().evses[0].because == "request"
    await do(charging, "resume")
    assert not charging.desk.outlet().paused


async def test_out_of_service_waits_for_the_session_and_says_so(charging: CoreLink) -> None:
    assert "as soon as its session has ended" in await do(charging, "out-of-service")
    assert "as soon as" not in await do(charging, "out-of-service", "2")
    assert charging.now().evses[1].state == "Unavailable"
    assert await do(charging, "in-service", "2") == "EVSE 2 (Bay 2): in service."
    assert charging.now().evses[1].state == "Available"


async def test_a_new_contactor_begins_at_nothing(charging: CoreLink) -> None:
    with pytest.raises(LinkRefused, match="not open"):
        await do(charging, "contactor-replaced")
    charging.desk.unplug()
    charging.desk.run(5)
    assert charging.now().evses[0].wear is not None
    assert charging.now().evses[0].wear.cycles == 1
    assert "begin at 0" in await do(charging, "contactor-replaced")
    assert charging.now().evses[0].wear.cycles == 0


async def test_the_warning_of_a_worn_contactor_ends_with_the_new_one() -> None:
    link = CoreLink(Desk(plan(1, rated_cycles=1)))
    link.desk.charge()
    link.desk.unplug()
    link.desk.run(5)
    assert link.desk.codes() == {"F206"}
    await do(link, "contactor-replaced")
    assert link.desk.codes() == set()


@pytest.mark.parametrize("command", sorted(ACTIONS))
async def test_an_unknown_evse_is_refused_by_the_controller_with_those_there_are(
        link: CoreLink, command: str) -> None:
    with pytest.raises(LinkRefused, match="'9', expected one of 1, 2"):
        await do(link, command, "9")


# limits

async def test_a_limit_lowers_the_offer_and_is_taken_away(charging: CoreLink) -> None:
    said = await limit(charging, EN, charging.now(), "1", 10.0, None)
    charging.desk.run(1)
    view = charging.now().evses[0]
    assert (said, view.offered_a, view.because) == (
        "1 (Bay 1): at most 10 A per phase.", 10.0, "limit:technician")
    assert await limit(charging, EN, charging.now(), "1", None, None) == "1 (Bay 1): no limit any more."
    charging.desk.run(60)
    assert charging.now().evses[0].offered_a > 10


async def test_a_limit_for_a_while_is_forgotten(charging: CoreLink) -> None:
    said = await limit(charging, EN, charging.now(), "row-a", 8.0, 120.0)
    assert said == "row-a: at most 8 A per phase. For 2 min."
    charging.desk.run(1)
    assert charging.now().evses[0].offered_a == 8
    charging.desk.run(180)
    assert charging.now().evses[0].offered_a > 8


async def test_less_than_six_amperes_is_said_to_be_a_pause(charging: CoreLink) -> None:
    assert "pause" in await limit(charging, EN, charging.now(), "1", 5.9, None)
    assert "pause" not in await limit(charging, EN, charging.now(), "1", 6.0, None)


# arguments

@pytest.mark.parametrize("argv", [
    [], ["lst"], ["stop"], ["limit", "1"], ["limit", "1", "-5"], ["limit", "1", "nan"],
    ["limit", "1", "inf"], ["limit", "1", "ten"], ["limit", "1", "10", "--for", "0"],
    ["limit", "1", "10", "--for", "inf"], ["limit", "1", "none", "--for", "60"]])
def test_wrong_arguments_are_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        evse_command.main(argv)
    assert "forecourt evse" in capsys.readouterr().err


@pytest.mark.parametrize(("said", "amperes"), [("10", 10.0), ("7,5", 7.5), ("0", 0.0), ("None", None)])
def test_amperes_as_people_write_them(said: str, amperes: float | None) -> None:
    assert evse_command._amperes(said) == amperes


@pytest.mark.parametrize("argv", [["list"], ["stop", "1"], ["limit", "1", "10"]])
def test_without_a_controller_it_says_where_and_what_to_do(
        argv: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evse_command.main([*argv, "--run-dir", str(tmp_path)]) == 1
    err = capsys.readouterr().err
    assert str(tmp_path / "service.sock") in err
    assert "systemctl start forecourt" in err and "--run-dir" in err
