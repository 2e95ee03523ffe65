"""Whether a controller is behind its socket."""

import socket
from pathlib import Path

import pytest

from edge.controller.trouble import LineDown
from edge.link.knocking import listens


def test_somebody_listens_nobody_does_and_nothing_is_there(tmp_path: Path) -> None:
    path = tmp_path / "service.sock"
    assert not listens(path)
    path.write_text("no socket")
    assert not listens(path)
    path.unlink()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert listens(path)
    assert not listens(path), "it was left over"


def test_where_nobody_can_say_it_is_no_no(tmp_path: Path) -> None:
    path = tmp_path / "service.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(path))
        with pytest.raises(LineDown, match=r"service\.sock"):
            listens(path)
