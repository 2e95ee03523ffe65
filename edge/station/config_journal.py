"""`[journal]`: how long rows stay, and when a commit is slow."""

from typing import Annotated

from msgspec import Meta

from edge.controller.struct import Value
from edge.journal.retention import KeepDays

LEAST_BILLING_DAYS = 90
_DEFAULTS = KeepDays()


def _days(least: int) -> Meta:
    return Meta(ge=least, le=3650, description=(
        f"whole days from {least} on that rows stay after the cloud has acknowledged them"))


class JournalSection(Value):
    """Days count from the acknowledgement: what the cloud does not hold stays."""

    keep_telemetry_days: Annotated[int, _days(1)] = _DEFAULTS.telemetry
    keep_events_days: Annotated[int, _days(1)] = _DEFAULTS.events
    keep_billing_days: Annotated[int, _days(LEAST_BILLING_DAYS)] = _DEFAULTS.billing
    slow_commit_ms: Annotated[int, Meta(ge=20, le=10_000, description=(
        "milliseconds from 20 on: where half of the commits take longer, people are told"))] = 500


def keep_days(section: JournalSection) -> KeepDays:
    """What retention goes by."""
    return KeepDays(telemetry=section.keep_telemetry_days, events=section.keep_events_days,
                    billing=section.keep_billing_days)
