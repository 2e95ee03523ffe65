"""Waits grow, differ between sites, and are forgiven after a minute of stability only."""

import random

from cloud_sync.backoff import STABLE_S, Backoff


def test_waits_double_up_to_the_last_and_stay_in_the_upper_half():
    backoff = Backoff(first_s=0.5, last_s=60.0, rng=random.Random(1))
    for whole_s in (0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60):
        assert whole_s / 2 <= backoff.next_s() <= whole_s


def test_being_accepted_and_kicked_is_no_success():
    backoff = Backoff(first_s=1.0, rng=random.Random(1))
    waits = [backoff.next_s(0.1) for _ in range(8)]
    assert waits[-1] >= 30.0


def test_a_stable_session_is_forgiven_everything():
    backoff = Backoff(first_s=1.0, rng=random.Random(1))
    for _ in range(8):
        backoff.next_s()
    assert backoff.next_s(STABLE_S) <= 1.0


def test_sites_do_not_come_back_together():
    assert len({Backoff(rng=random.Random(site)).next_s() for site in range(20)}) == 20
