"""Phrases of the driver's pages: prices, reasons, notes, receipts. Pure; at most 48 columns a row."""

import textwrap
from datetime import datetime

from edge.controller.catalogue import CATALOGUE
from edge.controller.faults import FaultCode, Severity, Stops
from edge.controller.snapshot import (
    EvseView,
    FaultView,
    PriceLine,
    ReceiptView,
    Screen,
    SiteView,
    Snapshot,
)
from edge.ui.format import Formatter, parse_utc
from edge.ui.screen_model import TEXT_COLUMNS, Line, Style
from edge.ui.texts import FALLBACK, Texts

SEPARATOR = " · "
_NO_BREAK = "\xa0"
_UNLIMITED = frozenset({"", "evse", "none"})  # the outlet's own rating is no restriction
_BEFORE_START = frozenset({Screen.AVAILABLE, Screen.PLUG_IN, Screen.TAP_CARD})
_RANK = {Severity.DANGER: 0, Severity.FAILURE: 1, Severity.NOTICE: 2}
_GO_ON = frozenset({Stops.DERATE, Stops.NOTHING})
_METERED = "ENERGY"
_SPANS = 2  # of registers that a receipt has room for
_BY_FAULT = frozenset({"EmergencyStop", "GroundFault", "OvercurrentFault", "PowerLoss", "PowerQuality",
                       "Other"})
_LARGE_PLACES = 6  # "114,70" is 42 columns of block digits
_BY_LIMIT = frozenset({"EnergyLimitReached", "TimeLimitReached", "SOCLimitReached"})
_FOR_TECHNICIANS = frozenset({FaultCode.CONTACTOR_WORN, FaultCode.FOUND_CLOSED, FaultCode.BOARD_MEMORY})
_SITE_NOTICES = {  # most urgent first
    FaultCode.JOURNAL_FULL: "notice.journal",
    FaultCode.JOURNAL_STALLED: "notice.journal",
    FaultCode.READER_LOST: "notice.reader",
    FaultCode.CARDS_DAMAGED: "notice.cards",
    FaultCode.CLOUD_OFFLINE: "notice.offline",
}


def wrapped(text: str, style: Style = Style.PLAIN, columns: int = TEXT_COLUMNS) -> tuple[Line, ...]:
    """A sentence as rows of at most `columns`; `unbroken` parts of it stay in one row."""
    return tuple(Line(text=row.replace(_NO_BREAK, " "), style=style)
                 for row in textwrap.wrap(text, columns))


def unbroken(text: str) -> str:
    """A number or a label that must not be torn apart at the end of a row."""
    return text.replace(" ", _NO_BREAK)


def packed(parts: list[str], columns: int = TEXT_COLUMNS) -> tuple[str, ...]:
    """Joins short parts with a dot into as few rows as hold them, in their order."""
    rows: list[str] = []
    for part in parts:
        if rows and len(rows[-1]) + len(SEPARATOR) + len(part) <= columns:
            rows[-1] += SEPARATOR + part
        else:
            rows.append(part)
    return tuple(rows)


class Wording:
    """The words of one site in one language."""

    def __init__(self, site: SiteView, language: str) -> None:
        self.site = site
        self.texts = Texts(language)
        self.format = Formatter(self.texts.language, site.currency, site.time_zone)

    # prices

    def prices(self, price: tuple[PriceLine, ...], *, energy: bool = True) -> tuple[Line, ...]:
        """Price rows in the order given (kWh, minute, session), "no start fee" said in words.

        `energy=False` leaves out the first price per kWh, for pages that show it large.
        """
        if not price:
            return wrapped(self.texts.text("price.unknown"), Style.PRICE)
        shown = list(price)
        if not energy and self.large_price(price) is not None:
            shown.remove(next(p for p in price if p.dimension == _METERED))
        parts = [self._price(p) for p in shown]
        if all(p.dimension != "FLAT" for p in price):
            parts.append(self.texts.text("price.no_flat"))
        return tuple(Line(text=row, style=Style.PRICE) for row in packed(parts))

    def large_price(self, price: tuple[PriceLine, ...]) -> str | None:
        """The price per kWh for block digits, if there is exactly one ("4,90")."""
        energy = [p for p in price if p.dimension == _METERED]
        if len(energy) != 1 or energy[0].note:
            return None
        amount = self.format.unit_price(energy[0].price_incl_vat)
        digits = "".join(c for c in amount if c in "0123456789,.-").strip(".")
        return digits if len(digits) <= _LARGE_PLACES else None

    def price_unit(self) -> str:
        """The unit below the large price: "kr per kWh, inkl. moms"."""
        sign = "".join(c for c in self.format.money("0") if c not in "0123456789,.").strip()
        return self.texts.text("unit.price_kwh", currency=sign)

    def _price(self, price: PriceLine) -> str:
        amount = self.format.unit_price(price.price_incl_vat)
        line = self.texts.text(f"price.{price.dimension}", amount=amount)
        return self.texts.text("price.note", line=line, note=price.note) if price.note else line

    # reasons and notes

    def limit(self, evse: EvseView) -> str:
        """Why the current is limited, or "" when nothing but the outlet itself limits it."""
        cause = evse.because.partition(":")[0]
        if cause in _UNLIMITED or evse.offered_a <= 0:
            return ""
        return self.texts.first(f"because.{cause}", "because.other",
                                ampere=self.format.ampere(evse.offered_a))

    def pause(self, evse: EvseView) -> str:
        """Why a running session gets no power now."""
        if evse.charging_state == "SuspendedEV" and not held(evse):
            return self.texts.text("paused.ev")
        fault = worst(evse.faults)
        if fault is not None and CATALOGUE[fault.code].stops not in _GO_ON:
            return self.texts.first(f"paused.{fault.code.value}", "paused.fault")
        return self.texts.first(f"paused.{evse.because.partition(':')[0]}", "paused.other")

    def notice(self, snapshot: Snapshot, evse: EvseView) -> str:
        """The passing note of an EVSE, or else what stands against a start; "" for nothing."""
        passing = self.passing(evse)
        if passing:
            return passing
        fault = worst(tuple(f for f in evse.faults if f.code not in _FOR_TECHNICIANS))
        if fault is not None and evse.screen is not Screen.FAULT:
            return self.what_happened(fault)
        return self.site_notice(snapshot) if evse.screen in _BEFORE_START else ""

    def passing(self, evse: EvseView) -> str:
        """The controller's passing note, "" for none or for one that this screen does not know."""
        key = f"notice.{evse.message}"
        return self.texts.text(key) if evse.message and self.texts.has(key) else ""

    @staticmethod
    def explains(message: str) -> bool:
        """Whether there is more to say about a refused card than its passing note."""
        return Texts(FALLBACK).has(f"refused.{message}")

    def site_notice(self, snapshot: Snapshot) -> str:
        """What people should know before they start: reader, journal or cloud out of order."""
        standing = {fault.code for fault in snapshot.faults}
        key = next((key for code, key in _SITE_NOTICES.items() if code in standing), None)
        return "" if key is None else self.texts.text(key, phone=self.site.phone)

    # faults

    def what_happened(self, fault: FaultView) -> str:
        """The first of a fault's three texts, one row."""
        return self.texts.text(f"fault.{fault.code.value}")

    def fault_lines(self, evse: EvseView) -> tuple[Line, ...]:
        """What happened, what to do, whom to call; the worst fault only (one action a page)."""
        fault, phone = worst(evse.faults), unbroken(self.site.phone)
        if fault is None:
            what, do = self.texts.text("fault.other"), self.texts.text("fault.other.do")
            call = self.texts.text("body.call", phone=phone)
        else:
            what, do, call = self.texts.fault(fault.code, phone=phone, bay=unbroken(evse.label),
                                              danger=fault.severity is Severity.DANGER)
        gap = (Line(text=""),)
        return (*wrapped(what, Style.STRONG), *gap, *wrapped(do), *gap, *wrapped(call, Style.PRICE))

    # receipts

    def receipt(self, receipt: ReceiptView) -> tuple[Line, ...]:
        """Times, energy, the parts of the price, total, VAT, register values and the id."""
        text = self.texts.text
        rows = [Line(text=text("receipt.energy", kwh=self.format.exact_kwh(receipt.energy_wh)),
                     right=self._amount(receipt, _METERED))]
        rows += [Line(text=self.texts.text(f"receipt.{name}"), right=self.format.money(amount))
                 for name, amount in receipt.lines
                 if name != _METERED and self.texts.has(f"receipt.{name}")]
        rows += self._total(receipt)
        rows += self._registers(receipt)
        if receipt.stop_reason in _BY_FAULT:
            rows.append(Line(text=text("receipt.cut")))
        elif receipt.stop_reason in _BY_LIMIT:
            rows.append(Line(text=text("receipt.limit")))
        rows.append(Line(style=Style.DIM, text=self._times(receipt),
                         right=text("receipt.id", id=receipt.transaction_id[-8:])))
        return tuple(rows)

    def _registers(self, receipt: ReceiptView) -> list[Line]:
        """Where the register stood; of a meter that was exchanged or reset, for each part."""
        if receipt.start_wh is None or receipt.end_wh is None:
            return []
        text, kwh = self.texts.text, self.format.exact_kwh
        spans = receipt.spans or ((receipt.start_wh, receipt.end_wh),)
        if len(spans) > _SPANS:
            marked = receipt.start_estimated or receipt.end_estimated
            row = text("receipt.anew") + (text("receipt.estimated") if marked else "")
            return [Line(style=Style.DIM, text=row)]
        rows = [text("receipt.new_meter" if n else "receipt.meter", start=kwh(start), end=kwh(end))
                for n, (start, end) in enumerate(spans)]
        for n, estimated in ((0, receipt.start_estimated), (-1, receipt.end_estimated)):
            if estimated and not rows[n].endswith(text("receipt.estimated")):
                rows[n] += text("receipt.estimated")
        return [Line(style=Style.DIM, text=row) for row in rows]

    def _amount(self, receipt: ReceiptView, name: str) -> str:
        amount = next((amount for line, amount in receipt.lines if line == name), None)
        return "" if amount is None else self.format.money(amount)

    def _total(self, receipt: ReceiptView) -> list[Line]:
        if receipt.total_incl_vat is None:
            return [Line(text=self.texts.text("receipt.pending"), style=Style.STRONG)]
        rows = [Line(text=self.texts.text("receipt.total"), style=Style.STRONG,
                     right=self.format.money(receipt.total_incl_vat))]
        for name, amount in receipt.lines:
            if name.startswith("VAT"):
                rate = name.removeprefix("VAT").strip()
                words = (self.texts.text("receipt.VAT", percent=self.format.percent(rate)) if rate
                         else self.texts.text("receipt.vat"))
                rows.append(Line(text=words, right=self.format.money(amount)))
        return rows

    def _times(self, receipt: ReceiptView) -> str:
        began, ended = parse_utc(receipt.began_utc), parse_utc(receipt.ended_utc)
        if began is None or ended is None:
            return ""  # the clock was not known then: no time is better than a wrong one
        return self.texts.text("receipt.time", start=self.format.clock(began),
                               end=self.format.clock(ended), duration=self.span(began, ended))

    def span(self, began: datetime, ended: datetime) -> str:
        """The duration between two moments in words."""
        return self.format.duration(int((ended - began).total_seconds()))


def held(evse: EvseView) -> bool:
    """Whether it is the site, and not the car, that a session waits for."""
    return evse.offered_a <= 0 and evse.because.partition(":")[0] not in _UNLIMITED


def worst(faults: tuple[FaultView, ...]) -> FaultView | None:
    """The fault that a driver should read about: what stops before what does not, then the most
    severe, then the oldest.
    """
    return min(faults, key=lambda f: (CATALOGUE[f.code].stops in _GO_ON, _RANK[f.severity]),
               default=None)
