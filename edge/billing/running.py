"""What a running session has cost so far, for the screen."""

from decimal import Decimal

from edge.billing.sessions import SessionPricer
from edge.billing.timeline import Now
from edge.controller.session import Instant, Session


def cost_incl_vat(pricer: SessionPricer, session: Session, at: Instant,
                  register_wh: int | None) -> Decimal:
    """The total with VAT if the session ended `at` with this register value: never a surprise later.

    `register_wh` None: the last value that the session knows. Some 0.1 to 0.3 ms a call.
    """
    return pricer.price(session, Now(at=at, energy_wh=register_wh)).total_incl_vat
