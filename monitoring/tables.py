"""What the monitor keeps: usage per session and minute, totals, the last reading, and the audit log.

Bytes are layer 3 bytes, headers included; ``up`` is from the phone. Moments are UTC. A session is known here by
its random id only; who it was is a pseudonym in the portal's tables.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Connection, Float, Index, Integer, MetaData, String, event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from policy.database import UtcDateTime

_SESSION = String(36)
_REASON = String(32)
_BOOT = String(36)
#: SQLite counts up by itself only in a column of its type INTEGER, which holds 64 bits.
_ROW_NUMBER = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """All tables of monitoring. Constraints have names, so that a migration can change them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UsageMinute(Base):
    """What one session moved in one minute; minutes without traffic have no row."""

    __tablename__ = "usage_minutes"
    # The key is the row: half the bytes of a table with a hidden row number beside it (facts/storage.md).
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - SQLAlchemy's own contract

    session: Mapped[str] = mapped_column(_SESSION, primary_key=True)
    minute: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    up_bytes: Mapped[int] = mapped_column(BigInteger)
    down_bytes: Mapped[int] = mapped_column(BigInteger)
    up_packets: Mapped[int] = mapped_column(BigInteger)
    down_packets: Mapped[int] = mapped_column(BigInteger)


class SessionUsage(Base):
    """One session so far. The ``*_bytes`` and ``*_packets`` are always the sum of its minutes.

    ``seen_*`` is the cumulative figure that the enforcer last gave, and ``boot`` the kernel's boot it belongs to:
    the next reading counts from there. ``last_seen`` is the last reading in which it moved anything; the rates
    are bytes per second over the last reading. ``ended_at`` and ``end_reason`` are the enforcer's.
    """

    __tablename__ = "session_usage"
    # Readings ask for the sessions that have not ended, which stay few while the table grows.
    __table_args__ = (Index(None, "ended_at"), {"sqlite_with_rowid": False})

    session: Mapped[str] = mapped_column(_SESSION, primary_key=True)
    up_bytes: Mapped[int] = mapped_column(BigInteger)
    down_bytes: Mapped[int] = mapped_column(BigInteger)
    up_packets: Mapped[int] = mapped_column(BigInteger)
    down_packets: Mapped[int] = mapped_column(BigInteger)
    seen_up_bytes: Mapped[int] = mapped_column(BigInteger)
    seen_down_bytes: Mapped[int] = mapped_column(BigInteger)
    seen_up_packets: Mapped[int] = mapped_column(BigInteger)
    seen_down_packets: Mapped[int] = mapped_column(BigInteger)
    up_rate: Mapped[float] = mapped_column(Float)
    down_rate: Mapped[float] = mapped_column(Float)
    boot: Mapped[str] = mapped_column(_BOOT)
    first_seen: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    end_reason: Mapped[str | None] = mapped_column(_REASON)


class TrafficMinute(Base):
    """All sessions together in one minute, so that a picture of an hour reads 60 rows and not millions."""

    __tablename__ = "traffic_minutes"

    minute: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    up_bytes: Mapped[int] = mapped_column(BigInteger)
    down_bytes: Mapped[int] = mapped_column(BigInteger)
    up_packets: Mapped[int] = mapped_column(BigInteger)
    down_packets: Mapped[int] = mapped_column(BigInteger)


class LastReading(Base):
    """The single row (``id`` 1) that says how fresh everything else here is."""

    __tablename__ = "last_reading"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    boot: Mapped[str] = mapped_column(_BOOT)
    live: Mapped[int] = mapped_column(Integer)


class AuditEntry(Base):
    """Who did what to whom, and when. Only ever added to: the database itself refuses changes."""

    __tablename__ = "audit_entries"
    __table_args__ = (Index(None, "at"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(_ROW_NUMBER, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(128))
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)


AUDIT_TRIGGERS: dict[str, tuple[str, ...]] = {
    "sqlite": (
        "CREATE TRIGGER audit_entries_no_update BEFORE UPDATE ON audit_entries"
        " BEGIN SELECT RAISE(ABORT, 'an audit entry is never changed'); END",
        "CREATE TRIGGER audit_entries_no_delete BEFORE DELETE ON audit_entries"
        " BEGIN SELECT RAISE(ABORT, 'an audit entry is never deleted'); END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION audit_entries_refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'an audit entry is never changed or deleted'; END $$",
        "CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_refuse()",
    ),
}
"""By dialect: what makes ``audit_entries`` append-only, for ``create_all`` here and for the migration."""


@event.listens_for(AuditEntry.__table__, "after_create")
def _protect(table: object, connection: Connection, **_: object) -> None:
    del table
    for statement in AUDIT_TRIGGERS.get(connection.dialect.name, ()):
        connection.exec_driver_sql(statement)
