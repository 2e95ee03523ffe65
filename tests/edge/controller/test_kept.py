"""What outlives a restart: every key is told from a session's id, and comes back as what it was."""

import inspect

import msgspec

from edge.controller import kept
from edge.controller.authorisation.usage import Usage
from edge.controller.effects import Keep
from edge.controller.faults import FaultCode, FaultTally
from edge.controller.state import Limit, Reservation
from edge.controller.wear import ContactorWear

UTC = "2026-11-22T10:00:00.000Z"
TALLY = FaultTally(code=FaultCode.HOT, where="1", count=1)
KEPT: dict[str, Keep] = {
    "keep_wear": kept.keep_wear(ContactorWear(evse_id="1")),
    "keep_tally": kept.keep_tally(TALLY),
    "keep_availability": kept.keep_availability("1", operational=False),
    "keep_limit": kept.keep_limit("1", Limit(current_a=6.0, because="x")),
    "keep_usage": kept.keep_usage("t:a", Usage(account="t:a")),
    "keep_contact": kept.keep_contact(UTC),
    "keep_reservation": kept.keep_reservation("r1", Reservation(
        id="r1", evse_id="1", token_ref=None, group_ref="g", until_utc=UTC)),
    "keep_unknown": kept.keep_unknown((UTC,)),
}


def test_every_kept_value_has_a_key_with_a_colon_and_comes_back():
    makers = {name for name, _ in inspect.getmembers(kept, inspect.isfunction)
              if name.startswith("keep_")}
    assert makers == set(KEPT)
    for keep in KEPT.values():
        assert ":" in keep.key and keep.data is not None
        assert kept.restored(keep.key, bytes(keep.data)) is not None
        assert msgspec.json.decode(bytes(keep.data)) is not None
