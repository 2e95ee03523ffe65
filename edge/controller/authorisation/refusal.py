"""Why a card was refused: one word for the driver's screen, and another for the log.

A driver never learns whether a card is unknown or blocked: that would help whoever guesses numbers.
"""

import enum

from edge.controller.struct import Value


class Why(enum.StrEnum):
    """For the driver: keys of texts on the screen."""

    REFUSED = "card_refused"  # unknown, blocked, not good enough for this site
    COPY = "card_copy"  # it shows only a number, and is known to be able to prove itself
    AGAIN = "card_again"  # it went away too soon: hold it still
    RANDOM = "card_random"  # a phone or card that makes its number up
    EXPIRED = "card_expired"
    NOT_YET = "card_not_yet"
    NOT_NOW = "card_not_now"  # outside its hours
    NOT_HERE = "card_not_here"  # another EVSE
    QUOTA = "card_quota"
    IN_USE = "card_in_use"  # it, or its user, charges elsewhere
    NOT_YOURS = "card_not_yours"  # somebody else's session
    RESERVED = "card_reserved"
    CLOCK = "card_clock"  # the site does not know the time, and this card has hours or dates
    OFFLINE = "card_offline"  # nobody could be asked, and the list is too old
    STOPS_ONLY = "card_stops_only"  # a master card
    TRY_LATER = "card_try_later"  # too many bad taps at this reader
    TOO_SOON = "card_too_soon"
    BUSY = "card_busy"
    OUT_OF_ORDER = "card_out_of_order"
    UNPLUG_FIRST = "card_unplug_first"


#: What a page of its own explains: it stays long enough to be read, from a step away.
EXPLAINED = frozenset({
    Why.REFUSED, Why.COPY, Why.AGAIN, Why.RANDOM, Why.EXPIRED, Why.NOT_NOW, Why.NOT_HERE, Why.QUOTA,
    Why.OFFLINE, Why.TRY_LATER})


class Refused(Value):
    """`log` says it in full, without any number of a card."""

    why: Why
    log: str
