"""One of our own sessions, priced: the one path for the running cost, the receipt and the CDR."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from edge.billing.money import half_up, minor_digits
from edge.billing.price import Bill, Pricer, Usage
from edge.billing.tariff import Tariff
from edge.billing.timeline import Now, metered_wh, points, usages
from edge.controller.session import Session
from edge.controller.struct import Value


class Priced(Value):
    """A session with its bill. `usages` are the charging periods of its CDR."""

    session: Session
    tariff: Tariff
    began: datetime
    ended: datetime
    energy_wh: int
    usages: tuple[Usage, ...]
    bill: Bill

    @property
    def total_excl_vat(self) -> Decimal:
        """Rounded once, half up, to the currency's smallest unit."""
        return half_up(self.bill.excl_vat, minor_digits(self.bill.currency))

    @property
    def total_incl_vat(self) -> Decimal:
        """What the driver pays."""
        return half_up(self.bill.incl_vat, minor_digits(self.bill.currency))


class SessionPricer:
    """A tariff at a site, ready to price sessions. Keep one per tariff: parsing is done once."""

    def __init__(self, tariff: Tariff, time_zone: str) -> None:
        self.tariff = tariff
        self._pricer = Pricer((tariff,), ZoneInfo(time_zone))

    def price(self, session: Session, now: Now | None = None) -> Priced:
        """Price a finished session; with `now` a running one as if it ended now.

        A session without one metered Wh costs nothing, whatever the tariff says of fixed prices,
        parking or a minimum.
        """
        corners = points(session, now)
        used = usages(corners, self._pricer.default)
        energy_wh = metered_wh(session, now)
        bill = Bill(currency=self.tariff.currency)
        if energy_wh:
            bill = self._pricer.price(used, corners[0].at)
        return Priced(session=session, tariff=self.tariff, began=corners[0].at, ended=corners[-1].at,
                      energy_wh=energy_wh, usages=tuple(used), bill=bill)
