"""Waits that are not rounded, and events that are not missed."""

import os
import select
import selectors

from edge.bus.exact_loop import ExactSelector


def test_a_short_wait_is_not_rounded_to_a_millisecond_and_a_long_one_is_left_to_epoll():
    waited = []
    chosen = ExactSelector(lambda *how: waited.append((how[0], how[3])))
    try:
        for timeout_s in (0.00175, 0.0003, 0, -1, 0.1):
            assert chosen.select(timeout_s) == []
        assert waited == [([chosen.fileno()], 0.00175), ([chosen.fileno()], 0.0003)]
    finally:
        chosen.close()


def test_what_happens_during_a_short_wait_ends_it():
    asked = []

    def wait(*how):
        asked.append(select.select(*how[:3], 20.0))  # far longer: only the pipe can end it
    chosen = ExactSelector(wait)
    out, into = os.pipe()
    try:
        chosen.register(out, selectors.EVENT_READ, "pipe")
        os.write(into, b"x")
        assert [key.data for key, _ in chosen.select(0.01)] == ["pipe"]
        assert asked == [([chosen.fileno()], [], [])]
    finally:
        chosen.close()
        os.close(out)
        os.close(into)
