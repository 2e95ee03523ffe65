"""What a card proves itself by: kept encrypted with its row, handed to the reader for one tap."""

import enum

from edge.controller.struct import Value

_KEY_BYTES = 16


class Protocol(enum.StrEnum):
    """How a card with AES keys proves itself (L3)."""

    EV2 = "ev2"  # AuthenticateEV2First: NTAG 424 DNA, DESFire EV2 and EV3
    EV1 = "ev1"  # DESFire EV1, command 0xAA


class CardSecret(Value, omit_defaults=True, rename={
        "protocol": "p", "application": "a", "key_no": "n", "keys": "k", "sun_key": "s",
        "certificate": "c"}):
    """Of one card. The zero value: it can prove nothing by a key of its own.

    `keys`: AES-128, this card's own (diversified), the present one first, then older ones.
    `application`: 3 bytes (DESFire, in display order) or the DF name of NTAG 424 (7 bytes).
    `sun_key`: the key of its SUN message (the file key). `certificate`: SHA-256 of the public key (as
    an uncompressed point) that it was enrolled with; empty: any that a trusted authority signed.
    """

    protocol: Protocol | None = None
    application: bytes = b""
    key_no: int = 0
    keys: tuple[bytes, ...] = ()
    sun_key: bytes = b""
    certificate: bytes = b""

    def __post_init__(self) -> None:
        if any(len(key) != _KEY_BYTES for key in (*self.keys, *filter(None, [self.sun_key]))):
            raise ValueError(f"a key of a card has {_KEY_BYTES} bytes")
        if len(self.certificate) not in (0, 32):
            raise ValueError("the fingerprint of a certificate's key has 32 bytes")
        if (self.protocol is None) != (not self.keys):
            raise ValueError("keys and their protocol go together")
        if not 0 <= self.key_no <= 15 or len(self.application) > 16:
            raise ValueError("a key has a number of 0 to 15 in an application of at most 16 bytes")

    def __repr__(self) -> str:
        return (f"CardSecret(protocol={self.protocol}, key_no={self.key_no}, keys=<{len(self.keys)}>, "
                f"sun_key={'<secret>' if self.sun_key else None}, "
                f"certificate={'<bound>' if self.certificate else None})")


NO_SECRET = CardSecret()
