"""Faults of the computer itself: readers, journal, disk, clock, the line to the cloud."""

from edge.controller.faults import FaultCode
from edge.controller.rules.found import Found, Standing
from edge.controller.turn import Turn


def standing(turn: Turn) -> Standing:
    """Faults that concern no outlet alone."""
    for reader_id, error in turn.site.reader_errors.items():
        yield Found(code=FaultCode.READER_LOST, where=reader_id, detail=error)
    if turn.site.journal_error is not None:
        yield Found(code=FaultCode.JOURNAL_STALLED, where="journal", detail=turn.site.journal_error)
    if turn.site.journal_hurt is not None:
        yield Found(code=FaultCode.JOURNAL_DAMAGED, where="journal", detail=turn.site.journal_hurt)
    if turn.site.set_aside:
        yield Found(code=FaultCode.JOURNAL_DAMAGED, where="sessions",
                    detail="; ".join(turn.site.set_aside))
    if turn.past(turn.site.cloud_lost_ns, turn.timers.cloud_lost_s):
        yield Found(code=FaultCode.CLOUD_OFFLINE, where="cloud", detail="broker not reached")
