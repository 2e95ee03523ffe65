"""What the database holds, as lines of JSON or of text."""

from collections.abc import Iterator

import msgspec
from sqlalchemy import Engine, select

from cloud_sync.ingest import schema


def cdr_lines(engine: Engine, *, as_json: bool) -> Iterator[str]:
    """One CDR a line; as JSON: exactly the bytes that the site wrote."""
    table = schema.cdr
    with engine.connect() as connection:
        for cdr in connection.execute(select(table).order_by(table.c.site, table.c.epoch, table.c.seq)):
            if as_json:
                yield _one_line(cdr.raw)
            else:
                cost = cdr.total_cost_incl_vat or cdr.total_cost_excl_vat
                yield (f"{cdr.site}  {cdr.transaction_id}  {cdr.total_energy_kwh} kWh"
                       f"  {cost} {cdr.currency}")


def session_lines(engine: Engine, *, as_json: bool) -> Iterator[str]:
    """One transaction a line, with how often it began and ended."""
    table = schema.session
    with engine.connect() as connection:
        query = select(table).order_by(table.c.site, table.c.epoch, table.c.first_seq)
        for session in connection.execute(query).mappings():
            if as_json:
                yield msgspec.json.encode(dict(session)).decode()
            else:
                yield (f"{session['site']}  {session['transaction_id']}  EVSE {session['evse_id']}"
                       f"  starts {session['starts']}  stops {session['stops']}"
                       f"  {session['stopped_reason'] or 'running'}")


def _one_line(raw: bytes) -> str:
    return (msgspec.json.format(raw, indent=-1) if b"\n" in raw else raw).decode()
