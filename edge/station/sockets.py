"""The three sockets of a station, and what they and the runner hang on: desk, snapshots, prices."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from edge.controller.request import Origin
from edge.journal.journal import Journal
from edge.link.messages import JOURNAL_GROWN, SNAPSHOT
from edge.link.server import LinkServer
from edge.outlet.board_service import BoardService
from edge.rfid.tokens.lookup import TokenLookup
from edge.station.cards import Cards, make_cards, watch_costs
from edge.station.config_billing import cdr_facts
from edge.station.config_sections import Site
from edge.station.describing import description, site_view
from edge.station.desk import Desk
from edge.station.health import HealthReport
from edge.station.line_desk import LineDesk
from edge.station.meter_driver import MeterDriver
from edge.station.outlet_driver import OutletDriver
from edge.station.pricing import Pricing, read_tariff
from edge.station.runner import Runner
from edge.station.scribe import Scribe
from edge.station.snapshots import Snapshots
from edge.station.station import Station

SNAPSHOT_S = 0.25  # between two pushes, at least


def make_servers(site: Site, station: Station, journal: Journal, scribe: Scribe,
                 outlets: dict[str, OutletDriver], meters: dict[str, MeterDriver],
                 services: dict[str, BoardService], lines: LineDesk,
                 health: HealthReport, tokens: TokenLookup) -> tuple[list[LinkServer], Cards]:
    """What the station needs for its first event, its three sockets, not open yet, and its cards."""
    tariff = read_tariff(Path(site.tariff.file))
    pricing = Pricing(tariff, site.site.time_zone, cdr_facts(site))
    snapshots = Snapshots(site_view(site, pricing.currency), pricing)
    run_dir = Path(site.paths.run)
    servers: dict[Origin, LinkServer] = {}
    cards = make_cards(
        station, tokens, {reader.id: reader.serves for reader in site.readers},
        asks=lambda: desk.asked in servers[Origin.SYNC].peers,
        push=lambda topic, data: servers[Origin.SYNC].push(topic, data))
    desk = Desk(
        cards=cards, journal=journal, hand_in=station.hand_in, outlets=outlets, meters=meters,
        services=services, lines=lines,
        snapshot=lambda: snapshots.take(station.site, station.clock.header()),
        description=description(site, journal.epoch), health=health,
        pin=lambda words: station.pin(words))
    groups = site.paths.socket_groups
    servers |= {origin: LinkServer(run_dir, origin, desk.handle, group=getattr(groups, origin))
                for origin in Origin}
    health.servers = list(servers.values())

    def grown(_streams: dict[str, int]) -> None:
        """All heads: of one topic a client hears only the latest push."""
        heads = {stream.value: head.seq for stream, head in journal.heads().items()}
        servers[Origin.SYNC].push(JOURNAL_GROWN, heads)

    journal.on_grown = grown

    def push() -> None:
        for origin in (Origin.UI, Origin.SERVICE):
            if servers[origin].clients:
                now = station.clock.header()
                servers[origin].push(SNAPSHOT, snapshots.take(station.site, now))

    station.changed = _throttled(push)
    runner = Runner(scribe=scribe, outlets=outlets, meters=meters, hand_in=station.hand_in,
                    price=pricing.price, answer=desk.answered, spawn=station.spawn, cards=cards)
    station.run_effects, station.grant_no_more = runner.run, runner.end
    for server in servers.values():
        server.on_failed = station.fail
    station.spawn(watch_costs(lambda: station.site, station.clock.header, pricing.cost_so_far,
                              station.hand_in))
    return list(servers.values()), cards


def _throttled(push: Callable[[], None]) -> Callable[[], None]:
    """At most four a second, and the last state always gets out."""
    loop = asyncio.get_running_loop()
    waiting: list[asyncio.TimerHandle] = []

    def now() -> None:
        waiting.clear()
        push()

    def later() -> None:
        if not waiting:
            waiting.append(loop.call_later(SNAPSHOT_S, now))

    return later
