"""Signed-in browsers: rows in the database that can be listed and revoked, not promises in a cookie.

The cookie carries 256 random bits; the row keeps their SHA-256, so that a copy of the database signs nobody in.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from portal.console.tables import StaffSignIn

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
"""One long shift (NIST SP 800-63B-4 AAL2: at most 24 h, 1 h idle)."""

_KEPT = timedelta(days=90)
_TOUCH = timedelta(minutes=1)
"""``seen_at`` is at most this stale: not every page view need write."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """One sign-in, as its owner may see it."""

    id: str
    account: str
    address: str
    agent: str
    created_at: datetime
    seen_at: datetime


_COLUMNS = (
    StaffSignIn.id,
    StaffSignIn.account,
    StaffSignIn.address,
    StaffSignIn.agent,
    StaffSignIn.created_at,
    StaffSignIn.seen_at,
)


def begin(connection: Connection, account: str, address: str, agent: str, now: datetime) -> str:
    """Make a sign-in and return its token, which is stored nowhere."""
    token = secrets.token_urlsafe(32)
    connection.execute(delete(StaffSignIn).where(StaffSignIn.created_at < now - _KEPT))
    connection.execute(
        insert(StaffSignIn).values(
            id=str(uuid4()),
            token_hash=_hash(token),
            account=account,
            address=address,
            agent="".join(c for c in agent if c.isprintable())[:200],
            created_at=now,
            seen_at=now,
            ended_at=None,
        )
    )
    return token


def find(connection: Connection, token: str, now: datetime, *, active: bool) -> SignIn | None:
    """The sign-in of this token if it still holds; ``active`` (a person did something) restarts the idle time."""
    row = connection.execute(
        select(*_COLUMNS).where(StaffSignIn.token_hash == _hash(token), *_holds(now))
    ).one_or_none()
    if row is None:
        return None
    if active and now - row.seen_at > _TOUCH:
        connection.execute(update(StaffSignIn).where(StaffSignIn.id == row.id).values(seen_at=now))
    return SignIn(*row)


def of_account(connection: Connection, account: str, now: datetime) -> Sequence[SignIn]:
    """Those that hold, the newest first."""
    rows = connection.execute(
        select(*_COLUMNS)
        .where(StaffSignIn.account == account, *_holds(now))
        .order_by(StaffSignIn.created_at.desc())
    )
    return [SignIn(*row) for row in rows]


def end(connection: Connection, account: str, now: datetime, *, only: str = "", but: str = "") -> int:
    """End sign-ins of ``account`` and say how many: one by id (``only``), all, or all ``but`` one."""
    which = [StaffSignIn.account == account, StaffSignIn.ended_at.is_(None)]
    if only:
        which.append(StaffSignIn.id == only)
    if but:
        which.append(StaffSignIn.id != but)
    return connection.execute(update(StaffSignIn).where(*which).values(ended_at=now)).rowcount


def _holds(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        StaffSignIn.ended_at.is_(None),
        StaffSignIn.seen_at > now - IDLE,
        StaffSignIn.created_at > now - ABSOLUTE,
    )


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()
