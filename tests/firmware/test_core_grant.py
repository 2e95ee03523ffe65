# What makes a grant: a fresh number, a current, a life.
import registers as r
from bench import Bench

OK = 0
BAD_VALUE = 3
REFUSED = 4


def test_toggling_b_and_c_never_closes_without_a_new_sequence():
    bench = Bench().charge()
    for _ in range(5):
        bench.load = "B"
        bench.run(200)
        bench.load = "C"
        bench.run(1000)
        assert not bench.permit
        assert bench.grant(sequence=bench.sequence) == REFUSED  # the old one, written once more
        assert bench.core.refused_bits == r.REFUSED_SEQUENCE
    assert bench.grant() == OK
    assert bench.permit


def test_only_a_newer_sequence_grants():
    for last, sequence, answer in (
        (7, 8, OK), (7, 7, REFUSED), (7, 6, REFUSED), (7, 7 + 0x7FFF, OK), (7, 7 + 0x8000, REFUSED),
        (0xFFFF, 0, OK), (0xFFFF, 0xFFFE, REFUSED),
    ):
        bench = Bench().charge()
        bench.revoke()
        bench.core.interlock.grant_seq = last
        bench.run(100)
        assert bench.grant(sequence=sequence) == answer, (last, sequence)


def test_the_same_grant_once_more_prolongs_nothing():
    bench = Bench().charge()
    bench.run(3000)
    assert bench.grant(sequence=bench.sequence) == OK
    bench.run(2000)
    assert bench.faults == r.FAULT_HEARTBEAT


def test_a_refused_grant_does_not_use_its_number_up():
    bench = Bench().plug()
    assert bench.grant(sequence=9) == REFUSED
    bench.load = "C"
    bench.run(600)
    assert bench.grant(sequence=9) == OK


def test_a_grant_out_of_range_is_no_grant():
    for current_da, ttl_ms in ((59, 5000), (801, 5000), (160, 99), (160, 5001), (0, 5000), (160, 0)):
        bench = Bench().ask()
        assert bench.grant(current_da, ttl_ms) == BAD_VALUE, (current_da, ttl_ms)
        assert not bench.permit
    for current_da, ttl_ms in ((60, 5000), (800, 5000), (160, 100)):
        assert Bench().ask().grant(current_da, ttl_ms) == OK, (current_da, ttl_ms)


def test_a_site_may_shorten_the_life_of_grants():
    bench = Bench().ask()
    bench.core.settings.grant_ttl_ms = 1000
    assert bench.grant(160, 1001) == BAD_VALUE
    assert bench.grant(160, 1000) == OK
    assert bench.renew(160, 1001) == BAD_VALUE


def test_a_grant_lowers_the_offer_and_never_raises_it():
    bench = Bench().charge(160)
    assert bench.grant(100) == OK
    assert bench.told_da == 100
    assert bench.grant(320) == OK
    bench.run(4000)
    assert bench.told_da == 100
