"""Brings a `cards.db` of version 1 up to date: its tokens become own ones, its keys go to `taps.db`."""

import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from edge.controller.idtoken import IdToken, Level, TokenRecord, TokenStatus
from edge.rfid.tokens import database
from edge.rfid.tokens.rows import pack_record
from edge.rfid.tokens.schema import CARDS_TABLES, CARDS_VERSION
from edge.rfid.tokens.taps import Taps

_ids = msgspec.json.Decoder(tuple[str, ...])


def prepare(db: sqlite3.Connection, path: Path, check: bytes, taps: Taps) -> None:
    """Creates or migrates. Keys are in `taps.db`, durably, before they leave `cards.db`: whoever is
    interrupted begins again. Raises StoreError, sqlite3.Error.
    """
    if database.prepare(db, path, CARDS_TABLES, version=CARDS_VERSION, check=check,
                        migrate=partial(_from_1, path, taps)):
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the keys' old pages


def _from_1(path: Path, taps: Taps, db: sqlite3.Connection, _version: int) -> None:
    taps.adopt(db.execute("SELECT ref, key, sealed FROM token_key "
                          "LEFT JOIN token USING (ref)").fetchall())
    rows = db.execute("SELECT ref, type, last4, status, contract_id, group_ref, evse_ids, language, "
                      "expires_utc, min_level FROM token").fetchall()
    try:
        records = [(row[0], pack_record(_record(*row))) for row in rows]
    except (ValueError, TypeError) as error:
        raise database.StoreError(
            "bring the token store up to date", where=str(path), expected="rows of version 1",
            got=f"a row that cannot be read ({type(error).__name__})") from None
    db.executemany("INSERT INTO own VALUES (?, ?, NULL)", records)
    db.execute("DROP TABLE token")
    db.execute("DROP TABLE token_key")


def _record(ref: bytes, kind: str, last: str, status: str, contract: str | None, group: str | None,
            evses: str, *others: Any) -> TokenRecord:
    language, expires, min_level = others
    token = IdToken(ref=ref.hex(), type=kind, last4=last, contract_id=contract)
    return TokenRecord(token=token, status=TokenStatus(status), group_ref=group,
                       evse_ids=_ids.decode(evses), language=language, expires_utc=expires,
                       min_level=Level(min_level))
