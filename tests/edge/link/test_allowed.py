"""The table of the sockets: who may ask what."""

import pytest

from edge.controller.request import Origin
from edge.link.allowed import ALLOWED, refusal


@pytest.mark.parametrize(("origin", "action"), [
    (Origin.UI, "session.stop"), (Origin.UI, "ui.language"),
    (Origin.SYNC, "journal.read"), (Origin.SYNC, "journal.acked"), (Origin.SYNC, "journal.heads"),
    (Origin.SYNC, "site.describe"), (Origin.SYNC, "sync.status"), (Origin.SYNC, "command.request"),
    (Origin.SERVICE, "status"), (Origin.SERVICE, "fault.clear"), (Origin.SERVICE, "outlet.disable"),
])
def test_what_a_socket_is_for_is_allowed(origin: Origin, action: str) -> None:
    assert refusal(origin, action) is None


@pytest.mark.parametrize(("origin", "action"), [
    (Origin.UI, "journal.read"), (Origin.UI, "fault.clear"), (Origin.UI, "outlet.enable"),
    (Origin.SYNC, "session.stop"), (Origin.SYNC, "fault.clear"), (Origin.SYNC, "meter.read"),
    (Origin.SERVICE, "journal.acked"), (Origin.SERVICE, "command.request"),
    (Origin.UI, "nonsense"), (Origin.SYNC, ""), (Origin.SERVICE, "STATUS"),
])
def test_everything_else_is_refused_with_what_is_allowed(origin: Origin, action: str) -> None:
    reason = refusal(origin, action)
    assert reason is not None
    assert repr(action) in reason
    assert reason.endswith(", ".join(sorted(ALLOWED[origin])))


def test_every_socket_has_a_row() -> None:
    assert set(ALLOWED) == set(Origin)
    assert all(ALLOWED.values())


def test_a_refusal_does_not_echo_pages_of_what_was_asked() -> None:
    assert len(refusal(Origin.UI, "x" * 10_000) or "") < 300
