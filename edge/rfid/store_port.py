"""The token store as a tap needs it: what is known now, and whether a SUN message is this card's."""

from collections.abc import Callable, Sequence

import msgspec

from edge.controller.idtoken import Unproven
from edge.controller.trouble import DeviceTimeout
from edge.rfid.proof import sun
from edge.rfid.proof.outcome import NotProven
from edge.rfid.tap_flow import Found
from edge.rfid.tokens.lookup import TokenLookup
from edge.rfid.tokens.store import Stored
from edge.rfid.tokens.vault import Vault
from edge.rfid.wire import RealUid

UID_KEY, SUN_META_KEY = "uid-key", "sun-meta-key"  # of `vault.SITE_KEYS`


class SiteKeys(msgspec.Struct, frozen=True):
    """Keys that all cards of a site share. Never shown."""

    real_uid: tuple[RealUid, ...] = ()
    sun_meta: bytes | None = None

    def __repr__(self) -> str:
        return f"SiteKeys(real_uid={self.real_uid!r}, sun_meta=<{self.sun_meta is not None}>)"


def read_site_keys(vault: Vault, applications: Sequence[str], key_no: int) -> SiteKeys:
    """Once, at the start. Raises VaultError, OSError."""
    uid_key = vault.site_key(UID_KEY)
    return SiteKeys(
        real_uid=() if uid_key is None else tuple(
            RealUid(protocol="ev2", application=bytes.fromhex(one), key_no=key_no, keys=(uid_key,))
            for one in applications),
        sun_meta=vault.site_key(SUN_META_KEY))


class StorePort:
    """`edge.rfid.tap_flow.Tokens` on a store. `utc`: now, None while the clock is not to be trusted;
    `seal_unknown`: whether this site may let an unknown card charge, whose number is needed then.
    """

    def __init__(self, store: TokenLookup, keys: SiteKeys, *, utc: Callable[[], str | None],
                 seal_unknown: Callable[[], bool]) -> None:
        self._store, self._keys, self._utc, self._seal_unknown = store, keys, utc, seal_unknown

    async def lookup(self, uid: bytes) -> Stored:
        """One with an `error` where nobody could look."""
        return await self._store.lookup(uid, utc=self._utc(), seal_unknown=self._seal_unknown())

    async def judge_sun(self, message: bytes, uid: bytes, found: Found) -> Unproven | None:
        """None: it is this card's, and newer than any before: the disk holds its counter."""
        key = b"" if found.secret is None else found.secret.sun_key
        try:
            reading = sun.judge(message, self._keys.sun_meta, lambda _uid: key or None)
        except NotProven as error:
            return error.unproven
        if reading.uid != uid:
            return Unproven.WRONG
        try:
            fresh = await self._store.fresh(found.token.ref, reading.counter)
        except DeviceTimeout:
            return Unproven.TORN
        return None if fresh else Unproven.REPLAYED
