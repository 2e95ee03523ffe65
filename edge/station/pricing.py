"""Billing as the station uses it: price a finished session, say what a running one costs so far."""

from datetime import datetime
from pathlib import Path

from edge.billing.cdr import CdrFacts, cdr
from edge.billing.display import price_lines
from edge.billing.receipt import lines
from edge.billing.running import cost_incl_vat
from edge.billing.sessions import SessionPricer
from edge.billing.tariff import Tariff, decode
from edge.controller.events import Header, SessionPriced
from edge.controller.session import Instant, Session
from edge.controller.snapshot import PriceLine

_LINES_FOR_NS = 60 * 1_000_000_000


def read_tariff(path: Path) -> Tariff:
    """The tariff that `forecourt check` has passed."""
    return decode(path.read_bytes())


def read_tariff_text(path: Path) -> str:
    """The same as it is kept with each session."""
    return path.read_text(encoding="utf-8")


class Pricing:
    """One tariff at one site. Pure but for the memory of the last price lines."""

    def __init__(self, tariff: Tariff, time_zone: str, facts: CdrFacts) -> None:
        self.currency = tariff.currency
        self._tariff, self._time_zone, self._facts = tariff, time_zone, facts
        self._pricer = SessionPricer(tariff, time_zone)
        self._earlier: dict[str, SessionPricer] = {}  # of sessions that began under another tariff
        self._lines: tuple[PriceLine, ...] = ()
        self._lines_ns: int | None = None

    def price(self, evse_id: str, session: Session) -> SessionPriced:
        """The bill of a finished session, as a CDR and as receipt lines."""
        priced = self._pricer_of(session).price(session)
        return SessionPriced(
            evse_id=evse_id, transaction_id=session.transaction_id, account=session.account,
            currency=priced.tariff.currency,
            cdr=cdr(priced, self._facts), receipt=lines(priced),
            total_incl_vat=f"{priced.total_incl_vat:f}", total_excl_vat=f"{priced.total_excl_vat:f}")

    def cost_so_far(self, session: Session, at: Header) -> str | None:
        """With VAT, as a decimal text; None while the clock is not known."""
        if at.utc is None or session.began.utc is None:
            return None
        now = Instant(mono_ns=at.mono_ns, boot=at.boot, utc=at.utc, clock_ok=at.clock_ok)
        return f"{cost_incl_vat(self._pricer_of(session), session, now, None):f}"

    def _pricer_of(self, session: Session) -> SessionPricer:
        """The tariff valid at the start governs the session (OCPI mod_tariffs), restarts or not."""
        if not session.tariff:
            return self._pricer
        if session.tariff not in self._earlier:
            tariff = decode(session.tariff.encode())
            self._earlier[session.tariff] = (
                self._pricer if tariff == self._tariff else SessionPricer(tariff, self._time_zone))
        return self._earlier[session.tariff]

    def lines(self, at: Header) -> tuple[PriceLine, ...]:
        """What a session that starts now would pay; looked up once a minute."""
        stale = self._lines_ns is None or at.mono_ns - self._lines_ns > _LINES_FOR_NS
        if at.utc is not None and stale:
            moment = datetime.fromisoformat(at.utc)
            self._lines, self._lines_ns = price_lines(self._tariff, moment, self._time_zone), at.mono_ns
        return self._lines
