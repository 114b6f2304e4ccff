"""Challenges, spent tokens and refused tries of the app, for ``portal.app_sign_in``; in its caller's transaction.

Whatever may happen once only is decided by one statement of the database, so that of two workers one wins.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import uuid4

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from portal.tables import Challenge, SignInFailure, SpentToken

#: Time to fetch an access token over a slow network, and no more (the contract: at most 60 s).
CHALLENGE_LIFETIME = timedelta(seconds=60)
#: The longest that a token can still be accepted: 120 s of life, begun up to 30 s ahead, ended up to 30 s ago.
#: A proof has less: 60 s ahead and 60 s ago.
SPENT_LIFETIME = timedelta(seconds=180)
#: So many refused tries within this time block a device (the contract: at least 10 in 5 minutes).
FAILURES = 10
FAILURE_WINDOW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Taken:
    """A challenge that was used; nobody can use it again."""

    device: str
    address: str
    made_at: datetime


def add_challenge(
    connection: Connection, nonce: str, gateway: str, device: str, address: str, now: datetime
) -> None:
    """Remember a challenge; ``device`` and ``address`` are pseudonyms. Old rows go."""
    connection.execute(delete(Challenge).where(Challenge.expires_at <= now))
    connection.execute(
        insert(Challenge).values(
            nonce=_hash(nonce),
            gateway=gateway,
            device=device,
            address=address,
            made_at=now,
            expires_at=now + CHALLENGE_LIFETIME,
        )
    )


def take_challenge(connection: Connection, nonce: str, gateway: str, now: datetime) -> Taken | None:
    """Use up a challenge of this gateway, whoever asks; ``None`` when there is none, or it is old or used.

    A stranger who knows it has read the owner's messages: using it up then is right.
    """
    mine = (Challenge.nonce == _hash(nonce), Challenge.gateway == gateway)
    columns = (Challenge.device, Challenge.address, Challenge.made_at, Challenge.expires_at)
    row = connection.execute(delete(Challenge).where(*mine).returning(*columns)).one_or_none()
    if row is None or row.expires_at <= now:
        return None
    return Taken(row.device, row.address, row.made_at)


def spend(connection: Connection, maker: str, name: str, now: datetime) -> bool:
    """Whether ``maker``'s token or proof ``name`` (its ``jti``) is seen for the first time. Old rows go."""
    connection.execute(delete(SpentToken).where(SpentToken.expires_at <= now))
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    row = {"id": _hash(f"{maker}\n{name}"), "expires_at": now + SPENT_LIFETIME}
    # RETURNING, because rowcount is not known where a conflict does nothing.
    first = dialect.insert(SpentToken).values(row).on_conflict_do_nothing().returning(SpentToken.id)
    return connection.execute(first).one_or_none() is not None


def add_failure(connection: Connection, device: str, reason: str, now: datetime) -> None:
    """Count one refused try. Rows that no longer count go."""
    connection.execute(delete(SignInFailure).where(SignInFailure.at <= now - FAILURE_WINDOW))
    connection.execute(insert(SignInFailure).values(id=str(uuid4()), device=device, reason=reason, at=now))


def blocked_for(connection: Connection, devices: Collection[str], now: datetime) -> timedelta:
    """How long a device must wait before its next try; zero where it need not."""
    recent = (SignInFailure.device.in_(devices), SignInFailure.at > now - FAILURE_WINDOW)
    query = select(SignInFailure.at).where(*recent).order_by(SignInFailure.at.desc()).limit(FAILURES)
    moments = connection.execute(query).scalars().all()
    if len(moments) < FAILURES:
        return timedelta(0)
    return moments[-1] + FAILURE_WINDOW - now


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()
