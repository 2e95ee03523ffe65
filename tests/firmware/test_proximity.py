# The cable's rating: Tinkerforge's windows, OpenEVSE's resistors.
from proximity import Proximity, cable_a


def test_resistor_names_the_cable():
    for ohm, rating_a in ((1500, 13), (680, 20), (220, 32), (100, 63), (65535, 0), (4501, 0)):
        assert cable_a(ohm) == rating_a, ohm


def test_windows_end_where_tinkerforge_has_them():
    for ohm, rating_a in ((74, -1), (75, 63), (149, 63), (150, 32), (329, 32), (330, 20), (999, 20),
                          (1000, 13), (2199, 13), (2200, -1), (4500, -1), (0, -1), (60, -1)):
        assert cable_a(ohm) == rating_a, ohm


def test_resistors_of_10_percent_stay_in_their_window():
    for ohm, rating_a in ((1500, 13), (680, 20), (220, 32), (100, 63)):
        for part in range(90, 111):
            assert cable_a(ohm * part // 100) == rating_a, (ohm, part)


def run(proximity, ms, ohm, plugged, step_ms=4):
    for _ in range(ms // step_ms):
        proximity.step(step_ms, ohm, plugged)
    return proximity.cable_a


def test_a_rating_counts_once_it_has_stood():
    proximity = Proximity()
    assert run(proximity, 100, 220, False) == 0
    assert run(proximity, 8, 220, False) == 32


def test_a_plug_that_slides_in_passes_every_resistance_unseen():
    proximity = Proximity()
    for ohm in (65535, 3000, 1500, 680, 100, 20, 680):
        assert run(proximity, 40, ohm, True) == 0
    assert run(proximity, 120, 680, True) == 20


def test_under_a_plug_the_rating_never_rises():
    proximity = Proximity()
    assert run(proximity, 200, 680, True) == 20
    assert run(proximity, 10000, 100, True) == 20
    assert run(proximity, 200, 1500, True) == 13
    assert run(proximity, 10000, 680, True) == 13
    assert run(proximity, 200, 680, False) == 20  # the next plug


def test_a_resistor_that_vanishes_under_a_plug_is_a_fault_and_no_fixed_cable():
    proximity = Proximity()
    assert run(proximity, 200, 220, True) == 32
    assert run(proximity, 200, 65535, True) == -1
    assert run(proximity, 200, 220, True) == 32
    assert run(proximity, 200, 65535, False) == 0


def test_a_fault_lasts_until_a_window_holds_the_resistor_again():
    proximity = Proximity()
    assert run(proximity, 200, 220, True) == 32
    assert run(proximity, 200, 10, True) == -1
    assert run(proximity, 200, 100, True) == 32
    assert run(proximity, 200, 3000, True) == -1


def test_a_fixed_cable_has_no_resistor():
    proximity = Proximity()
    assert run(proximity, 200, 65535, True) == 0
    assert run(proximity, 200, 10, True) == -1
    assert run(proximity, 200, 65535, True) == 0


def test_a_resistor_that_comes_late_counts():
    proximity = Proximity()
    assert run(proximity, 200, 65535, True) == 0
    assert run(proximity, 200, 220, True) == 32
    assert run(proximity, 200, 65535, True) == -1
