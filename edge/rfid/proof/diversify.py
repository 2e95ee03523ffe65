"""A card's own key from the operator's master key: NXP AN10922, AES-128.

The master key never is on the edge: this runs at the operator's desk, and in tests.
"""

from edge.rfid.proof import aes

MIN_INPUT, MAX_INPUT = 16, 31
_CONSTANT = b"\x01"
_PADDED = 32


def card_key(master: bytes, uid: bytes, application: bytes, tag: bytes) -> bytes:
    """16 bytes for the card with this UID, this application (AID or DF name) and the system's tag.

    Raises ValueError for an input of less than 16 bytes: below 17 with its constant, tools that take a
    plain CMAC for AN10922 derive another key, and nobody can tell which of the two is in the cards.
    """
    return diversified(master, uid + application + tag)


def diversified(master: bytes, data: bytes) -> bytes:
    """CMAC over 01 || `data`, always padded to two blocks; raises ValueError."""
    if not MIN_INPUT <= len(data) <= MAX_INPUT:
        raise ValueError(f"input of a card's key: got {len(data)} bytes, expected {MIN_INPUT} to "
                         f"{MAX_INPUT} (number, application and the system's tag together)")
    if len(master) != aes.BLOCK:
        raise ValueError(f"master key: got {len(master)} bytes, expected {aes.BLOCK}")
    message = _CONSTANT + data
    whole, padded = aes.subkeys(master)
    subkey = whole if len(message) == _PADDED else padded
    if len(message) < _PADDED:
        message += b"\x80" + bytes(_PADDED - 1 - len(message))
    last = aes.xor(message[aes.BLOCK:], subkey)
    return aes.encrypt(master, message[:aes.BLOCK] + last)[aes.BLOCK:]
