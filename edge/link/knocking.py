"""Whether a controller is behind its socket: for commands that do otherwise without one."""

import socket
from pathlib import Path

from edge.controller.trouble import LineDown

CONNECT_S = 2.0


def listens(path: Path) -> bool:
    """Whether somebody listens there. Raises `LineDown` where nobody can say, or we may not know."""
    try:
        if not path.is_socket():
            return False
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(CONNECT_S)
            probe.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    except PermissionError as error:
        raise _unsure(path, "permission denied; use sudo, or join its group "
                            "(`ls -l` shows it: forecourt-service)") from error
    except OSError as error:
        raise _unsure(path, str(error)) from error
    return True


def _unsure(path: Path, got: str) -> LineDown:
    return LineDown("controller", where=str(path), got=got,
                    expected="one that answers, or no socket: what it owns nobody else may touch")
