"""What a card is asked for follows from its record, and from what the site can prove."""

from edge.controller.idtoken import IdToken, Level, TokenRecord
from edge.rfid.tokens.secret import CardSecret, Protocol
from edge.rfid.wanted import SiteProofs, ways_for
from edge.rfid.wire import Certificate, Mutual, Originality, RealUid, Sun, TagSeen

KEY, AID = b"k" * 16, bytes.fromhex("D2760000850101")
REAL = RealUid(protocol="ev2", application=AID, key_no=1, keys=(b"s" * 16,))
AUTHORITY = {"A": b"\x04" + bytes(64)}
SITE = SiteProofs(real_uid=(REAL,), authorities=AUTHORITY, day="261122")
MUTUAL = CardSecret(protocol=Protocol.EV2, application=AID, key_no=2, keys=(KEY,))
SUN = CardSecret(sun_key=KEY)


def tag(*, sak: int = 0x20, random: bool = False) -> TagSeen:
    return TagSeen(reader_id="front", uid=b"\x04abcdef", sak=sak, atqa=b"\x44\x00", mono_ns=0, tap=1,
                   random=random)


def record(level: int) -> TokenRecord:
    return TokenRecord(token=IdToken(ref="a" * 32), min_level=Level(level))


def kinds(of: TagSeen, known: TokenRecord | None, secret: CardSecret | None,
          site: SiteProofs) -> list[type]:
    return [type(way) for way in ways_for(of, known, secret, site)]


def test_a_card_is_asked_for_what_its_record_wants() -> None:
    for level, secret, site, wanted in (
            (0, None, SITE, []), (0, MUTUAL, SITE, []),
            (1, None, SITE, [Originality]), (1, MUTUAL, SITE, [Mutual, Originality]),
            (2, SUN, SITE, [Sun]), (2, None, SITE, []),
            (3, MUTUAL, SITE, [Mutual]), (3, None, SITE, []), (3, SUN, SITE, []),
            (4, None, SITE, [Certificate]), (4, MUTUAL, SITE, [Certificate]),
            (4, None, SiteProofs(), [])):
        assert kinds(tag(), record(level), secret, site) == wanted, (level, secret)


def test_a_site_may_want_more_than_a_record() -> None:
    assert kinds(tag(), record(0), MUTUAL, SiteProofs(min_level=Level.MUTUAL)) == [Mutual]
    assert kinds(tag(), record(3), MUTUAL, SiteProofs(min_level=Level.UID)) == [Mutual]


def test_a_stranger_is_asked_only_for_a_certificate_and_only_if_it_can_answer() -> None:
    assert kinds(tag(), None, None, SITE) == [Certificate]
    assert kinds(tag(), None, None, SiteProofs()) == []
    assert kinds(tag(sak=0x08), None, None, SITE) == []


def test_a_number_that_is_made_up_is_asked_for_the_true_one_whoever_had_it_before() -> None:
    assert kinds(tag(random=True), None, None, SITE) == [RealUid, Certificate]
    assert kinds(tag(random=True), record(3), MUTUAL, SiteProofs()) == []
    assert kinds(tag(random=True, sak=0x08), None, None, SITE) == []


def test_a_card_gets_its_own_key_and_no_other() -> None:
    (way,) = ways_for(tag(), record(3), MUTUAL, SITE)
    assert way == Mutual(protocol="ev2", application=AID, key_no=2, keys=(KEY,))
    assert KEY.hex() not in repr(way) and repr(KEY)[2:-1] not in repr((way, MUTUAL, SITE))
