"""One request in the queue of a line, and what became of it."""

import asyncio

from edge.bus.frame import expect
from edge.bus.port import BusClass
from edge.controller.trouble import DeviceError, DeviceRefused, DeviceTimeout

_AGED_S = 0.3  # a meter waits for boards so long at most, give or take their turn
_OLD_S = 2.0  # a board for meters; it is lost after 3

# Modbus Application Protocol v1.1b3, 7
_EXCEPTIONS = {1: "illegal function", 2: "illegal data address", 3: "illegal data value",
               4: "device failure", 5: "acknowledge", 6: "device busy", 8: "memory parity error",
               10: "gateway path unavailable", 11: "gateway target failed to respond"}
_SILENCE = (10, 11)  # a gateway speaks; the unit did not


class Job:
    """A request. `order`: class, then first come first served."""

    def __init__(self, order: tuple[int, int], unit: int, pdu: bytes, timeout_s: float | None,
                 since_s: float, done: asyncio.Future[bytes]) -> None:
        self.order, self.unit, self.pdu, self.timeout_s = order, unit, pdu, timeout_s
        self.since_s, self.done = since_s, done
        self.head = expect(unit, pdu).head

    @property
    def klass(self) -> BusClass:
        return BusClass(self.order[0])

    def rank(self, now_s: float) -> tuple[float, int]:
        """A meter that has waited counts as a board: boards that fill a line would starve it. A board
        that has waited for all of those goes before them: one lost frame more, and it is given up.
        """
        waited_s, klass = now_s - self.since_s, self.klass
        if klass is BusClass.BOARD and waited_s > _OLD_S:
            return (BusClass.GRANT + BusClass.BOARD) / 2, self.order[1]
        aged = BusClass.METER_FAST <= klass <= BusClass.METER_SLOW and waited_s > _AGED_S
        return (BusClass.BOARD if aged else klass), self.order[1]

    def settle(self, outcome: bytes | DeviceError) -> None:
        """Tell the one who asked, if he still waits."""
        if self.done.done():
            return
        if isinstance(outcome, DeviceError):
            self.done.set_exception(outcome)
        else:
            self.done.set_result(outcome)

    def exception(self, answer: bytes, where: str) -> DeviceError:
        """What a Modbus exception means: the device refused, or its gateway says that it is silent."""
        place, wanted = f"unit {self.unit} on {where}", f"an answer to {self.pdu.hex(' ')}"
        got = f"exception {answer[1]} ({_EXCEPTIONS.get(answer[1], 'unknown')})"
        if answer[1] in _SILENCE:
            return DeviceTimeout("no answer", where=place, got=got, expected=wanted)
        return DeviceRefused("request refused", where=place, got=got, expected=wanted, code=answer[1])
