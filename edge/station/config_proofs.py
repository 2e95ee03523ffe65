"""`[proofs]`: what a site must know, besides keys, to have cards prove themselves."""

from typing import Annotated

from msgspec import Meta, field

from edge.controller.struct import Value

Aid = Annotated[str, Meta(pattern=r"^([0-9A-Fa-f]{6}|[0-9A-Fa-f]{10,32})\Z", description=(
    'an application in hex digits: 6 of them for DESFire, 14 for NTAG 424, as "D2760000850101"'))]
AuthorityId = Annotated[str, Meta(pattern=r"^[!-~]{1,16}\Z")]
Point = Annotated[str, Meta(pattern=r"^04[0-9A-Fa-f]{128}\Z", description=(
    "an authority's public key on brainpoolP256r1: 04 and 128 more hex digits, in quotes"))]
#: All of them go to the reader at once, for a card that nobody knows: `edge.rfid.wire.MAX_FRAME`.
MOST_AUTHORITIES, MOST_APPLICATIONS = 16, 8
Authorities = Annotated[dict[AuthorityId, Point], Meta(
    max_length=MOST_AUTHORITIES, description=(
        f'at most {MOST_AUTHORITIES} authorities, as {{ FCTTEST1 = "04..." }}: the id in their '
        "certificates, and a key on brainpoolP256r1, 04 and 128 more hex digits"))]
Applications = Annotated[tuple[Aid, ...], Meta(
    max_length=MOST_APPLICATIONS, description=(
        f"at most {MOST_APPLICATIONS} applications in hex digits, 6 of them for DESFire, 14 for NTAG "
        '424, as ["D2760000850101"]'))]


class ProofsSection(Value):
    """`authorities`: who may sign the certificates of cards (VDE-AR-E 2532-100), by the id that these
    name. `uid_*`: where cards that make their number up keep the key by which this site learns the true
    one; the key itself is the file `uid-key` of the state folder, or a credential.
    """

    authorities: Authorities = field(default_factory=dict)
    uid_applications: Applications = ("D2760000850101",)
    uid_key_no: Annotated[int, Meta(ge=0, le=13, description="the number of a key, from 0 to 13")] = 1
