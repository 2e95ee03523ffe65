"""Temperatures as the kernel writes them, and everything that is none."""

import pytest

from edge.controller.trouble import BadAnswer, LineDown
from edge.outlet.temperature import parse, read_celsius

W1 = ("72 01 4b 46 7f ff 0e 10 57 : crc=57 %s\n"
      "72 01 4b 46 7f ff 0e 10 57 t=%s\n")


@pytest.mark.parametrize(("text", "celsius"), [
    ("23125\n", 23.125), ("-5000\n", -5.0), ("0", 0.0), ("85000\n", 85.0), ("150000", 150.0),
    (W1 % ("YES", "23125"), 23.125), (W1 % ("YES", "-1250"), -1.25), (W1 % ("YES", "84937"), 84.937)])
def test_reads_what_the_kernel_writes(text, celsius, tmp_path):
    (tmp_path / "t").write_text(text)
    assert read_celsius(tmp_path / "t") == celsius


@pytest.mark.parametrize("text", [
    "", "\n", "warm", "23.5", "23125 C", "1e4", "nan", "٢٣١٢٥", "23125\n23125\n", "99999999", "-55001",
    "150001", "--5", W1 % ("NO", "23125"), W1 % ("YES", ""), W1 % ("YES", "nan"), W1 % ("YES", "85000"),
    W1 % ("YES", "200000"), (W1 % ("YES", "23125")).splitlines()[0], "\x00" * 5000])
def test_refuses_what_is_no_temperature(text, tmp_path):
    with pytest.raises(BadAnswer, match="unusable temperature at here: got"):
        parse(text, "here")


def test_a_sensor_that_is_gone_is_a_device_error(tmp_path):
    with pytest.raises(LineDown, match="No such file"):
        read_celsius(tmp_path / "none")
    with pytest.raises(LineDown, match="directory"):
        read_celsius(tmp_path)


def test_a_file_without_end_is_not_read_to_its_end():
    from pathlib import Path

    with pytest.raises(BadAnswer):
        read_celsius(Path("/dev/zero"))
