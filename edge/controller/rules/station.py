"""Faults of the computer itself: readers, journal, disk, clock, the line to the cloud."""

from edge.controller.faults import FaultCode
from edge.controller.rules.found import Found, Standing
from edge.controller.turn import Turn

ENOUGH = 1.2  # so much more than a limit must be free again before its fault ends
QUICK = 0.5  # so much of the limit may a commit take before a slow card is one no more


def standing(turn: Turn) -> Standing:
    """Faults that concern no outlet alone."""
    for reader_id, error in turn.site.reader_errors.items():
        yield Found(code=FaultCode.READER_LOST, where=reader_id, detail=error)
    if turn.site.card_list is not None and turn.site.card_list.hurt:
        yield Found(code=FaultCode.CARDS_DAMAGED, where="cards", detail=turn.site.card_list.hurt)
    if turn.site.journal_error is not None:
        yield Found(code=FaultCode.JOURNAL_STALLED, where="journal", detail=turn.site.journal_error)
    if turn.site.journal_hurt is not None:
        yield Found(code=FaultCode.JOURNAL_DAMAGED, where="journal", detail=turn.site.journal_hurt)
    if turn.site.set_aside:
        yield Found(code=FaultCode.JOURNAL_DAMAGED, where="sessions",
                    detail="; ".join(turn.site.set_aside))
    if turn.past(turn.site.cloud_lost_ns, turn.timers.cloud_lost_s):
        yield Found(code=FaultCode.CLOUD_OFFLINE, where="cloud", detail="broker not reached")
    yield from _disk(turn)
    yield from _slow(turn)
    untrusted = turn.site.started_ns is not None and not turn.at.clock_ok
    if turn.past(turn.lasting("clock", untrusted), turn.timers.clock_lost_s):
        yield Found(code=FaultCode.CLOCK_UNTRUSTED, where="clock",
                    detail="the wall clock is not synchronised")


def _disk(turn: Turn) -> Standing:
    free = turn.site.free_bytes
    if free is None:
        return
    for code, limit in ((FaultCode.DISK_LOW, turn.plan.disk_low_bytes),
                        (FaultCode.JOURNAL_FULL, turn.plan.disk_full_bytes)):
        if free < limit * (ENOUGH if turn.has(code, "disk") else 1):
            everybody = tuple(turn.outlets) if code is FaultCode.JOURNAL_FULL else ()
            yield Found(code=code, where="disk", evse_ids=everybody,
                        detail=f"{free / 1e6:.0f} MB free, {limit / 1e6:.0f} MB wanted")


def _slow(turn: Turn) -> Standing:
    """SD cards become slow before they die."""
    took_ms, limit_ms = turn.site.commit_ms, turn.plan.slow_commit_ms
    if took_ms is not None and took_ms > limit_ms * (
            QUICK if turn.has(FaultCode.JOURNAL_SLOW, "journal") else 1):
        yield Found(code=FaultCode.JOURNAL_SLOW, where="journal",
                    detail=f"a commit takes {took_ms:.0f} ms, {limit_ms} ms at most wanted")
