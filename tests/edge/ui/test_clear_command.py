"""`forecourt faults clear`: what a technician hears of a fault whose cause is gone, or is not."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from core_desk import Desk, plan
from core_link import CoreLink

from edge.controller.faults import FaultCode
from edge.controller.pilot import BoardFault
from edge.controller.snapshot import Screen
from edge.link.errors import LinkRefused
from edge.ui import faults_command
from edge.ui.clear_command import Ask, Clearing
from edge.ui.texts import Texts

RCD = FaultCode.RESIDUAL_CURRENT


@pytest.fixture
def link() -> CoreLink:
    return CoreLink(Desk(plan(2)))


def trip(link: CoreLink, *evse_ids: str) -> None:
    for evse_id in evse_ids:
        link.desk.devices[evse_id].faults = (BoardFault.RCD,)
    link.desk.run(1)


async def clear(link: CoreLink, code: FaultCode = RCD, where: str | None = None, ask: Ask | None = None,
                language: str = "en") -> int:
    return await Clearing(link, Texts(language), ask, link.pause).run(link.now(), code, where)


async def test_a_fault_whose_cause_is_gone_ends(
        link: CoreLink, capsys: pytest.CaptureFixture[str]) -> None:
    trip(link, "1")
    link.desk.devices["1"].faults = ()
    link.desk.run(1)
    assert await clear(link) == 0
    assert capsys.readouterr().out == "F401 at 1 has ended.\n"
    assert link.asked == [("fault.clear", {"code": "F401", "where": "1"})]
    assert link.desk.codes() == set()


async def test_the_board_may_take_a_moment_to_let_go(
        link: CoreLink, capsys: pytest.CaptureFixture[str]) -> None:
    trip(link, "1")
    waits: list[float] = []

    async def pause(seconds: float) -> None:
        waits.append(seconds)
        if sum(waits) > 1.5:
            link.desk.devices["1"].faults = ()
        link.desk.run(seconds)
    assert await Clearing(link, Texts("en"), None, pause).run(link.now(), RCD, None) == 0
    assert "has ended" in capsys.readouterr().out


@pytest.mark.parametrize(("language", "words"), [
    ("en", "F401 at 1 still stands, because its cause still stands"),
    ("sv", "F401 på 1 står kvar, eftersom orsaken finns kvar")])
async def test_a_fault_whose_cause_stands_is_said_to_stand(
        link: CoreLink, language: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    trip(link, "1")
    began_ns = link.desk.now_ns
    assert await clear(link, language=language) == 1
    assert capsys.readouterr().out.startswith(words)
    assert link.desk.now_ns - began_ns > 3e9, "as long as the acknowledgement was good"


async def test_a_fault_that_comes_back_at_once_has_not_ended(
        link: CoreLink, capsys: pytest.CaptureFixture[str]) -> None:
    trip(link, "1")
    turns = 0

    async def pause(seconds: float) -> None:
        nonlocal turns
        turns += 1  # gone for two looks of five, then there again
        link.desk.devices["1"].faults = () if turns % 5 < 2 and turns < 20 else (BoardFault.RCD,)
        link.desk.run(seconds)
    assert await Clearing(link, Texts("en"), None, pause).run(link.now(), RCD, None) == 1
    assert "still stands" in capsys.readouterr().out


@pytest.mark.parametrize(("where", "words"), [
    (None, "F202 stands nowhere: there is nothing to clear.\nStanding now: F401 2.\n"),
    ("1", "F202 does not stand at 1: there is nothing to clear.\nStanding now: F401 2.\n")])
async def test_what_does_not_stand_is_not_asked_for(
        link: CoreLink, where: str | None, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    trip(link, "2")
    assert await clear(link, FaultCode.CONTACTOR_NOT_CLOSED, where) == 1
    assert capsys.readouterr().out == words
    assert link.asked == []


async def test_one_that_ended_in_the_meantime_was_not_there(
        link: CoreLink, capsys: pytest.CaptureFixture[str]) -> None:
    trip(link, "1")
    earlier = link.now()
    link.desk.devices["1"].faults = ()
    link.desk.run(1)
    assert link.desk.request("fault.clear", code="F401", where="1") is None, "by somebody else"
    assert await Clearing(link, Texts("en"), None, link.pause).run(earlier, RCD, None) == 1
    assert capsys.readouterr().out == (
        "F401 does not stand at 1: there is nothing to clear.\nNo fault stands now.\n")


async def test_another_refusal_is_not_hidden(link: CoreLink, shown: SimpleNamespace) -> None:
    snapshot = shown.snapshot(shown.evse(Screen.FAULT, faults=(shown.fault(RCD),)))

    class Unwilling(CoreLink):
        async def look(self) -> object:  # type: ignore[override]
            return snapshot
    with pytest.raises(LinkRefused, match="no fault F401"):
        await Clearing(Unwilling(link.desk), Texts("en"), None, link.pause).run(snapshot, RCD, None)


async def test_of_several_a_person_is_asked_which(
        link: CoreLink, capsys: pytest.CaptureFixture[str]) -> None:
    trip(link, "1", "2")
    link.desk.devices["2"].faults = ()
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return " 2 "
    assert await clear(link, ask=ask) == 0
    out = capsys.readouterr().out
    assert asked == ["Which one (1 to 2)? "]
    assert "  1  F401 1 since" in out and "  2  F401 2 since" in out
    assert out.endswith("F401 at 2 has ended.\n")
    assert link.asked == [("fault.clear", {"code": "F401", "where": "2"})]


@pytest.mark.parametrize("said", [None, "", "0", "3", "x", "-1"])
async def test_without_a_good_answer_nothing_is_cleared(
        link: CoreLink, said: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    trip(link, "1", "2")
    assert await clear(link, ask=None if said is None else lambda _: said) == 2
    assert "--where" in capsys.readouterr().err
    assert link.asked == []


async def test_a_place_needs_no_question(link: CoreLink) -> None:
    trip(link, "1", "2")
    link.desk.devices["1"].faults = ()
    assert await clear(link, where="1") == 0
    assert link.asked == [("fault.clear", {"code": "F401", "where": "1"})]


def test_without_a_controller_it_says_where_and_what_to_do(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert faults_command.main(["clear", "F201", "--run-dir", str(tmp_path), "--language", "en"]) == 1
    err = capsys.readouterr().err
    assert str(tmp_path / "service.sock") in err
    assert "systemctl start forecourt" in err


@pytest.mark.parametrize("argv", [["clear"], ["clear", "F999"], ["clear", "F201", "extra"]])
def test_wrong_arguments_are_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        faults_command.main(argv)
    assert "forecourt faults clear" in capsys.readouterr().err
