"""Staff accounts: who there is, what each may do, and the way in."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from monitoring import audit
from portal.console import passwords, throttle
from portal.console.tables import StaffAccount

ONE_TIME_LIFE = timedelta(hours=72)
"""How long a one-time password waits for its owner (ASVS 5.0 6.4.1: short), over a weekend."""

_NAME = re.compile(r"[a-z][a-z0-9._-]{1,31}")


class Role(StrEnum):
    """What a member of staff is for."""

    OPERATOR = "operator"
    APPROVER = "approver"
    AUDITOR = "auditor"
    LEADER = "leader"
    ADMIN = "admin"

    @property
    def may_end_sessions(self) -> bool:
        """Operators do; everybody else looks on."""
        return self in (Role.OPERATOR, Role.ADMIN)

    @property
    def may_read_audit(self) -> bool:
        """Auditors do, and whoever runs the system."""
        return self in (Role.AUDITOR, Role.ADMIN)


class AccountError(ValueError):
    """Why an account cannot be made; for the person at the command line."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account whose password was right. While ``must_choose`` it may only choose a new one."""

    name: str
    role: Role
    must_choose: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a sign-in failed. ``wait`` is zero for wrong words, else how long no try counts."""

    wait: timedelta = timedelta(0)


def add(engine: Engine, name: str, role: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> str:
    """Make an account and return its one-time password, which is stored nowhere.

    Raises ``AccountError`` for a name that exists or cannot be one, ``ValueError`` for an unknown role.
    """
    if not _NAME.fullmatch(name):
        raise AccountError(f"{name!r} cannot be a name: 2 to 32 of a-z, 0-9, '.', '_' and '-', a letter first")
    password, at = passwords.one_time(), now()
    row = {
        "name": name,
        "role": Role(role).value,
        "password_hash": passwords.hashed(password),
        "one_time": True,
        "password_set_at": at,
        "created_at": at,
    }
    try:
        with engine.begin() as connection:
            connection.execute(insert(StaffAccount).values(row))
            audit.record(connection, "command line", "staff.add", name, {"role": row["role"]}, at)
    except IntegrityError as error:
        raise AccountError(f"there is an account {name!r} already") from error
    return password


def find(connection: Connection, name: str) -> Account | None:
    """The account of this name."""
    row = connection.execute(
        select(StaffAccount.name, StaffAccount.role, StaffAccount.one_time).where(StaffAccount.name == name)
    ).one_or_none()
    return None if row is None else Account(row.name, Role(row.role), row.one_time)


def authenticate(
    engine: Engine, name: str, password: str, address: str, now: Callable[[], datetime]
) -> Account | Refusal:
    """Check a name and a password; equal answers and equal work for unknown names and wrong passwords.

    The try is counted before the password is looked at, so that many at once are not more than one after another.
    """
    name = name.strip().lower()
    keys = throttle.keys_of(name if _NAME.fullmatch(name) else "", address)
    with engine.begin() as connection:
        wait = throttle.count(connection, keys, now())
        if wait > timedelta(0):
            return Refusal(wait)
        row = connection.execute(select(StaffAccount).where(StaffAccount.name == name)).one_or_none()
    right = passwords.matches(row.password_hash if row else passwords.NOBODY, password[: passwords.LONGEST])
    if row is None or not right or (row.one_time and now() - row.password_set_at > ONE_TIME_LIFE):
        return Refusal()
    with engine.begin() as connection:
        throttle.forgive(connection, keys)
        if passwords.outdated(row.password_hash):
            _store(connection, name, passwords.hashed(password))
    return Account(row.name, Role(row.role), row.one_time)


def confirm(engine: Engine, name: str, password: str, address: str, now: Callable[[], datetime]) -> bool:
    """Whether somebody who is signed in knows the password; limited as a sign-in is."""
    return isinstance(authenticate(engine, name, password, address, now), Account)


def choose_password(connection: Connection, name: str, password: str, now: datetime) -> None:
    """Set the password; ``passwords.WeakPassword`` when it may not be."""
    passwords.check(password, name)
    _store(connection, name, passwords.hashed(password), one_time=False, password_set_at=now)
    audit.record(connection, name, "staff.password", name, {}, now)


def _store(connection: Connection, name: str, password_hash: str, **more: object) -> None:
    connection.execute(
        update(StaffAccount).where(StaffAccount.name == name).values(password_hash=password_hash, **more)
    )
