"""The registers of virtual meters beside the figures that the models were made from."""

import csv
import struct
from decimal import Decimal
from pathlib import Path

import pytest
from every_meter import every_model, step

from hil_tests.virtual.meter import VirtualMeter

FIGURES = Path(__file__).parents[3] / "shared" / "data"


def rows(name):
    path = FIGURES / name
    if not path.exists():
        pytest.skip(f"{path} is not there: the models are not compared with the figures")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


FORMATS = {"uint16": ">H", "int16": ">h", "uint32": ">I", "int32": ">i", "uint64": ">Q", "int64": ">q",
           "float32": ">f", "float64": ">d", "acc32": ">I"}
SPLIT = ("energy_import_int", "energy_import_dec", "energy_export_int", "energy_export_dec")


class Figures:
    """The words that devices show where the figures say, read by the figures' type, order and scale."""

    def __init__(self):
        self.meters = {meter.map.name: meter for meter in every_model()}
        self.wrong, self.checked = [], 0

    def check(self, row, address, type_, factor):
        """`factor`: of the raw number, to the unit that the model shows the quantity in."""
        meter = self.meters.get(row["model"])
        spots = () if meter is None else [
            spot for spot in meter.map.spots if spot.quantity == row["quantity"]]
        if not spots:
            self.wrong.append((row["model"], row["quantity"], "not there"))
            return
        put = 1234 * step(meter, spots[0])
        meter.put({row["quantity"]: put})
        raw = self.raw(meter, int(row["function"]), address, type_, row["word_order"] == "little")
        if raw is None or raw * factor(meter) != put:
            self.wrong.append((row["model"], row["quantity"], raw, put))
        self.checked += 1

    def raw(self, meter, function, address, type_, little):
        size = 2 if type_ in ("T5", "T6") else struct.calcsize(FORMATS[type_]) // 2
        answer = meter.respond(struct.pack(">BHH", function, address, size))
        if answer[0] & 0x80:
            return None
        words = [answer[at:at + 2] for at in range(2, len(answer), 2)]
        data = b"".join(reversed(words) if little else words)
        if type_ in ("T5", "T6"):
            decade = int.from_bytes(data[:1], "big", signed=True)
            return Decimal(int.from_bytes(data[1:], "big", signed=type_ == "T6")).scaleb(decade)
        return Decimal(struct.unpack(FORMATS[type_], data)[0])

    def exponent(self, meter, function, address):
        """In a scale register."""
        return Decimal(10) ** int(self.raw(meter, function, address, "int16", little=False))


def test_a_device_shows_its_values_where_the_figures_say():
    figures = Figures()
    for row in rows("meters.csv"):
        truth = {key: row[f"truth_{key}"] if row["status"] == "mbmd_wrong" and row[f"truth_{key}"]
                 else row[key] for key in ("address", "type", "scale")}
        figures.check(row, int(truth["address"]), truth["type"],
                      lambda _, scale=truth["scale"]: Decimal(scale))
    assert figures.wrong == []
    assert figures.checked == 786


def test_so_it_does_in_the_formats_of_the_extra_figures():
    figures, em340 = Figures(), VirtualMeter(1, "carlo-gavazzi-em340")
    em340.put({"energy_import_fine": Decimal("12345.678"), "energy_export_fine": Decimal("70000.009")})
    parts = []
    for row in rows("meters_extra.csv"):
        address, (_, _, register) = int(row["address"]), row["scale"].partition("10^reg")
        if row["quantity"] in SPLIT:
            parts.append(figures.raw(em340, 4, address, "int32", little=True))
        elif register:  # Wh there, kWh here
            figures.check(row, address, row["type"], lambda meter, at=int(register):
                          figures.exponent(meter, 4, at) / 1000)
        else:
            scale = Decimal(1) if row["type"] in ("T5", "T6") else Decimal(row["scale"])
            figures.check(row, address, row["type"], lambda _, scale=scale: scale)
    assert figures.wrong == []
    assert parts == [12345, 678, 70000, 9]
    assert figures.checked == 18


def test_so_it_does_in_the_points_of_the_sunspec_models():
    figures, at = Figures(), 40070
    for row in rows("meters_sunspec.csv"):
        to_unit = {"Wh": Decimal("0.001"), "Pct": Decimal("0.01")}.get(row["unit"], Decimal(1))
        exponent_at = row["sf_offset"]
        figures.check(row, at + int(row["offset_from_model_id"]), row["type"],
                      lambda meter, to_unit=to_unit, exponent_at=exponent_at: to_unit * (
                          figures.exponent(meter, 3, at + int(exponent_at)) if exponent_at else 1))
    assert figures.wrong == []
    assert figures.checked == 297
