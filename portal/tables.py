"""The portal's own tables; the console's are in ``portal.console.tables`` on the same base.

Nothing here says in clear who or which device it was: persons and devices are pseudonyms of the local day on which
the row was made (``monitoring.pseudonyms``), and secrets of a browser are hashes. Moments are UTC.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, MetaData, String, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from policy.database import UtcDateTime

#: SHA-256 or a pseudonym, hexadecimal.
_HASH = String(64)
_LIVE = text("ended_at IS NULL")


class Base(DeclarativeBase):
    """All tables of portal and console. Constraints have names, so that a migration can change them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Visit(Base):
    """One stay of one device, from a sign-in until its end; ``id`` is the enforcer's session.

    ``bytes_limit`` is up + down at layer 3, ``None`` for unlimited. ``ended_at`` is ``None`` while the portal has
    not seen the end; whether the device may pass, and what it has used, only the enforcer knows.
    """

    __tablename__ = "visits"
    # One live visit per device, whatever two workers do at once.
    __table_args__ = (
        Index("uq_visits_live_device", "device", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    person: Mapped[str] = mapped_column(_HASH, index=True)
    device: Mapped[str] = mapped_column(_HASH)
    hotspot: Mapped[str] = mapped_column(String(200))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    extensions: Mapped[int] = mapped_column(Integer)
    bytes_limit: Mapped[int | None] = mapped_column(BigInteger)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    end_reason: Mapped[str | None] = mapped_column(String(32))


class SignIn(Base):
    """One sign-in under way at the identity provider; removed when it has expired.

    ``state`` and ``browser`` are hashes of what the browser must bring back. ``nonce`` and ``verifier`` are
    random and worth nothing without the provider's code; they are emptied when the row is used.
    """

    __tablename__ = "sign_ins"

    state: Mapped[str] = mapped_column(_HASH, primary_key=True)
    browser: Mapped[str] = mapped_column(_HASH)
    device: Mapped[str] = mapped_column(_HASH)
    nonce: Mapped[str] = mapped_column(String(64))
    verifier: Mapped[str] = mapped_column(String(128))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Pairing(Base):
    """One device that waits until somebody approves it in the app, and then until it is seen again.

    ``sealed`` holds what would say who it is, and the provider's secret (``portal.sealing``). ``due_at`` is when a
    worker looks after it next, ``interval`` the seconds between two such moments. At ``expires_at`` the row goes.
    """

    __tablename__ = "pairings"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    device: Mapped[str] = mapped_column(_HASH, unique=True)
    state: Mapped[str] = mapped_column(String(16))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    user_code: Mapped[str] = mapped_column(String(40))
    address: Mapped[str] = mapped_column(String(2048))
    match: Mapped[int] = mapped_column(Integer)
    interval: Mapped[int] = mapped_column(Integer)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Challenge(Base):
    """A nonce that one phone was given to prove its key with; removed when it is used or has expired.

    ``nonce`` is a hash. ``device`` and ``address`` are pseudonyms of the local day of ``made_at``: a proof that
    comes by another way than the challenge went is refused.
    """

    __tablename__ = "challenges"

    nonce: Mapped[str] = mapped_column(_HASH, primary_key=True)
    gateway: Mapped[str] = mapped_column(String(200))
    device: Mapped[str] = mapped_column(_HASH)
    address: Mapped[str] = mapped_column(_HASH)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class SpentToken(Base):
    """A token or proof that was accepted, kept while it could be again; ``id`` hashes its maker and jti."""

    __tablename__ = "spent_tokens"

    id: Mapped[str] = mapped_column(_HASH, primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class SignInFailure(Base):
    """One refused try of the app on a device, kept as long as it counts; ``reason`` is a word of our own."""

    __tablename__ = "sign_in_failures"
    __table_args__ = (Index(None, "device", "at"), Index(None, "at"))

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    device: Mapped[str] = mapped_column(_HASH)
    reason: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
