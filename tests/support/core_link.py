"""A technician's command at the real core in virtual time: what stands between the two is left out."""

from core_desk import Desk

from edge.controller.events import Header
from edge.controller.session import Session
from edge.controller.snapshot import PriceLine, SiteView, Snapshot
from edge.link.errors import LinkRefused
from edge.station.snapshots import Snapshots

VIEW = SiteView(id="SE*FCT*E0001", name="Garage", time_zone="Europe/Stockholm", languages=("sv",),
                currency="SEK", phone="+46 10 000 00 00")


class NoPrices:
    def cost_so_far(self, session: Session, at: Header) -> str | None:
        del session, at
        return None

    def lines(self, at: Header) -> tuple[PriceLine, ...]:
        del at
        return ()


class CoreLink:
    """`asked`: every request in order. Time passes only where the command waits."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.asked: list[tuple[str, dict[str, object]]] = []
        self._snapshots = Snapshots(VIEW, NoPrices())

    def now(self) -> Snapshot:
        at = Header(mono_ns=self.desk.now_ns, boot=1, fresh_id="x", utc=None, clock_ok=False)
        return self._snapshots.take(self.desk.site, at)

    async def look(self) -> Snapshot:
        return self.now()

    async def ask(self, action: str, **args: object) -> None:
        self.asked.append((action, args))
        refusal = self.desk.request(action, **args)
        if refusal is not None:
            raise LinkRefused(refusal)

    async def pause(self, seconds: float) -> None:
        self.desk.run(seconds)
