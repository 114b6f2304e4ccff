"""Sign-ins under way: each may come back once, in the same browser, on the same device, for ten minutes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection, delete, insert, select, update

from portal.identity.code_flow import Attempt
from portal.tables import SignIn

#: Time to unlock the phone, find the PIN and correct it once.
LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Taken:
    """A sign-in that has come back; it cannot come back again."""

    browser: str
    device: str
    nonce: str
    verifier: str
    started_at: datetime


def secret_hash(secret: str) -> str:
    """How the database knows a secret that only a browser holds."""
    return sha256(secret.encode()).hexdigest()


def add(connection: Connection, attempt: Attempt, browser: str, device: str, now: datetime) -> None:
    """Remember a sign-in that begins; ``browser`` is a secret, ``device`` a pseudonym. Old rows go."""
    connection.execute(delete(SignIn).where(SignIn.expires_at <= now))
    connection.execute(
        insert(SignIn).values(
            state=secret_hash(attempt.state),
            browser=secret_hash(browser),
            device=device,
            nonce=attempt.nonce,
            verifier=attempt.verifier,
            started_at=now,
            expires_at=now + LIFETIME,
        )
    )


def take(connection: Connection, state: str, browser: str, now: datetime) -> Taken | None:
    """The sign-in that ``browser`` began with ``state``; ``None`` when there is none, or it was used, or is old.

    Another browser cannot use it up: its question changes nothing.
    """
    mine = (
        SignIn.state == secret_hash(state),
        SignIn.browser == secret_hash(browser),
        SignIn.used_at.is_(None),
        SignIn.expires_at > now,
    )
    row = connection.execute(
        select(SignIn.browser, SignIn.device, SignIn.nonce, SignIn.verifier, SignIn.started_at).where(*mine)
    ).one_or_none()
    if row is None:
        return None
    used = connection.execute(update(SignIn).where(*mine).values(used_at=now, nonce="", verifier=""))
    return Taken(*row) if used.rowcount == 1 else None
