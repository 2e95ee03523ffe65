"""What a rule finds: a fault whose cause stands now."""

from collections.abc import Iterator

from edge.controller.faults import FaultCode
from edge.controller.struct import Value


class Found(Value):
    """`where`: of the EVSE, meter, sensor, input, circuit or part of the site that it is at."""

    code: FaultCode
    where: str
    detail: str = ""
    evse_id: str | None = None
    evse_ids: tuple[str, ...] = ()


Standing = Iterator[Found]


def at_evse(evse_id: str, code: FaultCode, detail: str = "") -> Found:
    """A fault of one EVSE."""
    return Found(code=code, where=evse_id, detail=detail, evse_id=evse_id)
