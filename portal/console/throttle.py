"""Slows guessing down: every try to sign in is counted in the database, by account and by address.

The database, so that it holds across workers and restarts. A pause grows with each try and has a limit, so that
nobody can lock an operator out for good by guessing on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from portal.console.tables import SignInTries

_LONGEST = timedelta(minutes=15)
"""ASVS 5.0 6.3.1 asks for a limit; at 4 tries an hour a password that passes ``passwords.check`` holds."""

_FORGOTTEN = timedelta(days=1)
"""After a day without a try a key starts anew, and its row goes."""


@dataclass(frozen=True, slots=True)
class Key:
    """What is limited, and how many tries are free before pauses begin."""

    name: str
    free: int


def keys_of(account: str, address: str) -> Sequence[Key]:
    """An account gets 5 tries, an address 20 (an office shares one); an IPv6 address counts as its /64."""
    return (Key(f"account:{account}", 5), Key(f"address:{_network(address)}", 20))


def count(connection: Connection, keys: Sequence[Key], now: datetime) -> timedelta:
    """Count one try and return zero, or return how long to wait, uncounted, when any key is blocked."""
    names = [key.name for key in keys]
    connection.execute(delete(SignInTries).where(SignInTries.last_at < now - _FORGOTTEN))
    rows = connection.execute(
        select(SignInTries.key, SignInTries.tries, SignInTries.blocked_until)
        .where(SignInTries.key.in_(names))
        .with_for_update()
    ).all()
    wait = max((row.blocked_until - now for row in rows), default=timedelta(0))
    if wait > timedelta(0):
        return wait
    before = {row.key: row.tries for row in rows}
    for key in keys:
        _store(connection, key, before.get(key.name, 0) + 1, now)
    return timedelta(0)


def forgive(connection: Connection, keys: Sequence[Key]) -> None:
    """Forget the tries of an account that got in; the address keeps its own, less this one.

    Otherwise whoever has one account could guess others' passwords without end by signing in between.
    """
    account, address = keys
    connection.execute(delete(SignInTries).where(SignInTries.key == account.name))
    connection.execute(
        SignInTries.__table__.update()  # type: ignore[attr-defined]
        .where(SignInTries.key == address.name)
        .values(tries=SignInTries.tries - 1)
    )


def _store(connection: Connection, key: Key, tries: int, now: datetime) -> None:
    over = min(tries - key.free, 20)
    pause = min(timedelta(seconds=2**over), _LONGEST) if over >= 0 else timedelta(0)
    row = {"key": key.name, "tries": tries, "last_at": now, "blocked_until": now + pause}
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(
        dialect.insert(SignInTries).values(row).on_conflict_do_update(index_elements=["key"], set_=row)
    )


def _network(address: str) -> str:
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed)
