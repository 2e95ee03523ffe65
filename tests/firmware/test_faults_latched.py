# Latched faults by themselves: their numbers, and what an acknowledgement may do.
import registers as r
from faults import LATCHED, Faults


def latch(faults, bit):
    # Its cause comes and goes.
    assert faults.latch(bit, True, False)
    assert not faults.latch(bit, False, True)


def test_a_latched_fault_stays_when_its_cause_has_gone():
    for bit in LATCHED:
        faults = Faults()
        latch(faults, bit)
        for _ in range(100):
            assert not faults.latch(bit, False, True)
        assert (faults.bits, faults.blocking, faults.seq) == (bit, bit, 1)


def test_only_its_own_number_clears_it():
    for bit in LATCHED:
        faults = Faults()
        faults._issued = 6
        latch(faults, bit)
        for wrong in (0, 6, 8, 0xFFFF, 7 + 0x8000):
            assert faults.acknowledge(wrong) == 0
        assert faults.bits == bit
        assert faults.acknowledge(7) == bit
        assert (faults.bits, faults.ack_seq, faults.seq) == (0, 7, 7)
        assert faults.acknowledge(7) == 0


def test_nothing_is_cleared_while_its_cause_stands():
    faults = Faults()
    faults.latch(r.FAULT_RCD, True, False)
    assert faults.acknowledge(1) == 0
    assert (faults.bits, faults.ack_seq) == (r.FAULT_RCD, 0)
    faults.latch(r.FAULT_RCD, False, True)
    assert faults.acknowledge(1) == r.FAULT_RCD


def test_one_that_stands_keeps_its_number_when_its_cause_returns():
    faults = Faults()
    latch(faults, r.FAULT_RCD)
    assert not faults.latch(r.FAULT_RCD, True, False)
    assert faults.seq == 1


def test_an_acknowledgement_reaches_back_and_not_ahead():
    faults = Faults()
    for bit in (r.FAULT_WELD, r.FAULT_RCD, r.FAULT_SELF_TEST):
        latch(faults, bit)
    assert faults.seq == 3
    assert faults.acknowledge(2) == r.FAULT_WELD | r.FAULT_RCD
    assert (faults.bits, faults.seq) == (r.FAULT_SELF_TEST, 3)
    assert faults.acknowledge(3) == r.FAULT_SELF_TEST


def test_what_was_left_standing_shows_the_number_that_clears_it():
    faults = Faults()
    faults.latch(r.FAULT_RCD, True, False)
    latch(faults, r.FAULT_WELD)
    assert faults.acknowledge(2) == r.FAULT_WELD  # the residual current flows still
    assert (faults.bits, faults.seq) == (r.FAULT_RCD, 1)
    faults.latch(r.FAULT_RCD, False, True)
    assert faults.acknowledge(faults.seq) == r.FAULT_RCD
    latch(faults, r.FAULT_RCD)
    assert faults.seq == 3  # no number comes twice


def test_of_several_that_were_left_standing_the_newest_number_shows():
    for issued, newest in ((0, 2), (0xFFFD, 0xFFFF), (0xFFFE, 0), (0xFFFF, 1)):
        for first, second in ((r.FAULT_WELD, r.FAULT_RCD), (r.FAULT_RCD, r.FAULT_WELD)):
            faults = Faults()
            faults._issued = issued
            faults.latch(first, True, False)
            faults.latch(second, True, False)
            latch(faults, r.FAULT_SELF_TEST)
            assert faults.acknowledge(faults.seq) == r.FAULT_SELF_TEST
            assert faults.seq == newest, issued


def test_number_zero_is_one_like_any_other():
    faults = Faults()
    faults._issued = 0xFFFF
    faults.latch(r.FAULT_WELD, True, False)
    latch(faults, r.FAULT_RCD)
    assert faults.acknowledge(1) == r.FAULT_RCD
    assert (faults.bits, faults.seq) == (r.FAULT_WELD, 0)


def test_numbers_wrap_and_still_reach_back():
    faults = Faults()
    faults._issued = 0xFFFE
    latch(faults, r.FAULT_RCD)
    latch(faults, r.FAULT_WELD)
    assert faults.seq == 0
    assert faults.acknowledge(0) == r.FAULT_RCD | r.FAULT_WELD
