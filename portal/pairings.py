"""Rows of devices that wait for an approval; every function works in its caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from portal.tables import Pairing as Row

WAITING: Final = "waiting"
APPROVED: Final = "approved"
DENIED: Final = "denied"
EXPIRED: Final = "expired"


@dataclass(frozen=True, slots=True)
class Pairing:
    """One row; ``state`` is one of the words above, ``interval`` is in seconds."""

    id: str
    device: str
    state: str
    sealed: bytes = field(repr=False)
    user_code: str
    address: str
    match: int
    interval: int
    due_at: datetime
    expires_at: datetime


_COLUMNS: Final = tuple(getattr(Row, name) for name in Pairing.__dataclass_fields__)


def of(connection: Connection, device: str, now: datetime) -> Pairing | None:
    """The pairing of a device, by the pseudonym under which it began."""
    row = connection.execute(select(*_COLUMNS).where(Row.device == device, Row.expires_at > now)).one_or_none()
    return None if row is None else Pairing(*row)


def count(connection: Connection) -> int:
    """How many there are."""
    return connection.execute(select(func.count()).select_from(Row)).scalar_one()


def put(connection: Connection, pairing: Pairing, now: datetime) -> None:
    """Begin one; the device's former one and old rows go."""
    connection.execute(delete(Row).where((Row.device == pairing.device) | (Row.expires_at <= now)))
    connection.execute(insert(Row).values({name: getattr(pairing, name) for name in Pairing.__dataclass_fields__}))


def any_due(connection: Connection, now: datetime) -> bool:
    """Whether ``claim`` would find one; needs no write."""
    return connection.execute(select(Row.id).where(*_due(now)).limit(1)).first() is not None


def _due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return Row.state.in_((WAITING, APPROVED)), Row.due_at <= now, Row.expires_at > now


def claim(connection: Connection, now: datetime, at_most: int) -> list[Pairing]:
    """Those that are due, each given to one caller only: its next moment is set before anybody is asked."""
    found = connection.execute(select(*_COLUMNS).where(*_due(now)).order_by(Row.due_at).limit(at_most)).all()
    claimed = []
    for pairing in (Pairing(*row) for row in found):
        mine = update(Row).where(Row.id == pairing.id, Row.due_at == pairing.due_at, Row.state == pairing.state)
        next_time = now + timedelta(seconds=pairing.interval)
        if connection.execute(mine.values(due_at=next_time)).rowcount == 1:
            claimed.append(pairing)
    return claimed


def change(connection: Connection, pairing: Pairing, **values: object) -> bool:
    """Set columns, if the pairing is still in the state that ``pairing`` was read in."""
    same = update(Row).where(Row.id == pairing.id, Row.state == pairing.state)
    return connection.execute(same.values(values)).rowcount == 1


def remove(connection: Connection, pairing: Pairing) -> None:
    """Forget it."""
    connection.execute(delete(Row).where(Row.id == pairing.id))
