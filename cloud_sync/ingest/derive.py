"""Sessions and CDRs from events, one event at a time, in the order of their stream.

Called once for each row, in the transaction that says so (`passing.py`).
"""

import msgspec
from sqlalchemy import Connection, Engine, select, update

from cloud_sync.envelope import Row
from cloud_sync.ingest import schema
from cloud_sync.ingest.engine import insert_new
from cloud_sync.ingest.facts import TX_CDR, TX_EVENT, read_cdr, read_transaction_event
from edge.controller.effects import Stream


class Underivable(ValueError):
    """The row is safe, but the tables cannot be brought up to date by it. `reason`: for quarantine."""

    def __init__(self, detail: str, *, reason: str = "data") -> None:
        super().__init__(detail)
        self.reason = reason


class Deriver:
    """Keeps `session` and `cdr` in step with `event`."""

    def __init__(self, engine: Engine) -> None:
        self._new_session = insert_new(engine, schema.session)
        self._new_cdr = insert_new(engine, schema.cdr)

    def apply(self, connection: Connection, row: Row) -> None:
        """Raises Underivable; nothing is written then."""
        if row.stream != Stream.TX:
            return
        try:
            if row.type == TX_EVENT:
                self._session(connection, row)
            elif row.type == TX_CDR:
                self._cdr(connection, row)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise Underivable(f"{row.type}: {error}") from error

    def _session(self, connection: Connection, row: Row) -> None:
        event = read_transaction_event(row.data)
        info, table = event.transaction_info, schema.session
        connection.execute(self._new_session, {
            "site": row.site_id, "transaction_id": info.transaction_id, "evse_id": event.evse_id,
            "epoch": row.epoch, "first_seq": row.seq, "starts": 0, "stops": 0, "events": 0})
        changes: dict[str, object] = {"events": table.c.events + 1}
        if event.event_type == "Started":
            changes |= {"starts": table.c.starts + 1, "started_utc": event.timestamp}
        elif event.event_type == "Ended":
            changes |= {"stops": table.c.stops + 1, "ended_utc": event.timestamp,
                        "stopped_reason": info.stopped_reason}
        connection.execute(
            update(table)
            .where(table.c.site == row.site_id, table.c.transaction_id == info.transaction_id)
            .values(changes))

    def _cdr(self, connection: Connection, row: Row) -> None:
        cdr, table = read_cdr(row.data), schema.cdr
        connection.execute(self._new_cdr, {
            "site": row.site_id, "transaction_id": cdr.transaction_id, "cdr_id": cdr.id,
            "epoch": row.epoch, "seq": row.seq, "currency": cdr.currency,
            "total_energy_kwh": _text(cdr.total_energy),
            "total_cost_excl_vat": _text(cdr.total_cost.excl_vat),
            "total_cost_incl_vat": _text(cdr.total_cost.incl_vat), "raw": row.data})
        kept = connection.execute(
            select(table.c.epoch, table.c.seq, table.c.raw)
            .where(table.c.site == row.site_id, table.c.transaction_id == cdr.transaction_id)).one()
        if (kept.epoch, kept.seq) != (row.epoch, row.seq) and kept.raw != row.data:
            raise Underivable(f"transaction {cdr.transaction_id} was billed before, otherwise, by"
                              f" {kept.epoch}/{kept.seq}")


def _text(number: msgspec.Raw) -> str | None:
    text = bytes(number).decode().strip('"')
    return None if text == "null" else text
