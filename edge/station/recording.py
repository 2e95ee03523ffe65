"""The station's flight recorder, as its site file bounds it."""

from functools import partial
from pathlib import Path

from edge.recorder.pins import Cause
from edge.recorder.recorder import Bounds, Recorder
from edge.station.config import MB
from edge.station.config_sections import Site
from edge.station.disk_watch import room
from edge.station.station import Station


def record(site: Site, station: Station, epoch: str) -> Recorder:
    """Record every step from now on. `epoch`: of the journal. The caller closes it, last of all."""
    plan, bounds, limit_mb = station.site.plan, site.recorder, site.paths.state_limit_mb
    look = partial(room, Path(site.paths.state), None if limit_mb is None else limit_mb * MB)
    recorder = Recorder(
        Path(site.paths.state), software=plan.software, site_id=plan.id, epoch=epoch,
        bounds=Bounds(hours=bounds.hours, max_mb=bounds.max_mb, pins=bounds.pins),
        free_bytes=lambda: look().free, low_bytes=plan.disk_low_bytes, full_bytes=plan.disk_full_bytes)
    station.recorded, station.failing = recorder.took, recorder.failed
    station.pin = lambda words: recorder.pin(Cause(kind="request", where="technician", words=words))
    recorder.start()
    return recorder
