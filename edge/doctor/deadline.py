"""Questions that may never be answered: each gets a deadline, and the page goes on without it."""

import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


class NoAnswer(Exception):
    """Nobody answered in time, or the program is not there. The message says which."""


def within(call: Callable[[], T], timeout_s: float, what: str) -> T:
    """What `call` returns, or the `OSError` that it raises; `NoAnswer` after `timeout_s`. Its thread is
    left behind then: a read that hangs in a dying card cannot be taken back, and must not keep us.
    """
    result: list[T] = []
    trouble: list[OSError] = []

    def work() -> None:
        try:
            result.append(call())
        except OSError as error:
            trouble.append(error)

    thread = threading.Thread(target=work, name=what, daemon=True)
    thread.start()
    thread.join(timeout_s)
    if trouble:
        raise trouble[0]
    if not result:
        raise NoAnswer(f"{what}: no answer within {timeout_s:g} s")
    return result[0]


def said(argv: Sequence[str], timeout_s: float) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a program. Raises `NoAnswer`."""
    try:
        done = subprocess.run(argv, capture_output=True, timeout=timeout_s, check=False,
                              stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise NoAnswer(f"{argv[0]}: no answer within {timeout_s:g} s") from None
    except OSError as error:
        raise NoAnswer(f"{argv[0]}: {error.strerror or error}") from None
    return (done.returncode, done.stdout.decode("utf-8", "replace"),
            done.stderr.decode("utf-8", "replace"))
