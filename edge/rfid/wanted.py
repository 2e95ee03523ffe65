"""What to ask of a card that was shown: pure, so that the rule is tested without a card."""

import msgspec

from edge.controller.idtoken import Level, TokenRecord
from edge.controller.struct import Value
from edge.rfid.tokens.secret import CardSecret
from edge.rfid.wire import Certificate, Mutual, Originality, RealUid, Sun, TagSeen, Way

ISO_DEP = 0x20  # bit of SAK: the card speaks ISO/IEC 14443-4, so that it can be asked for more


class SiteProofs(Value):
    """What a site can prove any card with.

    `real_uid`: for the true number of cards that make one up. `authorities`: as in `Certificate`.
    `day`: today as YYMMDD, None while nobody knows. `min_level`: what the site wants of every card.
    """

    real_uid: tuple[RealUid, ...] = ()
    authorities: dict[str, bytes] = msgspec.field(default_factory=dict)
    day: str | None = None
    min_level: Level = Level.UID


def ways_for(tag: TagSeen, record: TokenRecord | None, secret: CardSecret | None,
             site: SiteProofs) -> tuple[Way, ...]:
    """The ways to try, the first that the card speaks counts; none: let it go, its number is enough.

    A card is asked for what its record (or the site) wants, and never for less: a way that proves less
    would be refused all the same. Without the key that it takes, nothing is asked.
    """
    speaks = bool(tag.sak & ISO_DEP)
    if tag.random:
        return (*site.real_uid, *_certificate(site)) if speaks else ()
    if record is None:
        return _certificate(site) if speaks else ()
    wanted = max(record.min_level, site.min_level)
    match wanted:
        case Level.UID:
            return ()
        case Level.ORIGINALITY:
            return (*_mutual(secret), *_certificate_of(secret, site), Originality())
        case Level.SUN:
            return (*_mutual(secret), *_certificate_of(secret, site), *_sun(secret))
        case Level.MUTUAL:
            return (*_mutual(secret), *_certificate_of(secret, site))
        case Level.CERTIFICATE:
            return _certificate(site)


def _mutual(secret: CardSecret | None) -> tuple[Way, ...]:
    if secret is None or secret.protocol is None:
        return ()
    return (Mutual(protocol=secret.protocol.value, application=secret.application,
                   key_no=secret.key_no, keys=secret.keys),)


def _sun(secret: CardSecret | None) -> tuple[Way, ...]:
    return (Sun(),) if secret is not None and secret.sun_key else ()


def _certificate(site: SiteProofs) -> tuple[Way, ...]:
    return (Certificate(authorities=site.authorities, day=site.day),) if site.authorities else ()


def _certificate_of(secret: CardSecret | None, site: SiteProofs) -> tuple[Way, ...]:
    """Of a card that is known to have one, though less is wanted of it."""
    return _certificate(site) if secret is not None and secret.certificate else ()
