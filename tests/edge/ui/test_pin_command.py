"""`forecourt pin`: what is asked, and what is said then."""

import pytest

from edge.controller.request import Origin
from edge.controller.snapshot import Snapshot
from edge.link.allowed import refusal
from edge.ui.pin_command import ACTION, main, pin
from edge.ui.texts import Texts


class Asked:
    """A controller that says yes to everything."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, object]]] = []

    async def look(self) -> Snapshot:
        raise NotImplementedError

    async def ask(self, action: str, **args: object) -> None:
        self.requests.append((action, args))


@pytest.mark.parametrize(("language", "said"), [("en", "Kept: "), ("sv", "Sparat: ")])
async def test_it_asks_and_says_where_it_is_kept(language: str, said: str) -> None:
    link = Asked()
    assert (await pin(link, Texts(language), "it hummed")).startswith(said)
    assert link.requests == [("recorder.pin", {"words": "it hummed"})]


def test_only_a_technician_may_ask_for_it() -> None:
    assert [origin for origin in Origin if refusal(origin, ACTION) is None] == [Origin.SERVICE]


def test_nobody_to_ask_is_said(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--run-dir", str(tmp_path)]) == 1
    assert str(tmp_path) in capsys.readouterr().err
