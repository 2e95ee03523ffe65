"""A site where a plug is enough: the session is nobody's. A card still works, and is billed, if it is
shown before the plug.
"""

from edge.controller.authorisation.at_outlet import serves
from edge.controller.authorisation.reserving import at
from edge.controller.idtoken import NOBODY, Level, Role, Source, TokenRecord
from edge.controller.state import Card, Outlet
from edge.controller.turn import NS, Turn

#: Any number of sessions at once.
ANYBODY = TokenRecord(token=NOBODY, role=Role.FLEET)


def serve(turn: Turn, outlet: Outlet) -> None:
    """A car waits for a card and none waits for it: at a free site that does not keep the EVSE for
    somebody, none is needed.
    """
    if not turn.plan.cards.free_vend or not serves(turn, outlet) or at(turn, outlet.evse_id):
        return
    turn.set(outlet.evse_id, card=Card(
        record=ANYBODY, level=Level.UID, evse_ids=(outlet.evse_id,), source=Source.FREE_VEND,
        until_ns=turn.now_ns + int(turn.timers.plug_in_s * NS)))
