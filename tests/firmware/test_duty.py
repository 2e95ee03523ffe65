# Current and duty: SAE J1772's two formulas as OpenEVSE J1772Pilot.cpp has them, and their ends.
import duty

# A, %: the check values that several open firmwares share (OpenEVSE, esp32-evse, SmartEVSE)
CHECK = ((6, 10.0), (16, 26.7), (32, 53.3), (51, 85.0), (63, 89.2), (80, 96.0))


def test_duty_has_the_check_values_of_the_standard():
    for current_a, percent in CHECK:
        told = duty.duty_permyriad(current_a * 10) / 100
        assert abs(told - percent) < 0.05, (current_a, told)


def test_below_6_a_is_x1_and_above_80_a_is_80_a():
    for current_da, permyriad in ((-1, 10000), (0, 10000), (59, 10000), (60, 1000), (510, 8500),
                                  (511, 8500), (525, 8500), (526, 8504), (799, 9596), (800, 9600),
                                  (801, 9600), (65535, 9600)):
        assert duty.duty_permyriad(current_da) == permyriad, current_da


def test_a_car_never_reads_more_than_was_meant_and_little_less():
    for current_da in range(60, 801):
        read_da = duty.car_da(duty.duty_permyriad(current_da))
        # 51.0 to 52.5 A lie between the two formulas: there a car reads 51 A
        slack_da = 15 if 510 < current_da <= 525 else 1
        assert current_da - slack_da <= read_da <= current_da, current_da


def test_a_rounded_duty_is_at_most_a_hundredth_of_a_percent_less():
    for current_da in range(60, 511):
        exact = current_da * 1000 / 60
        assert 0 <= exact - duty.duty_permyriad(current_da) < 1, current_da


def test_more_current_never_has_less_duty():
    last = 0
    for current_da in range(60, 900):
        now = duty.duty_permyriad(current_da)
        assert last <= now <= 9600, current_da
        last = now


def test_a_car_reads_a_duty_by_the_tables():
    # ends: openev.freshdesk; 8..10 % = 6 A from memory of IEC 61851-1
    for permyriad, current_da in ((0, 0), (500, 0), (800, 0), (801, 60), (999, 60), (1000, 60),
                                  (2667, 160), (5333, 319), (8500, 510), (8501, 525), (8920, 630),
                                  (9600, 800), (9650, 800), (9651, 0), (10000, 0)):
        assert duty.car_da(permyriad) == current_da, permyriad
