"""The station's flight recorder: what a site's file says of it, and that what it records is exact."""

from pathlib import Path

import pytest
from fake_journal import FakeJournal
from site_texts import EXAMPLE, changed, problems, written

from edge.controller.events import Started, Tick
from edge.controller.state import initial
from edge.recorder import codec
from edge.recorder.pins import FOLDER as PINNED
from edge.recorder.pins import notes_in
from edge.recorder.replay import replay, segment_files
from edge.station.clock import Clock
from edge.station.config import load, to_plan
from edge.station.recording import record
from edge.station.scribe import Scribe
from edge.station.station import Station


def test_the_plan_of_a_site_is_the_same_bytes_after_it_was_read(tmp_path: Path) -> None:
    """An integer where the core has a float would come back as one, and be written otherwise."""
    data = codec.site_bytes(initial(to_plan(load(written(tmp_path, EXAMPLE)))))
    assert codec.site_bytes(codec.site_of(data)) == data


@pytest.mark.parametrize(("was", "line", "said"), [
    ("hours = 6", "hours = 0", "hours from 1 to 72"), ("hours = 6", "hours = 73", "hours from 1 to 72"),
    ("max_mb = 100", "max_mb = 3", "megabytes from 4 on"),
    ("pins = 20", "pins = 1", "incidents from 2 to 1000"),
])
def test_bounds_that_are_none_are_refused(tmp_path: Path, was: str, line: str, said: str) -> None:
    (problem,) = problems(tmp_path, changed((was, line)))
    assert problem.startswith("site.toml: recorder.")
    assert said in problem


async def test_a_station_records_pins_and_ends_with_what_failed(tmp_path: Path) -> None:
    site = load(written(tmp_path, changed(
        ('"/var/lib/forecourt"', f'"{tmp_path}"'), ("disk_low_mb = 500", "disk_low_mb = 2"),
        ("disk_full_mb = 50", "disk_full_mb = 1"))))
    station = Station(to_plan(site), Clock(boot=1, floor_utc=None), Scribe(FakeJournal()))
    recorder = record(site, station, "0123456789abcdef")
    station.hand_in(Started(software="test"))
    station.hand_in(Tick())
    station.pin("it hummed")
    station.fail(ZeroDivisionError("by zero"))
    await recorder.close()
    (told,) = [replay(path) for path in segment_files(recorder.folder)]
    assert (told.steps, told.differs) == (2, None)
    assert {note.words for note in notes_in(recorder.folder / PINNED).values()} == {
        "it hummed", "ZeroDivisionError: by zero"}
