"""The card's half of ISO/IEC 14443-3: from REQA to SELECT, and asleep again.

What a card does once it is selected is its `Inside`: blocks and commands of ISO-DEP (`picc.py`), the
raw commands of an NFC Forum Type 2 card (`applets/type2.py`), or nothing.
"""

import secrets
from collections.abc import Callable
from typing import Protocol

REQA, WUPA, HALT = b"\x26", b"\x52", b"\x50\x00"
SELECT = (0x93, 0x95, 0x97)  # cascade levels 1 to 3: ISO/IEC 14443-3, 6.5.3
ANTICOLLISION, SELECT_ALL = 0x20, 0x70
CASCADE_TAG, UID_INCOMPLETE, ISO_DEP = 0x88, 0x04, 0x20
ATQA = {4: b"\x04\x00", 7: b"\x44\x00", 10: b"\x84\x00"}
RANDOM_HEAD = b"\x08"  # 6.5.4: of a number of four bytes that is made up at each activation


class Inside(Protocol):
    """What is behind the number of a card. Frames come and go without CRC."""

    def power_off(self) -> None:
        """Without a field it forgets what it was told, but keeps what it has stored."""

    def answer(self, frame: bytes) -> bytes | None:
        """To a frame for the selected card; None: silence."""

    @property
    def asleep(self) -> bool:
        """Whether it has let itself be put to sleep since the last `power_off`."""


class VirtualCard:
    """A card: its number, what it says of itself, and what is inside."""

    def __init__(self, uid: bytes, *, sak: int, inside: Inside | None = None, atqa: bytes | None = None,
                 random: Callable[[int], bytes] | None = None) -> None:
        """`random` makes up the last three bytes of a number at each activation, in place of `uid`.

        Raises ValueError for a number of another length than 4, 7 or 10 bytes.
        """
        if len(uid) not in ATQA:
            raise ValueError(f"a UID has 4, 7 or 10 bytes, got {len(uid)}")
        self._uid, self._sak, self._inside, self._random = uid, sak, inside, random
        self.atqa = atqa or ATQA[4 if random else len(uid)]
        self.power_off()

    def power_off(self) -> None:
        """The reader's field is gone: a card without power forgets what it was told."""
        uid = self._uid if self._random is None else RANDOM_HEAD + self._random(3)
        self._levels = [part + _bcc(part) for part in _cascade(uid)]
        self._state = "idle"
        self._selected = 0  # cascade levels done
        if self._inside is not None:
            self._inside.power_off()

    def answer(self, frame: bytes) -> bytes | None:
        """What the card sends back, None when it stays silent."""
        if self._state == "active" and self._inside is not None and self._inside.asleep:
            self._state = "halted"
        if frame in (REQA, WUPA):
            return self._called(frame)
        if self._state == "ready":
            return self._anticollision(frame)
        if self._state != "active":
            return None
        if frame == HALT:
            self._state = "halted"
            return None
        return None if self._inside is None else self._inside.answer(frame)

    def _called(self, frame: bytes) -> bytes | None:
        """REQA wakes who is idle, WUPA also who is halted; all others fall back (6.4)."""
        if self._state == "halted" and frame == WUPA:
            if self._inside is not None:
                self._inside.power_off()
        elif self._state != "idle":
            self._state = "halted" if self._state == "halted" else "idle"
            return None
        self._state, self._selected = "ready", 0
        return self.atqa

    def _anticollision(self, frame: bytes) -> bytes | None:
        if len(frame) < 2 or frame[0] != SELECT[self._selected]:
            return None
        level = self._levels[self._selected]
        if frame[1] == ANTICOLLISION and len(frame) == 2:
            return level
        if frame[1] != SELECT_ALL or frame[2:] != level:
            return None
        self._selected += 1
        if self._selected < len(self._levels):
            return bytes([self._sak | UID_INCOMPLETE])
        self._state = "active"
        return bytes([self._sak & ~UID_INCOMPLETE])


def made_up(count: int) -> bytes:
    """`random` of a card whose number nobody can foretell."""
    return secrets.token_bytes(count)


def _cascade(uid: bytes) -> list[bytes]:
    """The four bytes of each cascade level: 14443-3, 6.5.4."""
    if len(uid) == 4:
        return [uid]
    tag = bytes([CASCADE_TAG])
    if len(uid) == 7:
        return [tag + uid[:3], uid[3:]]
    return [tag + uid[:3], tag + uid[3:6], uid[6:]]


def _bcc(part: bytes) -> bytes:
    check = 0
    for byte in part:
        check ^= byte
    return bytes([check])
