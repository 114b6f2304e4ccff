"""The console's tables: staff accounts, their sign-ins, and failed tries. No secret is stored in clear."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from policy.database import UtcDateTime
from portal.tables import Base

_NAME = String(32)


class StaffAccount(Base):
    """One member of staff. While ``one_time`` the password only serves to choose another."""

    __tablename__ = "staff_accounts"

    name: Mapped[str] = mapped_column(_NAME, primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str] = mapped_column(String(256))
    one_time: Mapped[bool] = mapped_column(Boolean)
    password_set_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class StaffSignIn(Base):
    """One browser that is or was signed in. ``token_hash`` is SHA-256 of the secret that only it holds."""

    __tablename__ = "staff_sign_ins"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    account: Mapped[str] = mapped_column(_NAME, ForeignKey(StaffAccount.name), index=True)
    address: Mapped[str] = mapped_column(String(45))
    agent: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SignInTries(Base):
    """Tries to sign in since the last success, by what is limited: an account's name or a network address."""

    __tablename__ = "staff_sign_in_tries"

    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    tries: Mapped[int] = mapped_column(Integer)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    blocked_until: Mapped[datetime] = mapped_column(UtcDateTime)
