"""Snapshots to look at, and a source of them that a test feeds by hand."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from edge.controller.catalogue import CATALOGUE
from edge.controller.faults import FaultCode
from edge.controller.snapshot import (
    EvseView,
    FaultView,
    PriceLine,
    ReceiptView,
    Screen,
    SiteView,
    Snapshot,
)
from edge.ui.driver_app import DriverApp

PRICE = (PriceLine(dimension="ENERGY", price_incl_vat="4.90"),
         PriceLine(dimension="PARKING_TIME", price_incl_vat="1.00"))
LIVE = {"energy_wh": 23412, "power_w": 10938.0, "cost_incl_vat": "114.7", "duration_s": 7690,
        "token_last4": "4F2A", "offered_a": 16.0, "because": "circuit:row-a"}
RECEIPT = ReceiptView(
    transaction_id="0f3e9a77c1d2", began_utc="2026-05-04T10:24:10Z", ended_utc="2026-05-04T12:32:20Z",
    energy_wh=23412, start_wh=4512338, end_wh=4535750, stop_reason="Local", currency="SEK",
    lines=(("ENERGY", "114.72"), ("FLAT", "5.00"), ("PARKING_TIME", "3.00"), ("VAT 25", "24.54")),
    total_incl_vat="122.72", total_excl_vat="98.18")


def make_fault(code: FaultCode, where: str = "1") -> FaultView:
    kind = CATALOGUE[code]
    return FaultView(code=code, name=kind.name, severity=kind.severity, where=where, since_utc=None)


def make_evse(screen: Screen, evse_id: str = "1", **fields: object) -> EvseView:
    values: dict[str, object] = {"id": evse_id, "label": f"Bay {evse_id}", "state": "Occupied",
                                 "screen": screen, "price": PRICE, **fields}
    if screen is Screen.AVAILABLE:
        values.setdefault("state", "Available")
    return EvseView(**values)  # type: ignore[arg-type]


def make_snapshot(*evses: EvseView, faults: tuple[FaultView, ...] = (), **fields: object) -> Snapshot:
    site = SiteView(id="SE*FCT*E0001", name="Hamngatan garage", time_zone="Europe/Stockholm",
                    languages=("sv", "en"), currency="SEK", phone="+46 10 000 00 00")
    values: dict[str, object] = {"seq": 1, "mono_ns": 0, "utc": "2026-05-04T12:32:00Z",
                                 "clock_ok": True, "site": site, "evses": evses, "faults": faults,
                                 **fields}
    return Snapshot(**values)  # type: ignore[arg-type]


class HandSource:
    """Gives what the test hands in; `None`: contact lost. Remembers what was asked."""

    def __init__(self) -> None:
        self._given: asyncio.Queue[Snapshot | None] = asyncio.Queue()
        self.requests: list[tuple[str, dict[str, object]]] = []
        self.accepts = True

    def give(self, snapshot: Snapshot | None) -> None:
        self._given.put_nowait(snapshot)

    async def snapshots(self) -> AsyncIterator[Snapshot | None]:
        while True:
            yield await self._given.get()

    async def request(self, action: str, args: Mapping[str, object]) -> bool:
        self.requests.append((action, dict(args)))
        return self.accepts


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def shown() -> SimpleNamespace:
    """Makers of snapshots, and values that are large where screens are narrow."""
    return SimpleNamespace(evse=make_evse, snapshot=make_snapshot, fault=make_fault, LIVE=LIVE,
                           RECEIPT=RECEIPT, PRICE=PRICE, now=datetime(2026, 5, 4, 12, 32, tzinfo=UTC))


@pytest.fixture
def source() -> HandSource:
    return HandSource()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_app(source: HandSource, clock: Clock,
             shown: SimpleNamespace) -> Callable[..., DriverApp]:
    """Builds the app on the fixtures `source` and `clock`."""
    def make(**options: object) -> DriverApp:
        return DriverApp(source, monotonic_s=clock, now=lambda: shown.now,
                         **options)  # type: ignore[arg-type]
    return make
