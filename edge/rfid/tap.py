"""One tap is one event: pure, so that the rule can be tested without a radio or a clock."""

from edge.rfid.uid import is_random

AWAY_NS = 1_000_000_000
_ANY_RANDOM = b"random"  # a phone makes up a new number at each poll: all of them are one presence


class TapFilter:
    """Says which sightings of a card are new.

    A card counts as away only while polls that worked did not see it; a reader that was dead for a
    minute proves nothing about the card that was left lying on it. Cards are followed one by one, so
    that two cards in one wallet do not tap in turns, and the next driver's card is taken at once.
    """

    def __init__(self, held_uid: bytes | None = None, *, away_ns: int = AWAY_NS) -> None:
        """`held_uid`: the card that a predecessor saw last; it has to leave before it counts again."""
        self._away_ns = away_ns
        self._missed_since: dict[bytes, int | None] = {}
        if held_uid is not None:
            self._missed_since[_key(held_uid)] = None

    def see(self, uid: bytes | None, mono_ns: int) -> bool:
        """Takes the outcome of one poll that worked (None: no card); True for a new tap."""
        seen = None if uid is None else _key(uid)
        for key, since in list(self._missed_since.items()):
            if since is not None and mono_ns - since >= self._away_ns:
                del self._missed_since[key]
            elif key != seen and since is None:
                self._missed_since[key] = mono_ns
        if seen is None:
            return False
        new = seen not in self._missed_since
        self._missed_since[seen] = None
        return new

    def skip(self, duration_ns: int) -> None:
        """For so long nobody looked for cards: this time proves nothing about any of them."""
        for key, since in self._missed_since.items():
            if since is not None:
                self._missed_since[key] = since + duration_ns


def _key(uid: bytes) -> bytes:
    return _ANY_RANDOM if is_random(uid) else uid
