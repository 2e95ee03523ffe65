"""Sessions and tariffs for the billing tests, in the fewest words."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from edge.billing.tariff import Tariff
from edge.controller.idtoken import IdToken
from edge.controller.reading import Reading
from edge.controller.session import Instant, Period, Session, StopReason

MakeSession = Callable[..., Session]
MakeTariff = Callable[..., Tariff]

START_WH = 1_234_567


def instant(began: datetime, after_s: float, *, boot: int = 1, clock_ok: bool = True) -> Instant:
    at = began + timedelta(seconds=after_s)
    return Instant(mono_ns=int((1000 + after_s) * 1e9), boot=boot, clock_ok=clock_ok,
                   utc=at.isoformat(timespec="milliseconds").replace("+00:00", "Z"))


@pytest.fixture
def session() -> MakeSession:
    """`session(began, [(after_s, wh_so_far, "charging" | "idle" | "held")], end_s, wh)`."""

    def make(began: str, periods: Sequence[tuple[float, int, str]], end_s: float, energy_wh: int,
             **fields: Any) -> Session:
        start = datetime.fromisoformat(began).astimezone(UTC)
        values: dict[str, Any] = {
            "transaction_id": "7f3c1a52-0000-4000-8000-000000000001", "evse_id": "1",
            "meter_id": "bay-1",
            "token": IdToken(ref="ab" * 16, last4="C0DE"), "plug_seq": 3, "began": instant(start, 0),
            "start_reading": Reading(meter_id="bay-1", mono_ns=0, energy_import_wh=START_WH),
            "end_reading": Reading(meter_id="bay-1", mono_ns=1, energy_import_wh=START_WH + energy_wh),
            "periods": tuple(
                Period(start=instant(start, after_s), energy_wh=START_WH + wh,
                       charging=kind == "charging", ev_idle=kind == "idle")
                for after_s, wh, kind in periods),
            "ended": instant(start, end_s), "stop_reason": StopReason.LOCAL}
        return Session(**(values | fields))

    return make


@pytest.fixture
def tariff() -> MakeTariff:
    """`tariff(("ENERGY", "4.00", {"end_time": "17:00"}), ("FLAT", "10"), min_price=...)`, VAT 25."""

    def make(*parts: tuple[Any, ...], vat: object = 25, step_size: int = 1, **fields: object) -> Tariff:
        elements = []
        for kind, price, *restrictions in parts:
            component = {"type": kind, "price": price, "vat": vat, "step_size": step_size}
            element: dict[str, object] = {"price_components": [component]}
            if restrictions:
                element["restrictions"] = restrictions[0]
            elements.append(element)
        table = {"country_code": "SE", "party_id": "FCT", "id": "T1", "currency": "SEK",
                 "last_updated": "2026-01-01T00:00:00Z", "elements": elements} | fields
        return msgspec.convert(table, Tariff, strict=False)

    return make
