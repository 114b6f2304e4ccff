"""What the console reads: visits beside their usage. The database sorts, searches and cuts; pages only show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, or_, select

from monitoring.tables import LastReading, SessionUsage, TrafficMinute, UsageMinute
from portal.tables import Visit

PAGE = 50
"""Sessions on one page: a hotspot's usual load (facts/storage.md) fits on the first."""


class Order(StrEnum):
    """How the live list is sorted: the first is what an operator looks for."""

    RATE = "laju"
    BYTES = "data"
    STARTED = "mulai"


@dataclass(frozen=True, slots=True)
class SessionView:
    """One visit and what it moved. Rates are bytes per second; ``last_seen`` is when it last moved anything."""

    id: str
    person: str
    device: str
    hotspot: str
    started_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    end_reason: str | None
    up_bytes: int
    down_bytes: int
    up_rate: float
    down_rate: float
    last_seen: datetime | None

    @property
    def moving(self) -> bool:
        """Whether the last reading found traffic."""
        return self.up_rate > 0 or self.down_rate > 0

    def over(self, now: datetime) -> bool:
        """Whether it can pass nothing any more."""
        return self.ended_at is not None or self.expires_at <= now


@dataclass(frozen=True, slots=True)
class Minute:
    """Bytes in one minute."""

    at: datetime
    up_bytes: int
    down_bytes: int


@dataclass(frozen=True, slots=True)
class Reading:
    """The last reading of the counters and the rates of all sessions together, bytes per second."""

    at: datetime
    up_rate: float
    down_rate: float


_COLUMNS: tuple[Any, ...] = (
    Visit.id,
    Visit.person,
    Visit.device,
    Visit.hotspot,
    Visit.started_at,
    Visit.expires_at,
    func.coalesce(Visit.ended_at, SessionUsage.ended_at),
    func.coalesce(Visit.end_reason, SessionUsage.end_reason),
    func.coalesce(SessionUsage.up_bytes, 0),
    func.coalesce(SessionUsage.down_bytes, 0),
    func.coalesce(SessionUsage.up_rate, 0.0),
    func.coalesce(SessionUsage.down_rate, 0.0),
    SessionUsage.last_seen,
)

_ORDERS: dict[Order, ColumnElement[Any]] = {
    Order.RATE: func.coalesce(SessionUsage.up_rate + SessionUsage.down_rate, 0.0).desc(),
    Order.BYTES: func.coalesce(SessionUsage.up_bytes + SessionUsage.down_bytes, 0).desc(),
    Order.STARTED: Visit.started_at.desc(),
}


def live(
    connection: Connection, now: datetime, search: str, order: Order, page: int
) -> tuple[Sequence[SessionView], int]:
    """One page (from 1) of the sessions that may pass, and how many there are in all pages."""
    conditions = [*_live(now), *_matching(search)]
    total = connection.execute(
        select(func.count(Visit.id)).outerjoin(SessionUsage, SessionUsage.session == Visit.id).where(*conditions)
    ).scalar_one()
    rows = connection.execute(
        _sessions().where(*conditions).order_by(_ORDERS[order], Visit.id).limit(PAGE).offset((page - 1) * PAGE)
    )
    return [_view(row) for row in rows], total


def session(connection: Connection, session_id: str) -> SessionView | None:
    """One session, live or over."""
    row = connection.execute(_sessions().where(Visit.id == session_id)).one_or_none()
    return None if row is None else _view(row)


def minutes_of(connection: Connection, session_id: str, since: datetime) -> Sequence[Minute]:
    """The minutes of one session in which it moved anything, the oldest first."""
    rows = connection.execute(
        select(UsageMinute.minute, UsageMinute.up_bytes, UsageMinute.down_bytes)
        .where(UsageMinute.session == session_id, UsageMinute.minute >= since)
        .order_by(UsageMinute.minute)
    )
    return [Minute(*row) for row in rows]


def minutes_of_all(connection: Connection, since: datetime) -> Sequence[Minute]:
    """All sessions together, the oldest first."""
    rows = connection.execute(
        select(TrafficMinute.minute, TrafficMinute.up_bytes, TrafficMinute.down_bytes)
        .where(TrafficMinute.minute >= since)
        .order_by(TrafficMinute.minute)
    )
    return [Minute(*row) for row in rows]


def hour_before(now: datetime) -> tuple[datetime, ...]:
    """The 60 whole minutes before this one: the minute that is running would always look like a fall."""
    this = now.replace(second=0, microsecond=0)
    return tuple(this - timedelta(minutes=back) for back in range(60, 0, -1))


def reading(connection: Connection) -> Reading | None:
    """How fresh the figures are; ``None`` before the first reading."""
    at = connection.execute(select(LastReading.at)).scalar_one_or_none()
    if at is None:
        return None
    rates = connection.execute(
        select(
            func.coalesce(func.sum(SessionUsage.up_rate), 0.0),
            func.coalesce(func.sum(SessionUsage.down_rate), 0.0),
        ).where(SessionUsage.ended_at.is_(None))
    ).one()
    return Reading(at, *rates)


def _sessions() -> Select[Any]:
    return select(*_COLUMNS).outerjoin(SessionUsage, SessionUsage.session == Visit.id)


def _live(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (Visit.ended_at.is_(None), Visit.expires_at > now, SessionUsage.ended_at.is_(None))


def _matching(search: str) -> tuple[ColumnElement[bool], ...]:
    if not search:
        return ()
    begins = [
        column.startswith(search.lower(), autoescape=True) for column in (Visit.id, Visit.person, Visit.device)
    ]
    return (or_(*begins, Visit.hotspot.icontains(search, autoescape=True)),)


def _view(row: Row[Any]) -> SessionView:
    return SessionView(*tuple(row))
