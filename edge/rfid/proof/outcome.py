"""How a proof ends: `Proven`, or `NotProven` with a word of why."""

from edge.controller.idtoken import Level, Unproven
from edge.controller.struct import Value


class Proven(Value):
    """A card showed what it was asked for.

    `uid`: the number that was proven, or found (`RealUid`). `message`: of SUN, its URL as it was read:
    it proves nothing until `sun.judge` and the counter's store agree; of a certificate, the card's own
    public key (65 bytes), to compare with the one it was enrolled with.
    """

    level: Level
    uid: bytes = b""
    message: bytes = b""

    def __repr__(self) -> str:
        return f"Proven(level={self.level!r}, uid=<{len(self.uid)} bytes>)"


class NotProven(Exception):
    """A proof did not hold. `detail` names no number and no key."""

    def __init__(self, unproven: Unproven, detail: str) -> None:
        super().__init__(f"{unproven}: {detail}")
        self.unproven, self.detail = unproven, detail


class KeyRefused(NotProven):
    """The card does not take this key; another version of it may still do."""

    def __init__(self, detail: str) -> None:
        super().__init__(Unproven.WRONG, detail)
