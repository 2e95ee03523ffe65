# What the board remembers of its life.
from counts import COUNT_MAX, WORD_MAX, Counts


def test_a_start_is_counted_and_only_power_on_is_no_reset():
    counts = Counts()
    counts.boot_count = 41
    counts.started(True)
    assert (counts.boot_count, counts.resets) == (42, 0)
    counts.started(False)
    assert (counts.boot_count, counts.resets) == (43, 1)


def test_no_boot_is_called_none():
    counts = Counts()
    counts.boot_count = WORD_MAX
    counts.started(True)
    assert counts.boot_count == 1


def test_each_event_has_its_counter_and_is_worth_a_write():
    for event, name in (("cycle", "cycles"), ("load_break", "load_breaks"), ("weld", "welds"),
                        ("shunt_trip", "shunt_trips"), ("trip", "trips")):
        counts = Counts()
        for expected in (1, 2, 3):
            version = counts.version
            getattr(counts, event)()
            assert getattr(counts, name) == expected, name
            assert counts.version == version + 1, name
        total = counts.cycles + counts.load_breaks + counts.welds + counts.shunt_trips + counts.trips
        assert total == 3, name


def test_counters_saturate_as_wide_as_their_registers():
    for event, name, most in (("cycle", "cycles", COUNT_MAX), ("load_break", "load_breaks", COUNT_MAX),
                              ("trip", "trips", COUNT_MAX), ("weld", "welds", WORD_MAX),
                              ("shunt_trip", "shunt_trips", WORD_MAX)):
        counts = Counts()
        setattr(counts, name, most - 1)
        for _ in range(3):
            getattr(counts, event)()
        assert getattr(counts, name) == most, name
    counts = Counts()
    counts.resets = COUNT_MAX
    counts.started(False)
    assert counts.resets == COUNT_MAX


def test_the_uptime_counts_seconds_and_costs_no_write():
    counts = Counts()
    for _ in range(1000):
        counts.tick(4)
    assert counts.uptime_s == 4
    counts.tick(2500)  # a loop that stalled
    counts.tick(500)
    assert (counts.uptime_s, counts.version) == (7, 0)


def test_a_trip_is_dated_by_boot_and_uptime_and_by_the_clock_if_it_was_told():
    counts = Counts()
    counts.boot_count = 7
    counts.tick(90_000)
    counts.trip()
    assert (counts.last_trip_boot, counts.last_trip_uptime_s, counts.last_trip_utc) == (7, 90, 0)
    counts.tell_utc(1_700_000_000)
    counts.tick(30_000)
    counts.trip()
    assert (counts.last_trip_uptime_s, counts.last_trip_utc) == (120, 1_700_000_030)


def test_the_clock_goes_on_until_it_is_told_again_or_taken_back():
    counts = Counts()
    assert counts.utc_s() == 0
    counts.tick(5000)
    assert counts.utc_s() == 0
    counts.tell_utc(1_700_000_000)
    counts.tick(10_000)
    assert counts.utc_s() == 1_700_000_010
    counts.tell_utc(1_700_000_002)  # it was set back
    counts.tick(1000)
    assert counts.utc_s() == 1_700_000_003
    counts.tell_utc(0)
    assert counts.utc_s() == 0
