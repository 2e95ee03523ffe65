"""sd_notify as a listener at a real datagram socket hears it."""

import os
from pathlib import Path

import pytest
from notified import heard, listening

from edge.station.notify import Notifier, from_environment


@pytest.mark.parametrize("abstract", [False, True])
def test_whoever_listens_hears_each_word_in_order(tmp_path: Path, abstract: bool) -> None:
    address = f"@forecourt-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with listening(address) as listener:
        notifier = Notifier(address, watchdog_s=8.0)
        notifier.starting("mending", 60.0)
        notifier.ready()
        notifier.status("2 of 3 charging,\nno faults")
        notifier.status("2 of 3 charging,\nno faults")
        notifier.alive()
        notifier.stopping()
        notifier.close()
        notifier.alive()
        assert heard(listener) == ["EXTEND_TIMEOUT_USEC=60000000", "STATUS=mending", "READY=1",
                                   "STATUS=2 of 3 charging, no faults",
                                   "WATCHDOG=1", "STOPPING=1"]


@pytest.mark.parametrize("address", [None, "", "/nowhere/at/all", "@nobody-listens-here", "vsock:2:1"])
def test_nobody_there_is_no_trouble(address: str | None) -> None:
    notifier = Notifier(address, 1.0)
    notifier.ready()
    notifier.status("well")
    notifier.alive()
    notifier.close()


def test_a_listener_that_never_reads_holds_nobody_up(tmp_path: Path) -> None:
    with listening(str(tmp_path / "notify")) as listener:
        notifier = Notifier(str(tmp_path / "notify"), 1.0)
        for _ in range(5000):
            notifier.alive()
        assert 0 < len(heard(listener)) < 5000
        notifier.alive()
        assert heard(listener) == ["WATCHDOG=1"], "and is told again when it does"
        notifier.close()


@pytest.mark.parametrize(("variables", "watchdog_s"), [
    ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "7"}, 10.0),
    ({"WATCHDOG_USEC": "10000000"}, 10.0),
    ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "8"}, None),
    ({"WATCHDOG_USEC": "0"}, None), ({"WATCHDOG_USEC": "-1"}, None), ({"WATCHDOG_USEC": "soon"}, None),
    ({"WATCHDOG_USEC": "5", "WATCHDOG_PID": "me"}, None), ({}, None)])
def test_the_watchdog_is_fed_only_where_it_is_this_process_that_is_meant(
        variables: dict[str, str], watchdog_s: float | None) -> None:
    environment = {**variables, "NOTIFY_SOCKET": "", "PATH": "/bin"}
    assert from_environment(environment, 7).watchdog_s == watchdog_s
    assert environment == {"PATH": "/bin"}, "what is started from here is not whom it is meant for"


def test_it_is_fed_four_times_in_each_period() -> None:
    assert Notifier(None, 10.0).feed_s == 2.5
    assert Notifier(None, None).feed_s is None
