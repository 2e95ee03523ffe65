"""The table of `forecourt meter watch` on terminals of several widths."""

from edge.commissioning.watch_command import Row, Turn, table
from edge.meter.catalogue import slugs

VALUES = {"voltage_l1": {"value": 230.04, "unit": "V"}, "current_l1": {"value": 131.96, "unit": "A"},
          "power": {"value": -10345.0, "unit": "W"},
          "energy_import": {"value": 123456.7894, "unit": "kWh"}}
TROUBLE = "no answer: got nothing in 600 ms, expected 77 bytes, " * 3
ROWS = tuple(Row(unit=unit, model=slug, values=VALUES, age_s=None if unit % 2 else 0.14,
                 error=TROUBLE if unit == 203 else None) for unit, slug in enumerate(slugs(), 200))
TURN = Turn(at_s=1.0, meters=ROWS, requests_per_s=9.1, line=None)


def test_every_model_fits_any_terminal_with_the_same_values():
    for columns, volts, amperes in ((80, " 230 ", " 132.0 "), (109, " 230.0 ", " 131.96 ")):
        lines = table(TURN, "/dev/serial/by-id/usb-FTDI_FT232R_A50285BI-if00-port0 9600 8N1", columns)
        assert max(map(len, lines)) <= columns
        sdm630 = next(line for line in lines if "sdm630" in line)
        assert volts in sdm630 and amperes in sdm630
        assert " -10345 " in sdm630 and " 123456.789 " in sdm630
        assert ("CRC" in lines[0]) is (columns == 109) and "lost" in lines[0]
