"""One database URL for all packages; each package declares its own tables.

SQLite in WAL mode by default: the portal, the console and the monitor write at the same time and readers never
wait (facts/storage.md). PostgreSQL where ``database.url`` says so.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Engine, create_engine, event
from sqlalchemy.types import TypeDecorator

#: How long a writer waits for another, milliseconds; readings of 50,000 sessions hold the lock longest.
_BUSY_MS = 10_000


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, stored in UTC, aware in Python. A naive datetime is a ``ValueError``: nobody knows its zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC without a zone, so that SQLite and PostgreSQL hold the same text."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Back to an aware datetime."""
        del dialect
        return None if value is None else value.replace(tzinfo=UTC)


def engine(url: str) -> Engine:
    """An engine for ``url``; connections of SQLite are made safe for several processes."""
    made = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if made.dialect.name == "sqlite":
        event.listen(made, "connect", _prepare_sqlite)
        event.listen(made, "begin", _begin_immediate)
    return made


def _prepare_sqlite(connection: Any, record: object) -> None:
    del record
    connection.isolation_level = None  # the driver's implicit BEGIN comes too late for _begin_immediate
    for pragma in (
        "journal_mode=WAL",
        f"busy_timeout={_BUSY_MS}",
        "foreign_keys=ON",
        "synchronous=NORMAL",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Any) -> None:
    # A deferred transaction that reads first and writes later fails at once with SQLITE_BUSY when another
    # process wrote in between; taking the write lock at the start waits instead. Who only reads need not wait.
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def reading(engine: Engine) -> Engine:
    """The same engine for transactions that only read: they never wait for a writer, not even in SQLite."""
    return engine.execution_options(reading=True)
