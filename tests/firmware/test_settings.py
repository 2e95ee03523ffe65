# Settings and calibration: the next number, every value in range, and then all of the block or nothing.
from answers import BAD_VALUE, OK, REFUSED
from settings import Calibration, Settings

GOOD = (1, 160, 30, 3000, 1, 500, 200)
# index in the block, name, values that are right (both ends), values just outside
SETTINGS = (
    (1, "failsafe_da", (60, 800, 0), (1, 59, 801, 0xFFFF)),
    (2, "hold_s", (0, 600), (601, 0xFFFF)),
    (3, "grant_ttl_ms", (100, 10000), (0, 99, 10001, 0xFFFF)),
    (5, "fault_f_ms", (300, 10000, 0), (1, 299, 10001, 0xFFFF)),
    (6, "weld_suspect_ms", (30, 900), (0, 29, 901, 0xFFFF)),
)
TUNED = (1, 0xFFF6, 10100, 9900, 5)
# index in the block, name, words of the smallest and the greatest, what they mean, words just outside
CALIBRATION = (
    (1, "cp_offset_mv", 0xFC18, 1000, -1000, 1000, (0xFC17, 1001, 0x8000)),
    (2, "cp_gain_permyriad", 9000, 11000, 9000, 11000, (8999, 11001, 0, 0xFFFF)),
    (3, "pp_gain_permyriad", 9000, 11000, 9000, 11000, (8999, 11001, 0, 0xFFFF)),
    (4, "temperature_offset_dc", 0xFF9C, 100, -100, 100, (0xFF9B, 101, 0x8000)),
)


def with_value(words, index, value):
    changed = list(words)
    changed[index] = value
    return changed


def picture(thing):
    names = [row[1] for row in (CALIBRATION if isinstance(thing, Calibration) else SETTINGS)]
    if isinstance(thing, Settings):
        names.append("ventilation")
    return [thing.seq] + [getattr(thing, name) for name in names]


def test_the_defaults_are_the_safe_values():
    settings = Settings()
    assert settings.failsafe_da == 0  # a lost heartbeat ends the offer
    assert settings.hold_s == 60
    assert settings.grant_ttl_ms == 5000  # EVerest evSerial.cpp
    assert settings.ventilation is False
    assert settings.fault_f_ms == 300  # EVerest state_F_after_fault_ms
    assert settings.weld_suspect_ms == 250
    assert picture(Calibration()) == [0, 0, 10000, 10000, 0]


def test_a_whole_block_is_taken():
    settings = Settings()
    assert settings.write(GOOD) == OK
    assert picture(settings) == [1, 160, 30, 3000, 500, 200, True]
    calibration = Calibration()
    assert calibration.write(TUNED) == OK
    assert picture(calibration) == [1, -10, 10100, 9900, 5]


def test_each_setting_has_its_range():
    for index, name, right, outside in SETTINGS:
        for value in right:
            settings = Settings()
            assert settings.write(with_value(GOOD, index, value)) == OK, (name, value)
            assert getattr(settings, name) == value, name
        for value in outside:
            settings = Settings()
            before = picture(settings)
            assert settings.write(with_value(GOOD, index, value)) == BAD_VALUE, (name, value)
            assert picture(settings) == before, name


def test_ventilation_is_yes_or_no():
    for value, answer in ((0, OK), (1, OK), (2, BAD_VALUE), (0xFFFF, BAD_VALUE)):
        settings = Settings()
        assert settings.write(with_value(GOOD, 4, value)) == answer, value
        assert settings.ventilation is (value == 1)


def test_each_calibration_has_its_range():
    for index, name, low_word, high_word, low, high, outside in CALIBRATION:
        for word, value in ((low_word, low), (high_word, high)):
            calibration = Calibration()
            assert calibration.write(with_value(TUNED, index, word)) == OK, (name, value)
            assert getattr(calibration, name) == value, name
        for word in outside:
            calibration = Calibration()
            before = picture(calibration)
            assert calibration.write(with_value(TUNED, index, word)) == BAD_VALUE, (name, word)
            assert not calibration.restore(with_value(TUNED, index, word)), (name, word)
            assert picture(calibration) == before, name


def test_only_the_next_number_is_taken():
    for thing, words in ((Settings(), GOOD), (Calibration(), TUNED)):
        for last, number, answer in (
            (0, 0, REFUSED), (0, 2, REFUSED), (0, 0xFFFF, REFUSED), (0, 1, OK), (1, 1, REFUSED),
            (7, 8, OK),
            (0xFFFE, 0xFFFF, OK), (0xFFFF, 0, OK), (0xFFFF, 0xFFFF, REFUSED), (0xFFFF, 1, REFUSED),
        ):
            thing.seq = last
            before = picture(thing)
            assert thing.write(with_value(words, 0, number)) == answer, (last, number)
            if answer == OK:
                assert thing.seq == number
            else:
                assert picture(thing) == before


def test_a_calibration_shows_itself_as_it_was_written():
    calibration = Calibration()
    calibration.write(TUNED)
    words = [9] * 7
    calibration.show(words, 1)
    assert tuple(words[1:6]) == TUNED
    assert words[0] == words[6] == 9
    again = Calibration()
    assert again.restore(words[1:6])
    assert picture(again) == picture(calibration)


def test_checking_takes_nothing():
    calibration = Calibration()
    assert calibration.check(TUNED) == OK
    assert picture(calibration) == picture(Calibration())
