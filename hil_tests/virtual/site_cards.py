"""The people of the virtual site and the cards in their pockets; keys of a demo, known to everybody.

Nothing here is secret and nothing of it may be used anywhere else. Own keys of cards are AN10922 of
`FLEET_KEY` with UID || last three bytes of the application || `SYSTEM`, which a test computes again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hil_tests.virtual.cabinet_config import CardSpec

FLEET_KEY = "268c6c26aabbda8acb8472b32929f96e"  # in real life on the operator's desk, never at a site
SYSTEM = b"FORECOURT"
SITE_KEY = "50c10acc5b95116c9cbf62265c29ee4b"  # key 1 of every card: what its true UID is
META_KEY = "5b2d0f3ac1f14b1f9e0f8d6a7c3e2910"  # of SUN messages: who is this?
NTAG424, DESFIRE_AID = "D2760000850101", "F04543"
UID_KEY_NO, OWN_KEY_NO = 1, 2

AUTHORITY = "437e2c4e0c21447e73c02381b535ac90068e12a0ef2b450577d8ac4b0705f52a"
AUTHORITY_ID = "FCTTEST1"
AUTHORITY_POINT = ("04a2c3b5a707c01c9ab5a360d9d0bf34cd042e5f6b8d9e383f12a77cf88119d85a"
                   "05a9bebb75f86b47ca20f99f26a5c87cbd39f76f0d6eae6632d6e0a66cccdd34")
FOREIGN_AUTHORITY = "2099119baae3f960b1287b3c65bba6203febefee588d37a16b6e826fda7cb713"

# Numbers and the signatures that NXP itself made for them: published in AN12196, 8.2; by Proxmark3.
SIGNED_UID = "04518DFAA96180"
SIGNATURE = ("D1940D17CFEDA4BFF80359AB975F9F6514313E8F90C1D3CAAF5941AD"
             "744A1CDF9A83F883CAFE0FE95D1939B1B7E47113993324473B785D21")
SIGNED_TAG = "04E10CDA993C80"
TAG_SIGNATURE = "8B76052EE42F5567BEB53238B3E3F9950707C0DCC956B5C5EFCFDB709B2D82B3"


@dataclass(frozen=True)
class SiteCard:
    """A card, and what the site's list is to say of it.

    `listed`: it is on the list; copies and strangers are not. `level`: how it was enrolled (0 to 4),
    and so the least that it has to prove. `key`: its own one, `key_no` its number in the card,
    `protocol` how it is proven ("ev2", "ev1", "sun", "certificate", "originality"; "" for a number).
    """

    name: str
    uid: str
    kind: str = "number"
    listed: bool = True
    status: str = "Accepted"
    role: str = "driver"
    group: str | None = None
    level: int = 0
    protocol: str = ""
    application: str = ""
    key_no: int = OWN_KEY_NO
    key: str | None = None
    random: bool = False
    contract: str | None = None
    more: Mapping[str, object] = field(default_factory=dict)  # of its `CardSpec`

    @property
    def spec(self) -> CardSpec:
        """The card itself, for a cabinet."""
        keys = {} if self.key is None else {"0": "00" * 16, str(UID_KEY_NO): SITE_KEY,
                                            str(self.key_no): self.key}
        others = dict(self.more) | ({"application": self.application} if self.application else {})
        return CardSpec(uid=self.uid, kind=self.kind, random=self.random, keys=keys, **others)  # type: ignore[arg-type]


_CARLA, _SUNE, _EMIL = "04C43A5A6F1D90", "045E2B6C7D1F80", "04A97C1B3E5D80"
_FAMILY = "family-lind"

#: The two that every test of the virtual site knows come first; the demo lists all that are `listed`.
SITE_CARDS = (
    SiteCard("anna", "04A3C6CAE26180", contract="SE-FCT-C00000001-0"),
    SiteCard("bo", "04B1D27A5C2E80", contract="SE-FCT-C00000002-1"),
    SiteCard("carla", _CARLA, "ntag424", level=3, protocol="ev2", application=NTAG424,
             key="2e8431e3816c948b556008ae7b3b7f39", contract="SE-FCT-C00000003-2"),
    SiteCard("carla-copy", _CARLA, listed=False),  # her number, on a card that can do nothing else
    SiteCard("carla-forged", _CARLA, "ntag424", listed=False, application=NTAG424, key="ff" * 16),
    SiteCard("dora", "04D05E8A112280", "desfire-ev2", level=3, protocol="ev2", group=_FAMILY,
             application=DESFIRE_AID, key="6e6a5245cba53db1648e45d278f56801"),
    SiteCard("ines", "0418E27C3D5A80", "desfire-ev1", level=3, protocol="ev1", group=_FAMILY,
             application=DESFIRE_AID, key="b8c7575cac40dceab8123f1b098073d7"),
    SiteCard("emil", _EMIL, "duox", level=4, protocol="certificate", more={"authority": AUTHORITY}),
    SiteCard("emil-copy", _EMIL, "duox", listed=False,
             more={"authority": AUTHORITY, "copied_certificate": True}),
    SiteCard("emil-foreign", _EMIL, "duox", listed=False,
             more={"authority": FOREIGN_AUTHORITY}),  # who signed it calls itself by our id
    SiteCard("sune", _SUNE, "ntag424", level=2, protocol="sun", application=NTAG424,
             key="3f6b1d0a5c7e48f2915d3ab7c064e8d2",
             more={"meta_key": META_KEY, "file_key": "3f6b1d0a5c7e48f2915d3ab7c064e8d2"}),
    SiteCard("nils", SIGNED_UID, "ntag424", level=1, protocol="originality",
             more={"signature": SIGNATURE}),
    SiteCard("nina", SIGNED_TAG, "ntag213", level=1, protocol="originality",
             more={"signature": TAG_SIGNATURE}),
    SiteCard("ruth", "04E7719B5C3E80", "ntag424", level=3, protocol="ev2", application=NTAG424,
             key="75ad01655a6889eaca238bdb85882e22", random=True),
    SiteCard("master", "04F1A2B3C4D580", role="master"),
    SiteCard("service", "04F2B3C4D5E680", role="service"),
    SiteCard("fleet", "04F3C4D5E6F780", role="fleet"),
    SiteCard("blocked", "04B10CED0BAD80", status="Blocked"),
    SiteCard("stranger", "0BADCAFE", "classic", listed=False),
    SiteCard("phone", "08112233", "phone", listed=False, random=True),
)
