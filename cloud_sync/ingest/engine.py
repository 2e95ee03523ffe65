"""The database behind a URL, and the two statements that SQL dialects spell differently."""

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Insert


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:///path` or another URL of SQLAlchemy.

    SQLite gets WAL and `synchronous=FULL`: an acknowledgement promises that a power cut loses nothing.
    """
    target = make_url(url)
    if target.get_backend_name() != "sqlite":
        return create_engine(target)
    if target.database and target.database != ":memory:":
        Path(target.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(target, connect_args={"timeout": 2.0})
    event.listen(engine, "connect", _make_durable)
    return engine


def insert_new(engine: Engine, table: Table) -> Insert:
    """INSERT that leaves a row alone whose key exists."""
    if engine.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


def _make_durable(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()
