"""A desk whose every step goes to a flight recorder, and its plan as a site's file gives it."""

from pathlib import Path

import msgspec
from core_desk import Desk, plan

from edge.controller.effects import Effect
from edge.controller.events import Stamped
from edge.controller.site import SitePlan
from edge.controller.state import Site
from edge.recorder.recorder import Bounds, Recorder

BOUNDS = Bounds(hours=1, max_mb=100, pins=20)
PLENTY = 10**12


def exact_plan(evses: int = 2, fuse_a: float = 32.0) -> SitePlan:
    """As `config.to_plan` makes it: floats where floats belong."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(plan(evses, fuse_a=fuse_a)), type=SitePlan)


def recorder(folder: Path, bounds: Bounds = BOUNDS, **changes: object) -> Recorder:
    """One with all the room in the world, not started yet."""
    options = {"software": "test", "site_id": "SE*FCT*E0001", "epoch": "0123456789abcdef",
               "free_bytes": lambda: PLENTY, "most_jobs": 100_000, **changes}
    return Recorder(folder, bounds=bounds, **options)  # type: ignore[arg-type]


class RecordedDesk(Desk):
    """A desk with a recorder beside it."""

    def __init__(self, beside: Recorder, site_plan: SitePlan | None = None) -> None:
        self.recorder = beside
        super().__init__(site_plan or exact_plan())

    def took(self, before: Site, stamped: Stamped, effects: tuple[Effect, ...]) -> None:
        """Straight into the recorder."""
        self.recorder.took(before, self.site, stamped, effects)


def charged(desk: Desk, seconds: float = 20.0) -> None:
    """A whole session at bay 1, with a stop in between."""
    desk.charge()
    desk.run(seconds)
    desk.request("session.pause", evse_id="1")
    desk.run(8)
    desk.request("session.resume", evse_id="1")
    desk.run(8)
    desk.rest()
    desk.tap()
    desk.run(10)
    desk.unplug()
    desk.run(2)


def danger(desk: Desk) -> None:
    """A contactor that does not open: F201."""
    desk.charge("2")
    desk.devices["2"].welded = True
    desk.rest("2")
    desk.tap()
    desk.run(5)
